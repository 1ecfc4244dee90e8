"""The lane and the engine answer alike: one set of requests to both, over two copies of one directory.

What the lane answers by itself must not differ from what a stock Radicale with the plugins says, but for what the table
`ALLOWED` lists, with the reason. A difference that is not in the table fails the test, and so does an entry that no
request needs any more.
"""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carddav_msg import bootstrap
from carddav_msg.dav.guard import Guard
from carddav_msg.domain.access import Principal
from carddav_msg.services.authentication import Face
from carddav_msg.wsgi import MOUNT
from carddav_msg.wsgi import engine as composed_engine
from tests.plugins.asked import Case, Earlier, cases
from tests.plugins.installation import PASSWORD, engine, fill
from tests.plugins.webdav import Answer, Dav, wsgi

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from tests.databases import Databases

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
    ("*", "* CAL:max-resource-size", "404 ", "200 2048", "Radicale takes an address book for a calendar here"),
    ("*", "*/ D:getcontentlength", "404 ", "200 *", "Radicale counts an export of the book, reading all of it"),
    ("*", "* CR:supported-address-data", "*4.0*", "200 *3.0*", "Radicale converts nothing, so it offers 3.0 only"),
    ("home", "*~anna/ D:current-user-privilege-set", "*bind*", "*D:all()*", "Radicale shows `all` to writers"),
    ("all properties", "*", "-", "*", "RFC 4918 §9.1 has ten properties in allprop, the others have to be named"),
    # Reading.
    ("*", "*4.vcf CR:address-data", "*N:3.0*", "*N:4.0*", "Radicale converts nothing"),
    ("* of /*", "* D:current-user-principal", "200 *", "404 ", "Radicale knows three properties in reports"),
    ("* of /*", "* D:getcontentlength", "200 *", "404 ", "Radicale knows three properties in reports"),
    ("* of /*", "* D:owner", "200 *", "404 ", "Radicale knows three properties in reports"),
    ("* of /*", "* D:resourcetype", "200 ", "404 ", "Radicale knows three properties in reports"),
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
    for case in cases():
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
