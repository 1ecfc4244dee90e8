"""`carddav-msg serve`: what it checks before it serves, and what a real server process does."""

from __future__ import annotations

import json
import re
import resource
import socket
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from carddav_msg.settings import PREFIX, Settings
from tests.builders import add_network, add_user
from tests.cli.conftest import Command
from tests.cli.test_database import execute
from tests.servers import PATIENCE, Server, Servers, environment


def program(server: Servers, settings: Settings, *arguments: str) -> Server:
    """`serve` with arguments of its own; where it listens is in its output."""
    command = [sys.executable, "-m", "carddav_msg", "serve", *arguments]
    return server.process(command, environment(settings), "http://127.0.0.1:0")


def said(server: Server, pattern: str) -> re.Match[str]:
    """The first match in the server's output, waited for."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := re.search(pattern, server.output()):
            return found
        time.sleep(0.05)
    raise TimeoutError(server.output())


def answered(url: str) -> object:
    """The JSON that a URL answers."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  # the server that was just started
        return json.load(response)


def raw(url: str, request: bytes) -> bytes:
    """What comes back for bytes sent as they are."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        with suppress(ConnectionResetError):  # of an answer that came before all of the request was read
            return b"".join(iter(lambda: connection.recv(65536), b""))
        return b""


def test_a_free_port_is_taken_and_printed(server: Servers, settings: Settings) -> None:
    """With port 0 the URL is printed, on standard output, and answers."""
    started = program(server, settings, "--port", "0", "--workers", "2", "--threads", "2")
    url = said(started, r"(?m)^carddav-msg serves (http://127\.0\.0\.1:\d+)$")[1]
    assert answered(f"{url}/readyz") == {"ready": True, "problems": []}
    assert "set public_url" in started.output()


def test_a_new_sqlite_file_is_migrated(server: Servers, settings: Settings, tmp_path: Path) -> None:
    """The first start makes the database, lets it know the keys, and is silent about it."""
    new = replace(settings, database_url=f"sqlite:///{tmp_path / 'deep' / 'new.db'}")
    started = server(new)
    assert answered(f"{started.url}/readyz") == {"ready": True, "problems": []}
    directory = bootstrap.open_directory(new)
    known = directory.key_checks()
    directory.close()
    assert set(known) == {key.key_id for key in bootstrap.load_keyring(new).keys}
    assert "alembic" not in started.output()


def test_an_encoded_path_is_decoded(server: Servers, settings: Settings, services: bootstrap.Services) -> None:
    """A percent-encoded principal is found."""
    acme = add_network(services, "acme")
    add_user(services, acme, "jürgen@acme.example", password="secret-j")
    started = server(settings)
    request = (
        b"PROPFIND /dav/acme~j%C3%BCrgen%40acme.example/directory/ HTTP/1.1\r\nHost: x\r\nDepth: 0\r\n"
        b"Authorization: Basic YWNtZX5qw7xyZ2VuQGFjbWUuZXhhbXBsZTpzZWNyZXQtag==\r\nConnection: close\r\n\r\n"
    )
    assert raw(started.url, request).startswith(b"HTTP/1.1 207")


def test_what_does_not_fit_a_request_is_refused(server: Servers, settings: Settings) -> None:
    """Over-long lines and heads get their status, and no log says what was in them."""
    started = server(settings, log_level="debug")
    long, many = b"x" * 200_000, b"X-Canary: canary\r\n" * 120
    line = b"GET /auth?password=canary" + long + b" HTTP/1.1\r\n\r\n"
    assert raw(started.url, line).startswith((b"HTTP/1.1 414", b"HTTP/1.1 431"))  # by what came first
    header = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic canary" + long + b"\r\n\r\n"
    assert raw(started.url, header).startswith(b"HTTP/1.1 431")
    assert raw(started.url, b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431")
    assert raw(started.url, b"GET /auth?password=canary HTTP/x\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert "canary" not in started.output().lower()


def test_cards_are_rendered_again_beside_the_server(
    server: Servers, settings: Settings, services: bootstrap.Services
) -> None:
    """Settings that change what is served start `rebuild`, and the server is there meanwhile."""
    acme = add_network(services, "acme")
    user = add_user(services, acme, "anna")
    started = server(settings, network_id_property="X-TENANT")
    assert "rendered again" in started.output()
    book = services.directory.home(user.id)[0]
    until = time.monotonic() + PATIENCE
    while "X-TENANT:acme" not in services.directory.texts(book.id, 0, 1)[0][1].text:
        assert time.monotonic() < until, started.output()
        time.sleep(0.05)


@pytest.mark.parametrize(("host", "refused"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])  # noqa: S104
def test_only_a_loopback_listener_takes_credentials_without_https(
    server: Servers, settings: Settings, services: bootstrap.Services, host: str, refused: bool
) -> None:
    """It is the listener that counts: one that others reach refuses them from whomever, this machine too."""
    add_user(services, add_network(services, "acme"), "anna", password="secret-a")
    url = server(settings, host=host).url
    body = b"username=acme~anna&password=secret-a"
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    said = raw(url, b"POST /contacts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + form + body)
    assert said.startswith(b"HTTP/1.1 403 " if refused else b"HTTP/1.1 200 ")
    assert (b"https" in said) is refused


def test_sigterm_ends_the_server(server: Servers, settings: Settings) -> None:
    """An operator's stop is orderly: the workers finish and end, and the process with them."""
    started = server(settings, workers=2)
    assert "Traceback" not in started.stop()
    assert started.status == 0


