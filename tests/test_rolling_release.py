"""A release that renders cards differently replaces the one before, server by server, while phones go on."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_users, new_user
from tests.plugins.webdav import Answer, over_http, sync
from tests.servers import PATIENCE, ROOT, Server, Servers, environment, free_port

USERS = 450
TITLED = 30
"""Users with a title, which the next release renders differently: those of the last pages."""
BOOK = "/dav/acme~user0/directory/"
TEAM = "/dav/acme~user0/team/"


def next_release(folder: Path) -> Path:
    """A copy of the packages with a higher render version, which writes titles in capitals."""
    for name in ("carddav_msg", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in (
        ("publishing/renderer.py", r"(?m)^RENDER_VERSION = (\d+)$", r"RENDER_VERSION = 1\1"),
        ("formats/vcard/render.py", r"TITLE:\{escape\(profile\.title\)\}", "TITLE:{escape(profile.title).upper()}"),
    ):
        path = folder / "carddav_msg" / file
        changed, count = re.subn(old, new, path.read_text())
        assert count == 1, file
        path.write_text(changed)
    return folder


@dataclass
class Installation:
    """A database, and servers of two releases that come and go; `up` are those that a proxy asks."""

    settings: Settings
    services: Services
    servers: Servers
    next: Path
    up: list[Server] = field(default_factory=list)

    def environ(self, release: Path, settings: Settings) -> dict[str, str]:
        return environment(settings) | {"PYTHONPATH": os.pathsep.join([str(release), str(release / "plugins")])}

    def run(self, *arguments: str) -> None:
        """A command of the next release."""
        command = [sys.executable, "-m", "carddav_msg", *arguments]
        environ = self.environ(self.next, self.settings)
        subprocess.run(command, env=environ, check=True, capture_output=True, cwd=self.next)

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "carddav_msg", *arguments]
        environ = self.environ(self.next, self.settings)
        return subprocess.Popen(command, env=environ, cwd=self.next, stderr=subprocess.DEVNULL)

    def start(self, release: Path) -> Server:
        """A further server, which takes requests when this returns; the proxy knows of it before."""
        port = free_port()
        settings = replace(self.settings, host="127.0.0.1", port=port, workers=1, threads=6)
        command = [sys.executable, "-m", "carddav_msg", "serve"]
        environ, url = self.environ(release, settings), f"http://127.0.0.1:{port}"
        server = self.servers.process(command, environ, url, cwd=release)
        self.up.append(server)
        return server.wait()

    def stop(self, server: Server) -> None:
        self.up.remove(server)
        assert "Traceback" not in server.stop()

    def capitals(self) -> int:
        """How many directory cards the next release has rendered differently."""
        user = self.services.administration.users.find("acme", "user0")[1]
        book = self.services.directory.home(user.id)[0]
        return sum("TITLE:AGENT" in card.text for _, card in self.services.directory.texts(book.id, 0, 10_000))

    def book_seq(self) -> int:
        user = self.services.administration.users.find("acme", "user0")[1]
        return self.services.directory.home(user.id)[0].seq


@pytest.fixture
def installation(any_settings: Settings, server: Servers, tmp_path: Path) -> Iterator[Installation]:
    """A network with many users, and a shared book that all write."""
    with contextlib.closing(bootstrap.build(any_settings)) as services:
        acme = add_network(services, "acme")
        titles = [""] * (USERS - TITLED) + ["Agent"] * TITLED
        users = [new_user(f"user{number}", title=title, password="right") for number, title in enumerate(titles)]
        add_users(services, acme, users)
        services.administration.books.add("acme", "team", everyone="write")
        yield Installation(any_settings, services, server, next_release(tmp_path / "next"))


class Traffic:
    """Clients that ask as through a proxy: a server that is gone or says 503 is followed by another one."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._done = threading.Event()
        self._rounds = 0
        self._turn = 0
        self.failed: list[str] = []
        self.sent_again: list[str] = []
        self.refused = 0
        self.written = ""
        works = (self._synchronise, self._synchronise, self._write, self._poll, self._read_contacts)
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def go_on(self, rounds: int = 20) -> None:
        """Returns when the clients have done more rounds."""
        until, wanted = time.monotonic() + PATIENCE, self._rounds + rounds
        while self._rounds < wanted and time.monotonic() < until and not self.failed:
            time.sleep(0.02)
        assert not self.failed, self.failed
        assert self._rounds >= wanted

    def _run(self, work: Callable[[dict[str, Any]], None]) -> None:
        known: dict[str, Any] = {}
        try:
            while not self._done.is_set():
                work(known)
                self._rounds += 1
        except Exception as error:  # of a thread: told by the test
            self.failed.append(f"{work.__name__}: {error!r}")

    def _ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """Asks one server after the other. A write that one of them refuses for now is tried once more, as it says."""
        told: list[str] = []
        for _ in range(2):
            servers = list(self._installation.up)
            turn = self._turn = self._turn + 1
            for number in range(len(servers)):
                url = servers[(turn + number) % len(servers)].url
                try:
                    answer = over_http(url, "acme~user0", "right")(method, path, body, **headers)
                except OSError as error:
                    told.append(f"{url} {error}")
                    continue
                if answer.status != 503:
                    return answer
                assert method == "PUT", "a read is never refused"
                self.refused += 1
                told.append(f"{url} Retry-After: {answer.headers['retry-after']}")
            if not self.refused:
                break
        raise AssertionError(f"{method} {path}: {told}")

    def _synchronise(self, known: dict[str, Any]) -> None:
        etags = known.setdefault("etags", {})
        answer = self._ask("REPORT", BOOK, sync(known.get("token", ""), "D:getetag"))
        assert answer.status == 207, answer
        for href, response in answer.responses.items():
            etag = response.props["D:getetag"][1]
            if etags.get(href) == etag:
                self.sent_again.append(href)
            etags[href] = etag
        known["token"] = answer.token
        assert len(etags) == USERS

    def _write(self, known: dict[str, Any]) -> None:
        number = known["number"] = known.get("number", 0) + 1
        body = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:written\r\nFN:Number {number}\r\nEND:VCARD\r\n"
        answer = self._ask("PUT", TEAM + "written.vcf", body, Content_Type="text/vcard")
        assert answer.status in (201, 204), answer
        self.written = body
        assert self._ask("GET", TEAM + "written.vcf").text == body

    def _poll(self, known: dict[str, Any]) -> None:
        assert self._ask("PROPFIND", BOOK, depth="0").status == 207

    def _read_contacts(self, known: dict[str, Any]) -> None:
        answer = self._ask("GET", "/contacts", If_None_Match=known.get("tag", '"none"'))
        assert answer.status in (200, 304), answer
        known["tag"] = answer.headers["etag"]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_rolling_release(installation: Installation) -> None:
    """Migrate, restart one server, render, restart the other: no request fails, and no phone gets a card again."""
    old = [installation.start(ROOT), installation.start(ROOT)]
    first = installation.book_seq()
    with Traffic(installation) as traffic:
        traffic.go_on()
        installation.run("migrate")
        traffic.go_on()
        installation.start(installation.next)
        installation.stop(old[0])
        wait_for(lambda: installation.capitals() == TITLED)
        traffic.go_on()  # the old one refuses by now what the new one takes
        installation.start(installation.next)
        installation.stop(old[1])
        traffic.go_on()
    assert not traffic.failed, traffic.failed
    assert traffic.sent_again == []
    assert traffic.refused
    assert installation.book_seq() == first + TITLED
    answer = over_http(installation.up[0].url, "acme~user0", "right")("GET", TEAM + "written.vcf")
    assert answer.text == traffic.written


