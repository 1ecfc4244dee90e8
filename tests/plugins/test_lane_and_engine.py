"""The lane and the engine answer alike: one set of requests to both, over two copies of one directory.

What the lane answers by itself must not differ from what a stock Radicale with the plugins says, but for what the table
`ALLOWED` lists, with the reason. A difference that is not in the table fails the test, and so does an entry that no
request needs any more.
"""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carddav_msg import bootstrap
from carddav_msg.dav.guard import Guard
from carddav_msg.domain.access import Principal
from carddav_msg.services.authentication import Face
from carddav_msg.wsgi import MOUNT
from carddav_msg.wsgi import engine as composed_engine
from tests.plugins.installation import CARD, PASSWORD, card, engine, fill
from tests.plugins.webdav import Answer, Dav, mkcol, multiget, propfind, proppatch, query, sync, wsgi

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from tests.databases import Databases

HOME = "/acme~anna/"
DIRECTORY = HOME + "directory/"
NOTICES = HOME + "notices/"
TEAM = HOME + "team/"
PERSONAL = HOME + "personal/"

BOOK_PROPERTIES = propfind(
    "D:resourcetype",
    "D:displayname",
    "D:getetag",
    "D:getlastmodified",
    "D:getcontenttype",
    "D:sync-token",
    "D:owner",
    "D:current-user-principal",
    "D:principal-collection-set",
    "D:current-user-privilege-set",
    "D:supported-report-set",
    "CS:getctag",
    "CR:addressbook-description",
    "CR:supported-address-data",
    "CR:max-resource-size",
    "INF:addressbook-color",
    "D:quota-used-bytes",
    "CR:nonsense",
)
CARD_PROPERTIES = propfind(
    "D:resourcetype",
    "D:getetag",
    "D:getlastmodified",
    "D:getcontenttype",
    "D:getcontentlength",
    "D:owner",
    "D:current-user-principal",
    "D:current-user-privilege-set",
    "D:supported-report-set",
    "D:displayname",
    "D:sync-token",
    "CR:nonsense",
)
Earlier = dict[str, Answer]


@dataclass(frozen=True)
class Case:
    """A request; `body` may be made of earlier answers. `passed_on`: the lane leaves it to the engine behind it."""

    name: str
    method: str
    path: str
    body: str | bytes | Callable[[Earlier], str] = ""
    headers: Callable[[Earlier], dict[str, str]] = lambda _: {}
    passed_on: bool = False


def _with(**headers: str) -> Callable[[Earlier], dict[str, str]]:
    return lambda _: headers


DEPTH_1 = _with(Depth="1")
VCARD = _with(Content_Type="text/vcard; charset=utf-8")


