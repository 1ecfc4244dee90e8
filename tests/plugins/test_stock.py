"""A stock Radicale, started as a process from `config/radicale.ini`, serves the directory with the same plugins."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from tests.plugins.installation import CARD, PASSWORD, card, fill
from tests.plugins.webdav import Dav, mkcol, multiget, over_http, propfind, proppatch, sync
from tests.servers import ROOT, Server, Servers, environment, free_port

if TYPE_CHECKING:
    from tests.databases import Databases

COMMAND = [sys.executable, "-m", "radicale", "--config", str(ROOT / "config" / "radicale.ini"), "--hosts"]
UNASKED = "/.well-known/none"  # answered 404 without a question to any plugin
HOME = "/acme~anna/"
PERSONAL = "/acme~anna/personal/"
DIRECTORY = "/acme~anna/directory/"


@pytest.fixture(scope="module")
def stock(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, over a small installation; one for all tests, which use books and names of their own."""
    folder = tmp_path_factory.mktemp("stock")
    settings = databases.settings(folder, databases.sqlite(folder))
    services = bootstrap.build(settings)
    fill(services)
    services.close()
    with Servers(folder) as servers:
        address = f"127.0.0.1:{free_port()}"
        command = [*COMMAND, address, "--logging-level", "debug"]
        yield servers.process(command, environment(settings), f"http://{address}").wait(UNASKED)


@pytest.fixture
def dav(stock: Server) -> Dav:
    """Anna at the server."""
    return over_http(stock.url, "acme~anna", PASSWORD)


@pytest.fixture
def book(dav: Dav, request: pytest.FixtureRequest) -> str:
    """A new personal book, made as clients make one."""
    path = f"{HOME}{request.node.originalname}/"
    assert dav("MKCOL", path, mkcol(D__displayname="Made")).status == 201
    return path


def test_discovery(dav: Dav) -> None:
    """From the well-known URL to the principal, its home and its books (RFC 6764 §6)."""
    moved = dav("PROPFIND", "/.well-known/carddav")
    assert (moved.status, moved.headers["location"]) == (301, "/")
    root = dav("PROPFIND", "/", propfind("D:current-user-principal"))
    assert root.prop("/", "D:current-user-principal") == "D:href(/acme~anna/)"
    principal = dav("PROPFIND", HOME, propfind("CR:addressbook-home-set"))
    assert principal.prop(HOME, "CR:addressbook-home-set") == "D:href(/acme~anna/)"
    home = dav("PROPFIND", HOME, propfind("D:resourcetype", "D:displayname"), depth="1")
    books = {href for href, one in home.responses.items() if "CR:addressbook" in one.props["D:resourcetype"][1]}
    assert books >= {DIRECTORY, PERSONAL, HOME + "notices/", HOME + "team/"}
    assert "addressbook" in dav("OPTIONS", HOME).headers["dav"]


def test_listing_and_reports(dav: Dav) -> None:
    """PROPFIND Depth 1, sync-collection and multiget agree on the directory's cards, which carry the identity."""
    listed = dav("PROPFIND", DIRECTORY, propfind("D:getetag", "D:sync-token"), depth="1")
    synced = dav("REPORT", DIRECTORY, sync("", "D:getetag"))
    cards = set(listed.responses) - {DIRECTORY}
    assert len(cards) == 2
    assert set(synced.responses) == cards
    assert synced.token == listed.prop(DIRECTORY, "D:sync-token")
    data = dav("REPORT", DIRECTORY, multiget(sorted(cards), "CR:address-data", "D:getetag"))
    for href in cards:
        assert data.prop(href, "D:getetag") == synced.prop(href, "D:getetag") == listed.prop(href, "D:getetag")
        assert "X-NETWORK-ID:acme" in data.prop(href, "CR:address-data")


