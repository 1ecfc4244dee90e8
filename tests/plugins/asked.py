"""The requests that the lane and the engine are both asked, in their order: cards and books come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from carddav_msg.wsgi import MOUNT
from tests.plugins.installation import CARD, card
from tests.plugins.webdav import Answer, mkcol, multiget, propfind, proppatch, query, sync

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
    "D:getcontentlength",
    "D:sync-token",
    "D:owner",
    "D:current-user-principal",
    "D:principal-collection-set",
    "D:principal-URL",
    "D:current-user-privilege-set",
    "D:supported-report-set",
    "CS:getctag",
    "CR:addressbook-description",
    "CR:supported-address-data",
    "CR:max-resource-size",
    "CR:addressbook-home-set",
    "CAL:max-resource-size",
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
# What clients ask of cards in reports, and what they might.
REPORTED = (
    "D:getetag",
    "D:getcontenttype",
    "D:getcontentlength",
    "D:displayname",
    "D:resourcetype",
    "D:owner",
    "D:current-user-principal",
    "CR:address-data",
    "CR:nonsense",
)
ODD_NAMES = ("with blank,:'*.vcf", "ü%25.vcf")
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


def cases() -> Iterator[Case]:
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
    for name in ODD_NAMES:
        yield Case(f"put of {name}", "PUT", TEAM + name, card(name, "FN:Zoë <&>"), VCARD)
        yield Case(f"properties of {name}", "PROPFIND", TEAM + name, CARD_PROPERTIES)
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
    for book in (DIRECTORY, NOTICES, PERSONAL, TEAM):
        yield Case(f"report of {book}", "REPORT", book, sync("", *REPORTED))
        yield Case(f"cards of {book}", "REPORT", book, _members(f"report of {book}", book))
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


def _members(name: str, book: str) -> Callable[[Earlier], str]:
    none = f"{MOUNT}{book}none.vcf"
    return lambda earlier: multiget([*(quote(href) for href in earlier[name].responses), none], *REPORTED)


def _hrefs(*names: str) -> str:
    return multiget([f"{MOUNT}{TEAM}{name}" for name in names], "D:getetag", "CR:address-data", "CR:nonsense")


def _identity(cloud_username: str, network_id: str) -> tuple[str, str]:
    return f"X-CLOUD-USERNAME:{cloud_username}", f"X-NETWORK-ID:{network_id}"