def _cases() -> Iterator[Case]:
    yield Case("options of the home", "OPTIONS", HOME)
    for book in (DIRECTORY, NOTICES, TEAM, PERSONAL):
        yield Case(f"properties of {book}", "PROPFIND", book, BOOK_PROPERTIES)
        yield Case(f"members of {book}", "PROPFIND", book, CARD_PROPERTIES, DEPTH_1)
    yield Case("home", "PROPFIND", HOME, BOOK_PROPERTIES, DEPTH_1)
    yield Case("root", "PROPFIND", "/", propfind("D:current-user-principal"))
    yield Case("no such book", "PROPFIND", HOME + "nothing/", BOOK_PROPERTIES)
    yield Case("no such card", "PROPFIND", PERSONAL + "nothing.vcf", CARD_PROPERTIES)
    yield Case("home of another", "PROPFIND", "/acme~bob/", BOOK_PROPERTIES)
    yield Case("book of another", "PROPFIND", "/acme~bob/personal/", BOOK_PROPERTIES)
    yield Case("a book that is not shared", "PROPFIND", HOME + "secret/", BOOK_PROPERTIES)
    yield Case("everything below", "PROPFIND", TEAM, CARD_PROPERTIES, _with(Depth="infinity"))
    yield Case("broken XML", "PROPFIND", TEAM, "<D:propfind")
    yield Case(
        "entities", "PROPFIND", TEAM, '<!DOCTYPE a [<!ENTITY b "c">]><propfind xmlns="DAV:"><prop>&b;</prop></propfind>'
    )
    # Cards come and go.
    yield Case("empty book", "REPORT", TEAM, sync("", "D:getetag"))
    yield Case("put", "PUT", TEAM + "a.vcf", CARD, VCARD)
    yield Case("put again", "PUT", TEAM + "a.vcf", CARD, VCARD)
    yield Case("put changed", "PUT", TEAM + "a.vcf", CARD.replace("Kamil", "Karel"), _etag_of("put again"))
    yield Case("put of an old state", "PUT", TEAM + "a.vcf", CARD, _with(If_Match='"old"'))
    yield Case("put of a new card", "PUT", TEAM + "ž @b.vcf", card("b", "FN:B"), _with(If_None_Match="*"))
    yield Case("put over a card as new", "PUT", TEAM + "a.vcf", CARD, _with(If_None_Match="*"))
    yield Case("put with another card's UID", "PUT", TEAM + "d.vcf", CARD, VCARD)
    yield Case("put of line feeds", "PUT", TEAM + "lf.vcf", card("lf", "FN:LF").replace("\r\n", "\n"), VCARD)
    yield Case("put of a vCard 4", "PUT", TEAM + "4.vcf", card("4", "FN:Four").replace("3.0", "4.0"), VCARD)
    yield Case("put of text", "PUT", TEAM + "e.vcf", "hello", VCARD)
    yield Case("put of half a card", "PUT", TEAM + "e.vcf", card("e", "FN:E")[:-12], VCARD)
    yield Case("put of a calendar", "PUT", TEAM + "e.vcf", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", VCARD)
    yield Case("put of control characters", "PUT", TEAM + "e.vcf", card("e", "FN:\x01"), VCARD)
    yield Case("put of a large card", "PUT", TEAM + "e.vcf", card("e", "FN:E", "NOTE:" + "x" * 3000), VCARD)
    yield Case(
        "put of a stranger's identity", "PUT", TEAM + "x.vcf", card("x", "FN:X", *_identity("zoe", "other")), VCARD
    )
    yield Case(
        "put of a colleague's identity", "PUT", TEAM + "y.vcf", card("y", "FN:Y", *_identity("bob", "acme")), VCARD
    )
    yield Case("put into the directory", "PUT", DIRECTORY + "a.vcf", CARD, VCARD)
    yield Case("put into a read-only book", "PUT", NOTICES + "a.vcf", CARD, VCARD)
    yield Case("put on the URL of a book", "PUT", TEAM, CARD, VCARD)
    yield Case("put into the home", "PUT", HOME + "a.vcf", CARD, VCARD)
    yield Case("put into no book", "PUT", HOME + "nothing/a.vcf", CARD, VCARD)
    yield Case("get", "GET", TEAM + "a.vcf")
    yield Case("get of an odd name", "GET", TEAM + "ž @b.vcf")
    yield Case("head", "HEAD", TEAM + "a.vcf")
    yield Case("get what the client has", "GET", TEAM + "a.vcf", headers=_etag_of("get", "If-None-Match"))
    yield Case("get nothing", "GET", TEAM + "nothing.vcf")
    yield Case("get from no book", "GET", HOME + "nothing/a.vcf")
    yield Case("get a book", "GET", TEAM)
    yield Case("properties of a card", "PROPFIND", TEAM + "a.vcf", CARD_PROPERTIES)
    yield Case("members of a full book", "PROPFIND", TEAM, CARD_PROPERTIES, DEPTH_1)
    yield Case("all properties", "PROPFIND", TEAM, "", DEPTH_1)
    yield Case("first sync", "REPORT", TEAM, sync("", "D:getetag"))
    yield Case("first sync with data", "REPORT", TEAM, sync("", "D:getetag", "CR:address-data"), DEPTH_1)
    yield Case("sync of nothing", "REPORT", TEAM, _sync_from("first sync"))
    yield Case("some cards", "REPORT", TEAM, _hrefs("a.vcf", "%C5%BE%20%40b.vcf", "nothing.vcf"))
    yield Case("cards by URL", "REPORT", TEAM, multiget([f"http://localhost{MOUNT}{TEAM}a.vcf"], "D:getetag"))
    yield Case("cards elsewhere", "REPORT", TEAM, multiget([f"{MOUNT}{PERSONAL}a.vcf", "/else.vcf"], "D:getetag"))
    yield Case("a query", "REPORT", TEAM, query("<CR:filter/>", "D:getetag"), DEPTH_1)
    yield Case("a delete of an old state", "DELETE", TEAM + "a.vcf", headers=_with(If_Match='"old"'))
    yield Case("a delete", "DELETE", TEAM + "a.vcf", headers=_etag_of("get"))
    yield Case("a delete of nothing", "DELETE", TEAM + "a.vcf")
    yield Case("a delete from the directory", "DELETE", DIRECTORY + "nothing.vcf")
    yield Case("sync after it", "REPORT", TEAM, _sync_from("first sync"))
    yield Case("sync without properties", "REPORT", TEAM, lambda earlier: sync(earlier["empty book"].token))
    yield Case("sync from a foreign token", "REPORT", TEAM, sync("data:,1/1.1.999999", "D:getetag"))
    yield Case("first sync after it", "REPORT", TEAM, sync("", "D:getetag"))
    # Books come and go.
    yield Case("make a book", "MKCOL", HOME + "new/", mkcol(D__displayname="New"), passed_on=True)
    yield Case("name it", "PROPPATCH", HOME + "new/", proppatch(D__displayname="Newer"), passed_on=True)
    yield Case("change its type", "PROPPATCH", HOME + "new/", proppatch(D__resourcetype=""))
    yield Case("name a shared book", "PROPPATCH", TEAM, proppatch(D__displayname="Mine"), passed_on=True)
    yield Case("properties of the new book", "PROPFIND", HOME + "new/", BOOK_PROPERTIES)
    yield Case("delete an old state of it", "DELETE", HOME + "new/", headers=_with(If_Match='"old"'))
    yield Case("delete it", "DELETE", HOME + "new/")
    yield Case("delete it again", "DELETE", HOME + "new/")
    for book in (DIRECTORY, TEAM, PERSONAL):
        yield Case(f"delete {book}", "DELETE", book)
    yield Case("delete the home", "DELETE", HOME)
    # What ends in different states comes last.
    yield Case("put without UID", "PUT", PERSONAL + "c.vcf", CARD.replace("UID:card-1\r\n", ""), VCARD)
    yield Case("put with a new UID", "PUT", PERSONAL + "c.vcf", card("new", "FN:C"), VCARD)
    yield Case("put as HTML", "PUT", PERSONAL + "h.vcf", card("h", "FN:H"), _with(Content_Type="text/html"))
    yield Case("put of Latin-1", "PUT", PERSONAL + "l.vcf", card("l", "FN:É").encode("latin-1"), VCARD)
    yield Case("put as plain text", "PUT", PERSONAL + "f.vcf", card("f", "FN:F"), _with(Content_Type="text/plain"))
    yield Case("a method nobody knows", "FROBNICATE", TEAM)


def _etag_of(name: str, header: str = "If-Match") -> Callable[[Earlier], dict[str, str]]:
    return lambda earlier: {header: earlier[name].headers["etag"]}


def _sync_from(name: str) -> Callable[[Earlier], str]:
    return lambda earlier: sync(earlier[name].token, "D:getetag")


def _hrefs(*names: str) -> str:
    return multiget([f"{MOUNT}{TEAM}{name}" for name in names], "D:getetag", "CR:address-data", "CR:nonsense")


def _identity(cloud_username: str, network_id: str) -> tuple[str, str]:
    return f"X-CLOUD-USERNAME:{cloud_username}", f"X-NETWORK-ID:{network_id}"


XML = "application/xml;charset=utf-8"
# Request, fact, lane, engine (patterns), and why they may differ.
ALLOWED: tuple[tuple[str, str, str, str, str], ...] = (
    ("*", "content-type", XML, "text/xml;charset=utf-8", "both are XML (RFC 7303 §9.1); Radicale's is fixed"),
    ("*", "content-type", XML, "text/plain;charset=utf-8", "Radicale refuses with a plain sentence"),
    ("options*", "allow", "*", "*MKCALENDAR*MOVE*POST*", "Radicale names all it has, also what the plugins refuse"),
    # Properties.
    ("*", "*/ CR:max-resource-size", "200 2048", "404 ", "Radicale knows the CalDAV property of that name only"),
    ("*", "* D:supported-report-set", "*", "*expand-property*", "Radicale names three reports that it answers empty"),
    ("*", "* D:current-user-privilege-set", "*write*", "*D:all()*", "Radicale shows `all` to writers, never `bind`"),
    ("*", "*/ D:getcontentlength", "404 ", "200 *", "Radicale counts an export of the book, reading all of it"),
    ("*", "* CR:supported-address-data", "*4.0*", "200 *3.0*", "Radicale converts nothing, so it offers 3.0 only"),
    ("home", "*~anna/ D:current-user-privilege-set", "*bind*", "*D:all()*", "Radicale shows `all` to writers"),
    ("all properties", "*", "-", "*", "RFC 4918 §9.1 has ten properties in allprop, the others have to be named"),
    # Reading.
    ("first sync with data", "*4.vcf CR:address-data", "*N:3.0*", "*N:4.0*", "Radicale converts nothing"),
    ("get*", "cache-control", "private, no-cache", "-", "Radicale says nothing about caches"),
    ("head", "cache-control", "private, no-cache", "-", "Radicale says nothing about caches"),
    ("get what the client has", "status", "304", "200", "Radicale sends the card again"),
    ("get what the client has", "body", "-", "BEGIN:VCARD*", "Radicale sends the card again"),
    ("get what the client has", "content-type", "-", "text/vcard*", "Radicale sends the card again"),
    ("get what the client has", "condition", "", "-", "Radicale sends the card again"),
    ("*", "* CR:address-data line ends", "CRLF", "other", "Radicale sends bare CRs; XML parsers drop them (§2.11)"),
    ("cards elsewhere", "/else.vcf status", "404", "-", "Radicale leaves out what is not below its mount point"),
    ("everything below", "status", "403", "207", "Radicale takes Depth: infinity for 1"),
    ("everything below", "condition", "propfind-finite-depth", "-", "Radicale takes Depth: infinity for 1"),
    ("everything below", "*", "-", "*", "Radicale takes Depth: infinity for 1"),
    ("sync without properties", "* status", "None", "-", "Radicale leaves out changed cards without a property"),
    # Writing.
    (
        "put without UID",
        "etag",
        "-",
        "*",
        "Radicale always sends one; it is that of no card, so the client reads again",
    ),
    ("put with a new UID", "status", "403", "409", "RFC 3253 §1.6 has both for a precondition"),
    ("put as plain text", "*", "*", "*", "Radicale's own server says text/plain where there is no type"),
    ("put of Latin-1", "*", "*", "*", "Radicale reads as Latin-1 what is not UTF-8; what is stored is UTF-8"),
    ("*delete*", "status", "204", "200", "both say that it is gone"),
    ("*delete*", "body", "", "*200 OK*", "both say that it is gone"),
    ("*delete*", "content-type", "-", "text/xml*", "both say that it is gone"),
    # Refusals: the same decision, said in other words.
    ("*of another", "condition", "need-privileges", "", "Radicale names no condition"),
    ("put into*", "condition", "need-privileges", "", "Radicale names no condition; DAVx5 ends its sync with an error"),
    ("put of a stranger*", "condition", "need-privileges", "", "Radicale names no condition"),
    ("*delete *", "condition", "need-privileges", "", "Radicale names no condition"),
    ("put*", "condition", "*-address-data", "", "Radicale has no conditions for cards"),
    ("put*", "condition", "max-resource-size", "", "Radicale has no conditions for cards"),
    ("put*", "status", "403", "400", "Radicale calls a card that can't be kept a bad request"),
    ("put*", "status", "403", "412", "Radicale calls a large card a failed precondition"),
    ("put with another*", "status", "403", "409", "both with no-uid-conflict (RFC 6352 leaves the status open)"),
    ("put *o*", "status", "405", "403", "Radicale refuses to replace a collection"),
    ("put *o*", "allow", "*", "-", "Radicale refuses to replace a collection"),
    ("change its type", "status", "207", "403", "Radicale can't refuse one property of a request"),
    ("change its type", "* D:resourcetype", "403 ", "-", "Radicale can't refuse one property of a request"),
    ("change its type", "* status", "None", "-", "Radicale can't refuse one property of a request"),
    ("change its type", "sync-token", "", "-", "Radicale can't refuse one property of a request"),
    ("change its type", "condition", "-", "", "Radicale can't refuse one property of a request"),
    ("entities", "status", "400", "500", "Radicale does not expect what its XML parser refuses"),
    ("a method*", "allow", "*", "-", "Radicale does not name the others"),
)


def test_lane_and_engine_answer_alike(databases: Databases, tmp_path: Path) -> None:
    """Statuses, headers, properties, hrefs, tokens and bodies are the same, but for the allowed differences."""
    lane, engine_alone, passed_on = _both(databases, tmp_path)
    unused = set(ALLOWED)
    wrong = []
    lane_answers: Earlier = {}
    engine_answers: Earlier = {}
    for case in _cases():
        passed_on.clear()
        lane_facts = _facts(_ask(lane, case, lane_answers))
        assert bool(passed_on) == case.passed_on, f"{case.name}: passed on: {bool(passed_on)}"
        engine_facts = _facts(_ask(engine_alone, case, engine_answers))
        for difference in _differences(lane_facts, engine_facts):
            entry = _entry(case.name, *difference)
            if entry is None:
                wrong.append((case.name, *difference))
            unused.discard(entry)
    assert not wrong, "\n".join(map(repr, wrong))
    assert not unused


def _both(databases: Databases, folder: Path) -> tuple[Dav, Dav, list[str]]:
    """Anna at guard and lane, Anna at the engine alone, each with a copy; and what the lane passes on, as it does."""
    passed_on: list[str] = []
    settings = replace(databases.settings(folder, databases.sqlite(folder)), max_card_size=2048)
    services = bootstrap.build(settings)
    fill(services)
    services.addressbooks.home(_principal(services))
    services.close()
    file, copy = folder / "carddav-msg.db", folder / "copy.db"
    assert not file.with_name(file.name + "-wal").exists()
    shutil.copyfile(file, copy)
    first, second = bootstrap.build(settings), bootstrap.build(replace(settings, database_url=f"sqlite:///{copy}"))
    behind = composed_engine(first)

    def noted(environ: Any, start_response: Any) -> Iterable[bytes]:
        passed_on.append(environ["PATH_INFO"])
        return behind(environ, start_response)

    guard = Guard(first.authentication, first.addressbooks, noted, prefix=MOUNT, max_body_size=settings.max_body_size)

    def mounted(environ: Any, start_response: Any) -> Iterable[bytes]:
        below = environ["PATH_INFO"].removeprefix(MOUNT)
        return guard({**environ, "SCRIPT_NAME": MOUNT, "PATH_INFO": below}, start_response)

    return (
        wsgi(mounted, "acme~anna", PASSWORD, MOUNT),
        wsgi(engine(second, mount=MOUNT), "acme~anna", PASSWORD, MOUNT),
        passed_on,
    )


def _ask(dav: Dav, case: Case, earlier: Earlier) -> Answer:
    body = case.body(earlier) if callable(case.body) else case.body
    answer = dav(case.method, case.path, body, **case.headers(earlier))
    earlier[case.name] = answer
    return answer


def _facts(answer: Answer) -> dict[str, str]:
    """What a client learns from an answer: name → value. Times are the time of the test, and are left out."""
    facts = {"status": str(answer.status)}
    for name in ("etag", "content-type", "last-modified", "cache-control", "allow", "location"):
        if name in answer.headers:
            facts[name] = _timeless(answer.headers[name].replace("; ", ";"))
    if answer.status == 207:
        facts["sync-token"] = _timeless(answer.token)
        for href, response in answer.responses.items():
            facts[f"{href} status"] = str(response.status)
            for name, (status, value) in response.props.items():
                facts[f"{href} {name}"] = f"{status} {_timeless(value)}".replace("\r\n", "\n")
                if name == "CR:address-data":
                    facts[f"{href} {name} line ends"] = "CRLF" if "\r\n" in value else "other"
    elif answer.status < 300:
        facts["body"] = _uidless(answer.text)
    else:
        facts["condition"] = _condition(answer.body)
    return facts


def _timeless(text: str) -> str:
    """Without HTTP dates, and without the epoch of a book: it is the time at which the book was made."""
    text = re.sub(r"\d{10,}(?=[-.]\d+)", "epoch", text)
    return re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "a time", text)


def _uidless(text: str) -> str:
    """A UID that the server gave is another one each time."""
    return re.sub(r"UID:[0-9a-f]{8}-[0-9a-f-]{27}", "UID:given", text)


def _condition(body: bytes) -> str:
    """The condition that an error names, without its sentence."""
    if not body.startswith(b"<?xml"):
        return ""
    names = [child.tag.rpartition("}")[2] for child in ET.fromstring(body)]
    return " ".join(name for name in names if name != "responsedescription")


def _differences(lane: dict[str, str], engine: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for fact in sorted(lane.keys() | engine.keys()):
        pair = lane.get(fact, "-"), engine.get(fact, "-")
        if pair[0] != pair[1]:
            yield fact, *pair


def _entry(*difference: str) -> tuple[str, str, str, str, str] | None:
    """The entry of the table that allows a difference: request, fact, lane, engine."""
    for entry in ALLOWED:
        if all(fnmatchcase(found, pattern) for found, pattern in zip(difference, entry, strict=False)):
            return entry
    return None


def _principal(services: Services) -> Principal:
    return services.authentication.enter("acme~anna", PASSWORD, Face.CARDDAV).principal
