"""Bad input: each has its status, a body that parses, one log line without secrets, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from carddav_msg.domain.access import Book
from tests.builders import add_network, add_user
from tests.dav.clients import CR, D, Dav, Reply, basic, propfind, vcard
from tests.dav.conftest import MAX_BODY, SECRET, House

WRONG = "canary-Wrong-2"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE propfind [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><propfind xmlns="DAV:"><prop><a>&c;</a></prop></propfind>'
)
EXTERNAL = (
    '<!DOCTYPE propfind [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<propfind xmlns="DAV:"><prop><displayname>&x;</displayname></prop></propfind>'
)

Ask = Callable[[House], Reply]


def _chunked(body: bytes, *, terminated: bool = True) -> dict[str, Any]:
    raw: dict[str, Any] = {"wsgi.input": BytesIO(body), "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    if terminated:
        raw["wsgi.input_terminated"] = True
    return raw


class _Broken(BytesIO):
    """A connection that ends in the middle of a chunk."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("broken chunk")


_AUTHORIZATIONS: dict[str, str] = {
    "another scheme": "Bearer abc",
    "no base64": "Basic %%%%",
    "nothing": "Basic",
    "no colon": basic("acme~anna"),
    "not UTF-8": basic(b"acme~\xff\xfe:" + WRONG.encode()),
    "a NUL": basic(f"acme~an\0na:{WRONG}"),
    "a line end": basic(f"acme~anna\r\nX: y:{WRONG}"),
    "an endless login": basic(f"{'a' * 3000}:{WRONG}"),
    "no login": basic(f":{WRONG}"),
    "no secret": basic("acme~anna:"),
    "an unknown user": basic(f"acme~nobody:{WRONG}"),
    "an unknown network": basic(f"nowhere~anna:{WRONG}"),
    "a wrong password": basic(f"acme~anna:{WRONG}"),
    "a strange device credential": basic(f"acme~anna:d1.key.AAAA.{WRONG}"),
    "a device credential with a NUL": basic(f"acme~anna:d1.key.AAA.{WRONG}"),
    "a disabled user": basic(f"acme~dora:{SECRET}"),
    "an ambiguous name": basic(f"twin:{SECRET}"),
}


@pytest.mark.parametrize("header", _AUTHORIZATIONS.values(), ids=_AUTHORIZATIONS)
def test_bad_credentials_all_get_the_same_401(house: House, lines: list[logging.LogRecord], header: str) -> None:
    """The answer does not tell what was wrong; the log does, without the secret."""
    add_user(house.services, house.network, "dora", password=SECRET, enabled=False)
    for name, sip_username in (("one", "twin"), ("twin2", "")):
        add_user(house.services, house.network, name, password=SECRET, sip_username=sip_username)
    other = add_network(house.services, "other")
    add_user(house.services, other, "twin", password=SECRET)
    reply = Dav(house.guard, "", "")("PROPFIND", house.personal, propfind(D + "displayname"), authorization=header)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == 'Basic realm="carddav-msg", charset="UTF-8"'
    assert reply.sentence == "The user name or the password is wrong."
    assert len(lines) == 1
    assert "192.0.2.7" in lines[0].getMessage()
    _no_secrets(lines, reply)


def test_a_request_without_credentials_is_challenged(house: House, lines: list[logging.LogRecord]) -> None:
    """So does every client begin: the line is no warning."""
    reply = Dav(house.guard, "", "")("PROPFIND", "/dav/")
    assert reply.status == 401
    assert [record.levelname for record in lines] == ["INFO"]


def _put(**headers: str) -> Ask:
    return lambda house: house.anna.put(house.personal + "new.vcf", vcard(), **headers)


def _move(destination: str, **headers: str) -> Ask:
    return lambda house: house.anna("MOVE", house.personal + "a.vcf", destination=destination, **headers)


def _report(name: str) -> str:
    return f'<{name} xmlns="DAV:"/>'