def test_both_releases_have_the_same_tags(installation: Installation) -> None:
    """Contacts that are equal are not loaded again only because another server answers."""
    old, new = installation.start(ROOT), installation.start(installation.next)
    wait_for(lambda: installation.capitals() == TITLED)
    for here, there in ((old, new), (new, old)):
        tag = over_http(here.url, "acme~user0", "right")("GET", "/contacts").headers["etag"]
        assert over_http(there.url, "acme~user0", "right")("GET", "/contacts", If_None_Match=tag).status == 304


def test_a_kill_in_the_middle(installation: Installation) -> None:
    """What the killed process has done stays, the next start does the rest, and no card is numbered twice."""
    installation.run("migrate")
    first = installation.book_seq()
    # The first page changes a card, the others change theirs when the process is gone.
    users = installation.services.administration.users
    users.change("acme", "user0", lambda user: replace(user, profile=replace(user.profile, title="Agent")))
    process = installation.popen("rebuild", "--due")
    try:
        while True:
            with installation.services.directory.write() as transaction:
                transaction.connection.execute(text("UPDATE networks SET changed = changed"))
                if done := installation.capitals():
                    process.send_signal(signal.SIGKILL)
                    process.wait(PATIENCE)
                    break
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait(PATIENCE)
    assert done == installation.capitals() == 1
    installation.start(installation.next)
    wait_for(lambda: installation.capitals() == TITLED + 1)
    assert installation.book_seq() == first + 1 + TITLED + 1