def test_it_takes_the_descriptors_that_it_may_have(server: Servers, settings: Settings) -> None:
    """A system's usual 1,024 are fewer than the connections of idle phones."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    shell = f"ulimit -S -n 256 && exec {sys.executable} -m carddav_msg serve --port 0"
    running = server.process(["sh", "-c", shell], environment(settings), "http://127.0.0.1:0")
    said(running, r"carddav-msg serves")
    limits = Path(f"/proc/{running.pid}/limits").read_text()
    found = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)
    assert found is not None
    assert int(found[1]) == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))


def test_an_older_schema_is_refused(command: Command, settings: Settings) -> None:
    """A database that exists is never migrated by the way."""
    execute(settings, "UPDATE alembic_version SET version_num = '0000'")
    assert "Run: carddav-msg migrate" in command.fails("serve")


def test_a_newer_schema_is_refused(command: Command, settings: Settings) -> None:
    """A database of a later release is not written to."""
    execute(settings, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this release" in command.fails("serve")


def test_a_missing_key_is_named(acme: Command, settings: Settings) -> None:
    """A server whose keys don't fit the database does not start and names each key that is missing."""
    path = Path(settings.keys_file)
    lost = keyring.load(path)
    path.unlink()
    assert "carddav-msg keys init" in acme.fails("serve")
    keyring.write(path, keyring.generate())
    output = acme.fails("serve")
    assert all(key.key_id in output for key in lost.keys)


def test_an_address_that_is_taken_is_named(command: Command) -> None:
    """The command ends at once, and says where it could not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: Address already in use" in command.fails("serve", "--port", str(port))
    assert "Can't listen on" in command.fails("serve", "--host", "nowhere.invalid")


def test_wrong_settings_and_options(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong option is a mistake in the use, a wrong setting a sentence."""
    assert "--port" in command.fails("serve", "--port", "70000", code=2)
    monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", "example.com")
    assert "public_url" in command.fails("serve")


def test_a_unix_socket_is_served_to_its_group_only(server: Servers, settings: Settings, tmp_path: Path) -> None:
    """Whoever can open it is believed like a proxy, so strangers can't; credentials need no https there."""
    path = tmp_path / "http.sock"
    started = program(server, replace(settings, host=f"unix:{path}"), "--workers", "1")
    said(started, rf"(?m)^carddav-msg serves unix:{path}$")
    assert path.stat().st_mode & 0o007 == 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /contacts HTTP/1.1\r\nHost: contacts.example\r\nConnection: close\r\n\r\n")
        assert b"".join(iter(lambda: connection.recv(65536), b"")).startswith(b"HTTP/1.1 401")
    started.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    ("access", "listed", "sentence"),
    [
        ("open", (), "is open; it answers every address"),
        ("closed", ("203.0.113.0/24",), "is closed; it answers 203.0.113.0/24."),
        ("closed", (), "it answers nobody"),
    ],
)
def test_each_start_says_whom_external_authentication_answers(
    server: Servers, settings: Settings, access: str, listed: tuple[str, ...], sentence: str
) -> None:
    """Open or closed is a decision, so it is never silent."""
    started = program(server, replace(settings, auth_access=access, auth_allowed_sources=listed), "--port", "0")
    assert sentence in said(started, "External Authentication .*")[0]