def _sync(inside: str = "") -> str:
    return f'<sync-collection xmlns="DAV:"><sync-token/>{inside}<prop/></sync-collection>'


def _limited_sync(limit: str) -> Ask:
    inside = f"<limit><nresults>{limit}</nresults></limit>"
    return lambda house: house.anna("REPORT", house.personal, _sync(inside))


_REFUSED: dict[str, tuple[int, str, Ask]] = {
    "5 MB body": (413, CR + "max-resource-size", lambda h: h.anna.put(h.personal + "new.vcf", b"x" * 5_000_000)),
    "5 MB chunked": (
        413,
        CR + "max-resource-size",
        lambda h: h.anna("PUT", h.personal + "new.vcf", raw=_chunked(b"x" * (MAX_BODY + 1))),
    ),
    "5 MB XML": (413, CR + "max-resource-size", lambda h: h.anna("REPORT", h.personal, b"<a>" * 2_000_000)),
    "chunked without an end": (411, "", lambda h: h.anna("PROPFIND", h.home, raw=_chunked(b"", terminated=False))),
    "broken chunk": (
        400,
        "",
        lambda h: h.anna("PUT", h.personal + "new.vcf", raw=_chunked(b"") | {"wsgi.input": _Broken()}),
    ),
    "length that is no number": (400, "", lambda h: h.anna("PUT", h.home, raw={"CONTENT_LENGTH": "-1"})),
    "endless length": (
        413,
        CR + "max-resource-size",
        lambda h: h.anna("PUT", h.home, raw={"CONTENT_LENGTH": "9" * 40}),
    ),
    "body cut off": (400, "", lambda h: h.anna("PUT", h.personal + "new.vcf", "abc", raw={"CONTENT_LENGTH": "9"})),
    "broken XML": (400, "", lambda h: h.anna("PROPFIND", h.personal, "<propfind")),
    "broken XML at the home": (400, "", lambda h: h.anna("PROPFIND", h.home, "<propfind")),
    "broken XML of a report": (400, "", lambda h: h.anna("REPORT", h.personal, "</a>")),
    "broken XML of MKCOL": (400, "", lambda h: h.anna("MKCOL", h.home + "new/", "<mkcol>")),
    "XML that is no UTF-8": (400, "", lambda h: h.anna("PROPFIND", h.personal, b"<a>\xff</a>")),
    "XML with a control character": (400, "", lambda h: h.anna("PROPFIND", h.personal, b"<a>\x01</a>")),
    "XML of an unknown encoding": (
        400,
        "",
        lambda h: h.anna("PROPFIND", h.home, b'<?xml version="1.0" encoding="x"?><a/>'),
    ),
    "deep XML": (400, "", lambda h: h.anna("PROPFIND", h.home, b"<a>" * 5000 + b"</a>" * 5000)),
    "billion laughs": (400, "", lambda h: h.anna("PROPFIND", h.personal, BOMB)),
    "billion laughs in UTF-16": (
        400,
        "",
        lambda h: h.anna("PROPFIND", h.home, BOMB.replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16")),
    ),
    "external entity": (400, "", lambda h: h.anna("PROPFIND", h.personal, EXTERNAL)),
    "external entity in PROPPATCH": (400, "", lambda h: h.anna("PROPPATCH", h.personal, EXTERNAL)),
    "document type": (400, "", lambda h: h.anna("REPORT", h.home, "<!DOCTYPE a><a/>")),
    "path that is no UTF-8": (400, "", lambda h: h.anna("GET", h.personal + "%FF.vcf")),
    "control character in the path": (400, "", lambda h: h.anna("GET", h.personal + "a%00b.vcf")),
    "encoded slash": (400, "", lambda h: h.anna.put(h.personal + "a%2Fb.vcf", vcard())),
    "overlong name": (400, "", lambda h: h.anna.put(h.personal + "a" * 256 + ".vcf", vcard())),
    "overlong book": (400, "", lambda h: h.anna("MKCOL", h.home + "%C3%BC" * 128 + "/")),
    "wrong method": (405, "", lambda h: h.anna("POST", h.personal)),
    "method of calendars": (405, "", lambda h: h.anna("MKCALENDAR", h.home + "x/")),
    "lock": (405, "", lambda h: h.anna("LOCK", h.personal)),
    "copy": (405, "", lambda h: h.anna("COPY", h.personal + "a.vcf", destination=h.personal + "b.vcf")),
    "move of nothing": (404, "", _move("/dav/acme~anna/personal/b.vcf")),
    "move without a destination": (400, "", lambda h: h.anna("MOVE", h.personal + "a.vcf")),
    "move to nowhere": (400, "", _move("b.vcf")),
    "move to what is no URL": (400, "", _move("http://[/b.vcf")),
    "move to a query": (400, "", _move("/dav/acme~anna/personal/b.vcf?x")),
    "move to another server": (502, "", _move("https://elsewhere.example/dav/acme~anna/personal/b.vcf")),
    "move out of the tree": (502, "", _move("/davx/acme~anna/personal/b.vcf")),
    "move to what is no UTF-8": (400, "", _move("/dav/acme~anna/personal/%FF.vcf")),
    "move to another user": (403, D + "need-privileges", _move("/dav/acme~bob/personal/b.vcf")),
    "move over a book": (403, "", _move("/dav/acme~anna/personal/")),
    "move over everything": (403, "", _move("/dav/")),
    "move below a card": (409, "", _move("/dav/acme~anna/personal/a.vcf/b.vcf")),
    "move to no book": (409, "", _move("/dav/acme~anna/none/b.vcf")),
    "move to itself": (403, "", _move("/dav/acme~anna/personal/a.vcf")),
    "move with a strange Overwrite": (400, "", _move("/dav/acme~anna/personal/b.vcf", overwrite="maybe")),
    "move into the directory": (403, D + "need-privileges", _move("/dav/acme~anna/directory/b.vcf")),
    "move of a book": (403, "", lambda h: h.anna("MOVE", h.personal, destination=h.home + "other/")),
    "report without a body": (400, "", lambda h: h.anna("REPORT", h.personal)),
    "report on no book": (404, "", lambda h: h.anna("REPORT", h.home + "none/", _report("expand-property"))),
    "acl-principal-prop-set": (
        403,
        D + "supported-report",
        lambda h: h.anna("REPORT", h.home, _report("acl-principal-prop-set")),
    ),
    "principal-property-search": (
        400,
        "",
        lambda h: h.anna("REPORT", "/dav/", _report("principal-property-search")),
    ),
    "principal-match": (
        403,
        D + "supported-report",
        lambda h: h.anna("REPORT", h.personal, _report("principal-match")),
    ),
    "sync of the home": (403, D + "supported-report", lambda h: h.anna.sync(h.home)),
    "sync with Depth infinity": (400, "", lambda h: h.anna("REPORT", h.personal, _sync(), depth="infinity")),
    "sync of a strange level": (400, "", lambda h: h.anna("REPORT", h.personal, _sync("<sync-level>2</sync-level>"))),
    "sync of no more than nothing": (403, D + "number-of-matches-within-limits", _limited_sync("0")),
    "sync with a strange limit": (400, "", _limited_sync("-1")),
    "query without a filter": (400, "", lambda h: h.anna.query(h.personal, None)),
    "query of a strange condition": (
        403,
        CR + "supported-filter",
        lambda h: h.anna.query(h.personal, '<CR:prop-filter name="A&quot;&lt;b"><CR:time-range/></CR:prop-filter>'),
    ),
    "query in a strange collation": (
        403,
        CR + "supported-collation",
        lambda h: h.anna.query(
            h.personal, '<CR:prop-filter name="FN"><CR:text-match collation="i;x">a</CR:text-match></CR:prop-filter>'
        ),
    ),
    "query for jCard": (
        403,
        CR + "supported-address-data",
        lambda h: h.anna.query(h.personal, "", prop='<CR:address-data content-type="application/vcard+json"/>'),
    ),
    "query for vCard 2.1": (
        403,
        CR + "supported-address-data",
        lambda h: h.anna.query(h.personal, "", prop='<CR:address-data content-type="text/vcard" version="2.1"/>'),
    ),
    "query for a property without a name": (
        400,
        "",
        lambda h: h.anna.query(h.personal, "", prop="<CR:address-data><CR:prop/></CR:address-data>"),
    ),
    "PROPFIND of something else": (400, "", lambda h: h.anna("PROPFIND", h.personal, _sync())),
    "PROPFIND of nothing": (400, "", lambda h: h.anna("PROPFIND", h.home, '<propfind xmlns="DAV:"/>')),
    "PROPPATCH of something else": (400, "", lambda h: h.anna("PROPPATCH", h.personal, _sync())),
    "unknown method": (405, "", lambda h: h.anna("X" * 500, h.personal)),
    "Depth infinity": (403, D + "propfind-finite-depth", lambda h: h.anna("PROPFIND", h.home, depth="infinity")),
    "Depth of its own": (400, "", lambda h: h.anna("PROPFIND", h.personal, depth="2")),
    "card on a book's URL": (405, "", lambda h: h.anna.put(h.personal, vcard())),
    "card in the home": (405, "", lambda h: h.anna.put(h.home + "x.vcf", vcard())),
    "card below a card": (409, "", lambda h: h.anna.put(h.personal + "a.vcf/b.vcf", vcard())),
    "card with a slash": (409, "", lambda h: h.anna.put(h.personal + "a.vcf/", vcard())),
    "card in no book": (409, "", lambda h: h.anna.put(h.home + "none/a.vcf", vcard())),
    "deletion of the home": (403, "", lambda h: h.anna("DELETE", h.home)),
    "deletion of the root": (403, "", lambda h: h.anna("DELETE", "/dav/")),
    "deletion of the first book": (403, D + "need-privileges", lambda h: h.anna("DELETE", h.personal)),
    "collection in a book": (
        403,
        CR + "addressbook-collection-location-ok",
        lambda h: h.anna("MKCOL", h.personal + "x"),
    ),
    "PROPPATCH of a card": (403, "", lambda h: h.anna("PROPPATCH", h.personal + "a.vcf")),
    "no such book": (404, "", lambda h: h.anna.propfind(h.home + "none/", D + "owner")),
    "no such card": (404, "", lambda h: h.anna("DELETE", h.personal + "none.vcf")),
    "nothing below a card": (404, "", lambda h: h.anna("GET", h.personal + "a/b/c/d")),
    "wrong content type": (403, CR + "supported-address-data", _put(content_type="text/calendar")),
    "content coding": (415, "", _put(content_encoding="gzip")),
    "part of a card": (400, "", _put(content_range="bytes 0-1/2")),
    "If with a lock": (412, "", _put(**{"if": "(<opaquelocktoken:1>)"})),
    "If that can't be read": (400, "", _put(**{"if": '(["x)'})),
    "If with words": (400, "", _put(**{"if": "(perhaps)"})),
    "If without conditions": (400, "", _put(**{"if": "()"})),
    "If-Match of nothing": (412, "", _put(if_match="*")),
    "If-Match of a weak tag": (412, "", _put(if_match='W/"x"')),
    "no vCard": (403, CR + "supported-address-data", lambda h: h.anna.put(h.personal + "new.vcf", "hello")),
    "empty card": (403, CR + "supported-address-data", lambda h: h.anna.put(h.personal + "new.vcf", "")),
    "vCard 2.1": (
        403,
        CR + "supported-address-data",
        lambda h: h.anna.put(h.personal + "new.vcf", vcard().replace("3.0", "2.1")),
    ),
    "card without FN": (
        403,
        CR + "valid-address-data",
        lambda h: h.anna.put(h.personal + "new.vcf", vcard().replace("FN:", "X-FN:")),
    ),
    "card with a control character": (
        403,
        CR + "valid-address-data",
        lambda h: h.anna.put(h.personal + "new.vcf", vcard("a\x01b")),
    ),
    "card that is no UTF-8": (
        403,
        CR + "valid-address-data",
        lambda h: h.anna.put(h.personal + "new.vcf", vcard().encode() + b"\xff"),
    ),
    "card with a lone CR": (
        403,
        CR + "valid-address-data",
        lambda h: h.anna.put(h.personal + "new.vcf", vcard("a\rb")),
    ),
    "1 MB card": (403, CR + "max-resource-size", lambda h: h.anna.put(h.personal + "new.vcf", vcard("a" * 1_100_000))),
    "card for the directory": (403, D + "need-privileges", lambda h: h.anna.put(h.directory + "new.vcf", vcard())),
    "strange token": (403, D + "valid-sync-token", lambda h: h.anna.sync(h.personal, "http://example.com/1")),
    "token of another book": (403, D + "valid-sync-token", lambda h: h.anna.sync(h.personal, "data:,1/99.1.0")),
    "sync without a token": (
        400,
        "",
        lambda h: h.anna("REPORT", h.personal, '<sync-collection xmlns="DAV:"><prop/></sync-collection>'),
    ),
}


@pytest.mark.parametrize(("status", "condition", "ask"), _REFUSED.values(), ids=_REFUSED)
def test_bad_requests_are_refused_and_change_nothing(
    house: House, lines: list[logging.LogRecord], status: int, condition: str, ask: Ask
) -> None:
    """Status, condition, a sentence, one line in the log, the engine not reached, and the books as before."""
    before = _state(house)
    reply = ask(house)
    assert (reply.status, reply.condition) == (status, condition)
    assert reply.sentence
    assert reply.headers["DAV"]
    assert len(lines) == 1, [line.getMessage() for line in lines]
    assert len(lines[0].getMessage()) < 1000
    _no_secrets(lines, reply)
    assert not house.engine.seen
    assert _state(house) == before


def test_a_resource_type_can_not_be_taken_away(house: House, lines: list[logging.LogRecord]) -> None:
    """PROPPATCH of resourcetype kills a book on a plain engine; here all or nothing of it is done."""
    update = (
        '<propertyupdate xmlns="DAV:"><set><prop><displayname>New</displayname></prop></set>'
        "<remove><prop><resourcetype/></prop></remove></propertyupdate>"
    )
    reply = house.anna("PROPPATCH", house.personal, update)
    assert reply.status == 207
    statuses = {p.find(D + "prop")[0].tag: p.findtext(D + "status") for p in reply.xml.iter(D + "propstat")}  # type: ignore[index]
    assert statuses == {
        D + "resourcetype": "HTTP/1.1 403 Forbidden",
        D + "displayname": "HTTP/1.1 424 Failed Dependency",
    }
    assert len(lines) == 1
    assert not house.engine.seen


def test_need_privileges_names_resource_and_privilege(house: House) -> None:
    """DAVx5 stops the whole sync of a read-only book at any other 403."""
    path = house.shared_book("team", "read")
    reply = house.anna.put(path + "a.vcf", vcard())
    needed = reply.xml.find(f"{D}need-privileges/{D}resource")
    assert needed is not None
    assert needed.findtext(D + "href") == path
    assert needed.find(f"{D}privilege/{D}bind") is not None


def _no_secrets(lines: list[logging.LogRecord], reply: Reply) -> None:
    said = " ".join(record.getMessage() + str(record.exc_info) for record in lines) + reply.body.decode()
    assert SECRET not in said
    assert WRONG not in said
    assert "Basic " not in said.replace("Basic realm", "")


def _state(house: House) -> list[Book]:
    anna = house.services.directory.user(house.network.id, "anna")
    assert anna is not None
    books = house.services.directory.home(anna.id)
    return [replace(book, modified=0) for book in books if book.kind != "personal" or book.seq]
