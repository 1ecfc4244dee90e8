"""Tests of the composed server: who answers where, and what the engine says when it is the lane that asked it to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from carddav_msg import bootstrap
from carddav_msg.errors import Unavailable
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.wsgi import create_application, mount
from tests.plugins.installation import CARD, PASSWORD, fill
from tests.plugins.webdav import Dav, mkcol, propfind, proppatch, query, wsgi
from tests.servers import environment

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.settings import Settings

HOME = "/dav/acme~anna/"
WHO = propfind("D:current-user-principal")


@pytest.fixture
def application(services: Services) -> Any:
    """The server over a small installation."""
    fill(services)
    return mount(services)


@pytest.fixture
def dav(application: Any) -> Dav:
    """Anna at the server; paths begin at its root."""
    return wsgi(application, "acme~anna", PASSWORD)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND", "OPTIONS", "POST", "REPORT"])
@pytest.mark.parametrize("path", ["/.well-known/carddav", "/.well-known/carddav/"])
def test_the_well_known_url_leads_to_the_mount_point(application: Any, method: str, path: str) -> None:
    """For every method, without credentials (RFC 6764 §5)."""
    with Client(application).open(path, method=method) as answer:
        assert (answer.status_code, answer.headers["Location"]) == (301, "/dav/")


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/davenport", 404), ("/", 200)])
def test_everything_else_is_the_web_s(application: Any, path: str, status: int) -> None:
    """Only the mount point itself is CardDAV."""
    with Client(application).open(path) as answer:
        assert answer.status_code == status
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("root", ["/dav", "/dav/"])
def test_discovery_stays_below_the_mount_point(dav: Dav, root: str) -> None:
    """The hrefs of root, principal and home begin with /dav/, whoever answers."""
    assert dav("PROPFIND", root, WHO).prop("/dav/", "D:current-user-principal") == f"D:href({HOME})"
    principal = dav("PROPFIND", HOME, propfind("CR:addressbook-home-set"))
    assert principal.prop(HOME, "CR:addressbook-home-set") == f"D:href({HOME})"
    home = dav("PROPFIND", HOME, propfind("D:resourcetype"), depth="1")
    assert {href for href in home.responses if "CR:addressbook" in home.prop(href, "D:resourcetype")} == {
        HOME + slug for slug in ("directory/", "notices/", "team/", "personal/")
    }


def test_home_and_book_name_the_same_state(dav: Dav) -> None:
    """The engine, which answers for the home, and the lane, which answers for the book, give the same tag and token."""
    dav("PUT", HOME + "personal/a.vcf", CARD)
    names = ("CS:getctag", "D:sync-token", "D:displayname", "D:getlastmodified", "D:getetag", "D:owner")
    home = dav("PROPFIND", HOME, propfind(*names), depth="1")
    book = dav("PROPFIND", HOME + "personal/", propfind(*names))
    assert home.responses[HOME + "personal/"].props == book.responses[HOME + "personal/"].props


def test_answers_promise_what_works(dav: Dav) -> None:
    """No locks (class 2) and no calendars in the DAV header, neither of the lane nor of the engine; sent once."""
    for method, path, body in (("OPTIONS", HOME, ""), ("PROPFIND", HOME, WHO), ("PROPFIND", HOME + "team/", WHO)):
        assert dav(method, path, body).headers["dav"] == "1, 3, addressbook, extended-mkcol"


def test_a_personal_book_lives_through_lane_and_engine(dav: Dav) -> None:
    """Made and named by the engine, filled and deleted by the lane."""
    book = HOME + "friends/"
    assert dav("MKCOL", book, mkcol(D__displayname="Friends")).status == 201
    assert dav("PUT", book + "a.vcf", CARD, content_type="text/vcard").status == 201
    assert dav("PROPPATCH", book, proppatch(D__displayname="Best friends")).status == 207
    assert dav("PROPFIND", book, propfind("D:displayname")).prop(book, "D:displayname") == "Best friends"
    filters = '<CR:filter><CR:prop-filter name="FN"><CR:text-match>fix</CR:text-match></CR:prop-filter></CR:filter>'
    assert book + "a.vcf" in dav("REPORT", book, query(filters, "D:getetag"), depth="1").responses
    assert dav("GET", book).body == CARD.encode()
    assert dav("HEAD", book).body == b""
    assert dav("DELETE", book).status == 204


@pytest.mark.parametrize(
    ("told", "public_url", "destination", "status"),
    [
        ("contacts.example", "http://127.0.0.1", "https://contacts.example", 201),
        ("contacts.example", "http://127.0.0.1", "https://Contacts.Example:443", 201),
        ("contacts.example:8443", "http://127.0.0.1", "https://contacts.example:8443", 201),
        ("contacts.example", "http://127.0.0.1", "http://backend:8080", 502),
        ("", "https://contacts.example", "https://contacts.example", 201),
        ("", "https://contacts.example", "https://contacts.example:8443", 502),
        ("", "https://contacts.example", "https://elsewhere.example", 502),
    ],
)
def test_a_destination_is_at_the_host_that_the_client_knows(
    services: Services, told: str, public_url: str, destination: str, status: int
) -> None:
    """Behind a proxy that asks by another name: the one it tells, or that of public_url."""
    fill(services)
    changed = replace(services.settings, trusted_proxies=("unix",), public_url=public_url)
    dav = wsgi(mount(replace(services, settings=changed)), "acme~anna", PASSWORD)
    card = HOME + "personal/a.vcf"
    dav("PUT", card, CARD, content_type="text/vcard")
    names = {"Host": "backend:8080", "X_Forwarded_Proto": "https", **({"X_Forwarded_Host": told} if told else {})}
    assert dav("MOVE", card, Destination=f"{destination}{HOME}personal/b.vcf", **names).status == status


def test_the_engine_repeats_the_spelling_of_the_path(dav: Dav) -> None:
    """As the lane does: hrefs of a client that was set up with another case are its own."""
    home = dav("PROPFIND", "/dav/ACME~anna/", propfind("D:resourcetype"), depth="1")
    assert "/dav/ACME~anna/personal/" in home.responses
    assert dav("MKCOL", "/dav/ACME~anna/friends/", mkcol()).status == 201


def test_refusals_of_the_engine_say_why(dav: Dav) -> None:
    """Where one of our own errors is the reason, the answer is the lane's, with its sentence."""
    refused = dav("PROPPATCH", HOME + "personal/", proppatch(D__displayname="x" * 10_000))
    assert (refused.status, refused.headers["content-type"]) == (400, "application/xml; charset=utf-8")
    assert "500 fit" in refused.text


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("PROPFIND", HOME, propfind("D:displayname"), "home"),
        ("MKCOL", HOME + "friends/", mkcol(), "create_book"),
        ("PROPPATCH", HOME + "personal/", proppatch(D__displayname="x"), "set_properties"),
        ("GET", HOME + "personal/", "", "texts"),
    ],
)
def test_an_unavailable_database_is_503_behind_the_lane_too(
    dav: Dav, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: str, asked: str
) -> None:
    """With Retry-After: the engine by itself would say 500, or hold the worker."""

    def away(*_: object) -> None:
        raise Unavailable("The database is away.", retry_after=7)

    assert dav("PROPFIND", HOME + "personal/", WHO).status == 207
    monkeypatch.setattr(AddressBooks, asked, away)
    started = time.monotonic()
    answer = dav(method, path, body, depth="1")
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert answer.body
    assert time.monotonic() - started < 0.9


