"""The lane and the engine behind it are asked the same; their parsed answers agree, but for a table of differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.dav.exchange import Answer, Request
from carddav_msg.dav.guard import Guard
from carddav_msg.dav.lane import Lane
from carddav_msg.wsgi import engine
from tests.dav.clients import CR, CS, INF, D, Dav, Member, Reply, vcard
from tests.dav.conftest import SECRET, House, build

CALDAV = "{urn:ietf:params:xml:ns:caldav}"

DIFFERENCES = {
    # (what is asked, property): why the lane is right and the engine is not
    ("book", D + "current-user-privilege-set"): "the engine knows read and write only, and calls every writer DAV:all",
    ("card", D + "current-user-privilege-set"): "the same",
    ("book", D + "supported-report-set"): "the engine advertises three reports that it answers with nothing",
    ("card", D + "supported-report-set"): "the same; and it leaves out the two that RFC 6352 §8 wants on cards",
    ("book", CR + "supported-address-data"): "the engine does not convert, and so offers 3.0 only",
    ("book", D + "getcontentlength"): "the engine serialises the whole book to tell its length",
    ("book", CR + "max-resource-size"): "the engine has it in the namespace of CalDAV only",
    ("book", CALDAV + "max-resource-size"): "an address book has no property of calendars",
    ("card", CALDAV + "max-resource-size"): "the same",
    ("report", D + "resourcetype"): "the engine knows three properties in reports, and no others that a card has",
    ("report", D + "getcontentlength"): "the same",
    ("report", D + "owner"): "the same",
    ("report", D + "current-user-principal"): "the same",
}

_BOOK_PROPS = (
    D + "resourcetype",
    D + "displayname",
    D + "getetag",
    D + "getlastmodified",
    D + "getcontenttype",
    D + "getcontentlength",
    D + "sync-token",
    D + "owner",
    D + "current-user-principal",
    D + "current-user-privilege-set",
    D + "principal-collection-set",
    D + "principal-URL",
    D + "supported-report-set",
    CS + "getctag",
    CR + "addressbook-description",
    CR + "supported-address-data",
    CR + "max-resource-size",
    CR + "addressbook-home-set",
    INF + "addressbook-color",
    CALDAV + "max-resource-size",
    D + "quota-used-bytes",
    "{http://me.com/_namespace/}guardian-restricted",
)
_REPORT_PROPS = (
    D + "getetag",
    D + "getcontenttype",
    CR + "address-data",
    D + "displayname",
    D + "resourcetype",
    D + "getcontentlength",
    D + "owner",
    D + "current-user-principal",
    "{urn:x}mood",
)


@dataclass
class Both:
    """The same application with its lane, and with the engine alone."""

    house: House
    lane: Dav
    engine: Dav


class _NoLane(Lane):
    """Leaves everything to the engine."""

    def answer(self, request: Request) -> Answer | None:
        return None


@pytest.fixture
def both(services: Services) -> Both:
    """Anna, with cards under odd names in her own book and in shared ones, with and without the lane."""
    house = build(services)
    behind = engine(services)
    limits: dict[str, Any] = {"prefix": "/dav", "max_body_size": services.settings.max_body_size}
    with_lane = Guard(services.authentication, services.addressbooks, behind, **limits)
    without = Guard(services.authentication, services.addressbooks, behind, **limits)
    without._lane = _NoLane(services.addressbooks)
    lane, alone = (Dav(guard, "acme~anna", SECRET) for guard in (with_lane, without))
    for place in (house.personal, house.shared_book("team", "write")):
        for name in ("a.vcf", "with%20blank%2C%3A%27%2A.vcf", "%C3%BC%2525.vcf", "gone.vcf"):
            assert lane.put(place + name, vcard("Zoë <&>", uid=name)).status == 201
        assert lane("DELETE", place + "gone.vcf").status == 204
    house.shared_book("readonly", "read")
    return Both(house, lane, alone)


@pytest.mark.parametrize("book", ["directory", "personal", "team", "readonly"])
def test_books_and_listings_agree(both: Both, book: str) -> None:
    """PROPFIND 0 and 1 of each kind of book."""
    path = f"{both.house.home}{book}/"
    for depth in ("0", "1"):
        ours, theirs = (client.propfind(path, *_BOOK_PROPS, depth=depth) for client in (both.lane, both.engine))
        _compare(ours, theirs, lambda href: "book" if href == path else "card")


def test_single_cards_agree(both: Both) -> None:
    """PROPFIND of a card, also of one that does not exist."""
    for name in ("a.vcf", "with%20blank%2C%3A%27%2A.vcf", "%C3%BC%2525.vcf"):
        path = both.house.personal + name
        _compare(both.lane.propfind(path, *_BOOK_PROPS), both.engine.propfind(path, *_BOOK_PROPS), lambda _: "card")
    for client in (both.lane, both.engine):
        assert client.propfind(both.house.personal + "none.vcf", D + "getetag").status == 404


@pytest.mark.parametrize("book", ["directory", "personal", "team", "readonly"])
def test_reports_agree(both: Both, book: str) -> None:
    """A first sync, a sync since then, and a multiget with hrefs that name nothing."""
    path = f"{both.house.home}{book}/"
    first = [client.sync(path, "", *_REPORT_PROPS) for client in (both.lane, both.engine)]
    _compare(*first, lambda _: "report")
    tokens = {reply.xml.findtext(D + "sync-token") for reply in first}
    assert len(tokens) == 1
    token = tokens.pop() or ""
    if book in ("personal", "team"):
        both.lane("DELETE", path + "a.vcf")
        both.lane.put(path + "new.vcf", vcard("New", uid="new"))
    _compare(*[client.sync(path, token, *_REPORT_PROPS) for client in (both.lane, both.engine)], lambda _: "report")
    hrefs = [e.text or "" for e in first[0].xml.iter(D + "href")] + [path + "none.vcf"]
    replies = [client.multiget(path, hrefs, *_REPORT_PROPS) for client in (both.lane, both.engine)]
    _compare(*replies, lambda _: "report")


def test_cards_and_refusals_agree(both: Both) -> None:
    """GET, and writes that are refused: the same bytes, tags and statuses."""
    own, readonly = both.house.personal, both.house.home + "readonly/"
    card = own + "a.vcf"
    ours, theirs = both.lane("GET", card), both.engine("GET", card)
    assert (ours.status, ours.body, ours.headers["ETag"]) == (theirs.status, theirs.body, theirs.headers["ETag"])
    asks = [
        lambda client: client("GET", own + "none.vcf"),
        lambda client: client("DELETE", own + "none.vcf"),
        lambda client: client.put(card, vcard("Zoë", uid="a.vcf"), if_match='"x"'),
        lambda client: client.put(card, vcard("Zoë", uid="a.vcf"), if_none_match="*"),
        lambda client: client("DELETE", card, if_match='"x"'),
        lambda client: client.put(readonly + "new.vcf", vcard(uid="new")),
        lambda client: client.put(both.house.directory + "new.vcf", vcard(uid="new")),
        lambda client: client("DELETE", readonly),
        lambda client: client.sync(own, "http://example.com/ns/1"),
        lambda client: client.propfind(both.house.home + "none/", D + "getetag"),
    ]
    for number, ask in enumerate(asks):
        assert (number, ask(both.lane).status) == (number, ask(both.engine).status)


def test_the_table_lists_nothing_that_is_no_difference(both: Both) -> None:
    """A line of the table that is no longer true has to go."""
    card, book = both.house.personal + "a.vcf", both.house.personal
    asked = {
        "book": lambda client: client.propfind(book, *_BOOK_PROPS).members[book],
        "card": lambda client: client.propfind(card, *_BOOK_PROPS).members[card],
        "report": lambda client: client.multiget(book, [card], *_REPORT_PROPS).members[card],
    }
    for what, prop in DIFFERENCES:
        assert _value(asked[what](both.lane), prop) != _value(asked[what](both.engine), prop), (what, prop)


def _compare(ours: Reply, theirs: Reply, kind: Any) -> None:
    assert set(ours.members) == set(theirs.members)
    for href, member in ours.members.items():
        other = theirs.members[href]
        assert member.gone == other.gone, href
        for prop in {*member.found, *member.missing, *other.found, *other.missing}:
            if (kind(href), prop) not in DIFFERENCES:
                assert _value(member, prop) == _value(other, prop), (href, prop)


def _value(member: Member, prop: str) -> str:
    """The property in canonical form, its children sorted (they are sets); empty when it is missing."""
    element = member.found.get(prop)
    if element is None:
        return ""
    element[:] = sorted(element, key=ElementTree.tostring)
    plain = ElementTree.tostring(element, encoding="unicode").replace("%40", "@").replace("%7E", "~")
    return ElementTree.canonicalize(plain)