def test_cards_are_stored_as_they_were_sent_synced_and_deleted(dav: Dav, book: str) -> None:
    """The way of a card: PUT keeps its bytes, a sync brings it, DELETE makes it a 404 of the next sync."""
    start = dav("REPORT", book, sync("", "D:getetag")).token
    put = dav("PUT", book + "a.vcf", CARD, content_type="text/vcard")
    got = dav("GET", book + "a.vcf")
    assert (put.status, got.body, got.headers["etag"]) == (201, CARD.encode(), put.headers["etag"])
    changed = dav("REPORT", book, sync(start, "D:getetag"))
    assert changed.prop(book + "a.vcf", "D:getetag") == put.headers["etag"]
    assert dav("DELETE", book + "a.vcf", If_Match=put.headers["etag"]).status == 200
    assert dav("REPORT", book, sync(changed.token, "D:getetag")).responses[book + "a.vcf"].status == 404
    assert dav("REPORT", book, sync("data:,1/0.0.0", "D:getetag")).status == 403


def test_rights(dav: Dav) -> None:
    """The directory is read-only, the home of others closed."""
    assert dav("PUT", DIRECTORY + "a.vcf", CARD).status == 403
    some = next(
        href for href in dav("PROPFIND", DIRECTORY, propfind("D:getetag"), depth="1").responses if "vcf" in href
    )
    assert dav("DELETE", some).status == 403
    assert dav("GET", some).status == 200
    for path in ("/acme~bob/", "/acme~bob/personal/", "/other~zoe/personal/"):
        assert dav("PROPFIND", path, propfind("D:displayname")).status == 403
        assert dav("PUT", path + "a.vcf", CARD).status == 403


def test_a_personal_book_is_named_and_deleted(dav: Dav, book: str) -> None:
    """PROPPATCH names it; no PROPPATCH of its type and no PUT on its URL harms it; DELETE removes it."""
    assert dav("PROPPATCH", book, proppatch(D__displayname="Named")).status == 207
    dav("PUT", book + "a.vcf", CARD)
    assert dav("PROPPATCH", book, proppatch(D__resourcetype="")).status == 403
    assert dav("PUT", book, card("b", "FN:B"), content_type="text/vcard").status == 403
    answer = dav("PROPFIND", book, propfind("D:displayname", "D:resourcetype"), depth="1")
    assert answer.prop(book, "D:displayname") == "Named"
    assert "CR:addressbook" in answer.prop(book, "D:resourcetype")
    assert book + "a.vcf" in answer.responses
    assert dav("DELETE", book).status == 200
    assert dav("PROPFIND", book, propfind("D:displayname")).status == 404


def test_passwords_and_cards_are_in_no_log(stock: Server, dav: Dav, book: str) -> None:
    """At the debug level, for right and wrong passwords, good and bad cards."""
    dav("PUT", book + "a.vcf", card("canary", "FN:canary-card"))
    dav("PUT", book + "b.vcf", "BEGIN:VCARD\r\nNOTE:canary-broken")
    wrong = over_http(stock.url, "acme~anna", "canary-wrong")
    assert wrong("PROPFIND", HOME).status == 401
    output = stock.output()
    assert "PROPFIND request" in output
    for secret in (PASSWORD, "canary-wrong"):
        assert secret not in output
        assert base64.b64encode(f"acme~anna:{secret}".encode()).decode() not in output
    assert "canary-card" not in output
    assert "canary-broken" not in output


def test_radicale_does_not_start_without_keys(databases: Databases, tmp_path: Path) -> None:
    """The process ends, and says what is missing and how it is made."""
    settings = replace(databases.settings(tmp_path, databases.sqlite(tmp_path)), keys_file=str(tmp_path / "none.toml"))
    ended = subprocess.run(
        [*COMMAND, f"127.0.0.1:{free_port()}"], env=environment(settings), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "none.toml" in ended.stderr
    assert "keys init" in ended.stderr


def test_other_keys_than_those_of_the_database_are_refused(
    databases: Databases, server: Servers, tmp_path: Path
) -> None:
    """Every request fails until the keys are there again: nothing is served that could not be verified."""
    settings = databases.settings(tmp_path, databases.sqlite(tmp_path))
    services = bootstrap.build(settings)
    fill(services)
    assert bootstrap.check(services) == []
    services.close()
    other = tmp_path / "other.toml"
    keyring.write(other, keyring.generate())
    address = f"127.0.0.1:{free_port()}"
    process = server.process(
        [*COMMAND, address], environment(replace(settings, keys_file=str(other))), f"http://{address}"
    )
    process.wait(UNASKED)
    assert over_http(process.url, "acme~anna", PASSWORD)("PROPFIND", HOME).status == 500
    assert "key" in process.output().rpartition("PROPFIND request")[2]