def test_one_failure_does_not_colour_the_next_answer(dav: Dav) -> None:
    """The engine's answer after a refusal is its own again."""
    assert dav("MKCOL", HOME + "plain/", mkcol(CR__nonsense="x")).status == 403
    assert dav("PROPFIND", HOME, WHO).status == 207


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Script-Name": "/evil"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Remote-User": "acme~bob"},
        {"X-Forwarded-For": "x"},
    ],
)
def test_forged_headers_do_not_reach_the_engine(dav: Dav, headers: dict[str, str]) -> None:
    """Neither hrefs nor the user change."""
    answer = dav("PROPFIND", HOME, WHO, **headers)
    assert answer.prop(HOME, "D:current-user-principal") == f"D:href({HOME})"


def test_passwords_are_in_no_log(application: Any, caplog: pytest.LogCaptureFixture) -> None:
    """At the lowest level of all loggers, for requests that go to the engine and requests that are refused."""
    caplog.set_level(1)
    for password in (PASSWORD, "canary-wrong"):
        client = wsgi(application, "acme~anna", password)
        for method, path, body in (("PROPFIND", HOME, WHO), ("MKCOL", HOME + "a/b/", mkcol()), ("GET", HOME, "")):
            client(method, path, body)
    assert caplog.text
    assert PASSWORD not in caplog.text
    assert "canary-wrong" not in caplog.text


@pytest.fixture
def set_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], None]:
    """Makes settings those of this process."""

    def set_to(settings: Settings) -> None:
        for name, value in environment(settings).items():
            if name.startswith("CARDDAV_MSG_"):
                monkeypatch.setenv(name, value)

    return set_to


def test_the_application_of_the_environment(settings: Settings, set_environment: Callable[[Settings], None]) -> None:
    """`carddav_msg.wsgi:create_application()` is what a WSGI server calls; it reads the settings by itself."""
    services = bootstrap.build(settings)
    fill(services)
    services.close()
    set_environment(settings)
    assert wsgi(create_application(), "acme~anna", PASSWORD)("PROPFIND", HOME, WHO).status == 207


def test_nothing_is_connected_before_the_first_question(settings: Settings) -> None:
    """The server can be built while its database is away, and says so to who asks for data."""
    away = replace(settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")
    application = create_application(away)
    with Client(application).open("/healthz") as answer:
        assert answer.status_code == 200
    assert wsgi(application, "acme~anna", PASSWORD)("PROPFIND", HOME, WHO).status == 503


def test_what_only_other_commands_need_is_not_imported(settings: Settings) -> None:
    """Each of these would be megabytes of every server, and tenths of a second of every start."""
    code = (
        "import sys; from carddav_msg.wsgi import create_application; create_application();"
        "heavy = {'alembic', 'mako', 'rich', 'segno', 'psycopg', 'redis', 'prometheus_client', 'granian',"
        " 'phonenumbers'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(settings), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
