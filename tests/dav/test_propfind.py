"""PROPFIND of books and cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from carddav_msg import bootstrap
from carddav_msg.dav.exchange import streamed
from carddav_msg.errors import Unavailable
from carddav_msg.settings import Settings
from tests.dav.clients import CR, CS, INF, D, propfind, vcard
from tests.dav.conftest import House, build


def test_a_book_shows_what_clients_ask_for(house: House) -> None:
    """Names, tags, tokens and limits of a book; an unknown property is a 404, not an error."""
    path = house.shared_book("team", "write")
    asked = (
        D + "resourcetype",
        D + "displayname",
        D + "sync-token",
        D + "getetag",
        CS + "getctag",
        D + "owner",
        D + "current-user-principal",
        D + "principal-collection-set",
        D + "supported-report-set",
        CR + "addressbook-description",
        CR + "supported-address-data",
        CR + "supported-collation-set",
        CR + "max-resource-size",
        INF + "addressbook-color",
    )
    book = house.anna.propfind(path, *asked, "{urn:x}mood", D + "quota-used-bytes").members[path]
    assert set(book.found) == set(asked)
    assert book.missing == {"{urn:x}mood", D + "quota-used-bytes"}
    assert {e.tag for e in book.found[D + "resourcetype"]} == {D + "collection", CR + "addressbook"}
    assert book.text(D + "displayname") == "Shared & team"
    assert book.text(CR + "addressbook-description") == "For <all>"
    assert book.text(INF + "addressbook-color") == "#ff0000ff"
    assert book.text(CR + "max-resource-size") == "1048576"
    assert book.found[D + "owner"].findtext(D + "href") == house.home
    assert book.found[D + "principal-collection-set"].findtext(D + "href") == "/dav/"
    assert [e.get("version") for e in book.found[CR + "supported-address-data"]] == ["3.0", "4.0"]
    assert [e.text for e in book.found[CR + "supported-collation-set"]] == [
        "i;ascii-casemap",
        "i;unicode-casemap",
        "i;octet",
    ]
    reports = {e.tag for e in book.found[D + "supported-report-set"].findall(f"*/{D}report/*")}
    assert reports == {
        D + "sync-collection",
        CR + "addressbook-multiget",
        CR + "addressbook-query",
        D + "expand-property",
    }


@pytest.mark.parametrize(
    ("slug", "everyone", "expected"),
    [
        ("directory", None, {"read"}),
        ("team", "read", {"read"}),
        ("team", "write", {"read", "write", "write-content", "bind", "unbind"}),
        ("personal", None, {"read", "write", "write-content", "bind", "unbind", "write-properties"}),
    ],
)
def test_privileges_say_what_a_client_may_do(house: House, slug: str, everyone: str | None, expected: set[str]) -> None:
    """Without DAV:write clients show a book read-only, and rightly so."""
    if everyone:
        house.shared_book(slug, everyone)
    path = f"{house.home}{slug}/"
    found = house.anna.propfind(path, D + "current-user-privilege-set").members[path].found
    names = {e.tag for e in found[D + "current-user-privilege-set"].findall(f"{D}privilege/*")}
    assert names == {D + name for name in expected}


def test_a_book_that_is_not_shared_with_the_user_does_not_exist(house: House) -> None:
    """A shared book without members is nobody's to see."""
    path = house.shared_book("secret", "")
    assert house.anna.propfind(path, D + "displayname").status == 404
    assert house.anna.put(path + "a.vcf", vcard()).status == 409
    assert house.anna("DELETE", path).status == 404


def test_depth_1_lists_every_card_with_its_etag(settings: Settings) -> None:
    """The listing is complete over several pages."""
    services = bootstrap.build(replace(settings, page_size=4))
    house = build(services)
    for number in range(11):
        assert house.anna.put(f"{house.personal}{number}.vcf", vcard(uid=str(number))).status == 201
    members = house.anna.propfind(house.personal, D + "getetag", D + "resourcetype", depth="1").members
    assert set(members) == {house.personal, *(f"{house.personal}{number}.vcf" for number in range(11))}
    etag = house.anna("GET", house.personal + "7.vcf").headers["ETag"]
    assert members[house.personal + "7.vcf"].text(D + "getetag") == etag
    services.close()


def test_thunderbird_finds_what_it_needs(house: House) -> None:
    """The first status of a response is exactly `HTTP/1.1 200 OK`, and a card has an empty resourcetype there."""
    house.anna.put(house.personal + "a.vcf", vcard())
    reply = house.anna.propfind(house.personal, "{urn:x}mood", D + "resourcetype", D + "getetag", depth="1")
    for response in reply.xml.findall(D + "response"):
        statuses = [element.text for element in response.iter(D + "status")]
        assert statuses == ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"]
    types = reply.members[house.personal + "a.vcf"].found[D + "resourcetype"]
    assert len(types) == 0


def test_a_card_shows_its_size_and_time(house: House) -> None:
    """Properties of the whole card agree with GET, for one card and in a listing."""
    card = vcard("Zoë Ünïcode")
    path = house.personal + "a.vcf"
    house.anna.put(path, card)
    asked = (D + "getcontentlength", D + "getlastmodified", D + "getcontenttype", D + "getetag", D + "owner")
    got = house.anna("GET", path)
    for reply in (house.anna.propfind(path, *asked), house.anna.propfind(house.personal, *asked, depth="1")):
        found = reply.members[path]
        assert found.text(D + "getcontentlength") == str(len(card.encode()))
        assert found.text(D + "getlastmodified") == got.headers["Last-Modified"]
        assert found.text(D + "getetag") == got.headers["ETag"]
        assert found.text(D + "getcontenttype") == got.headers["Content-Type"]


def test_hrefs_with_a_percent_sign_survive_the_row_templates(house: House) -> None:
    """Rows are filled into a template of `%`: hrefs and names with that sign are text like any other."""
    client = house.client("acme~anna")
    path = "/dav/acme~anna/personal/"
    client.put(path + "100%25s%2525.vcf", vcard())
    asked = (D + "owner", D + "getetag", "{urn:100%25s}x")
    reply = client.propfind(path, *asked, depth="1")
    assert f"{path}100%s%25.vcf" in reply.members
    assert reply.members[f"{path}100%s%25.vcf"].missing == {"{urn:100%25s}x"}


def test_all_properties_are_those_worth_having(house: House) -> None:
    """allprop, asked for or meant by an empty body, has what describes a resource, and never the card itself."""
    house.anna.put(house.personal + "a.vcf", vcard())
    whole = '<propfind xmlns="DAV:"><allprop/></propfind>'
    replies = [house.anna("PROPFIND", house.personal, body, depth="1") for body in ("", whole)]
    assert replies[0].body == replies[1].body
    book, card = (replies[0].members[href] for href in (house.personal, house.personal + "a.vcf"))
    shared = {D + "resourcetype", D + "getetag", D + "getcontenttype", D + "getlastmodified"}
    assert set(book.found) == shared | {D + "displayname"}
    assert set(card.found) == shared | {D + "getcontentlength"}
    assert not book.missing | card.missing


def test_more_properties_can_be_included(house: House) -> None:
    """What is included comes too; what is not there is told, but not of a property that only allprop asked for."""
    body = '<propfind xmlns="DAV:"><allprop/><include><sync-token/><quota-used-bytes/></include></propfind>'
    book = house.anna("PROPFIND", house.personal, body).members[house.personal]
    assert D + "sync-token" in book.found
    assert D + "displayname" in book.found
    assert book.missing == {D + "quota-used-bytes"}


def test_the_names_of_properties_are_told(house: House) -> None:
    """propname names what a PROPFIND can get, each without its value, and only what the resource has."""
    house.anna.put(house.personal + "a.vcf", vcard())
    body = '<propfind xmlns="DAV:"><propname/></propfind>'
    for place in ("/dav/", house.home, house.personal):
        members = house.anna("PROPFIND", place, body, depth="1").members
        for href, member in members.items():
            assert all(len(element) == 0 and not element.text for element in member.found.values())
            again = house.anna.propfind(href, *member.found).members[href]
            assert not again.missing
    names = house.anna("PROPFIND", house.personal, body, depth="1").members
    assert CR + "addressbook-description" not in names[house.personal].found
    assert {D + "getetag", D + "getcontentlength"} < set(names[house.personal + "a.vcf"].found)
    assert CR + "address-data" not in names[house.personal + "a.vcf"].found


def test_an_empty_prop_is_answered(house: House) -> None:
    """With no property named, there is still a response for each resource."""
    house.anna.put(house.personal + "a.vcf", vcard())
    for place in ("/dav/", house.home, house.personal, house.personal + "a.vcf"):
        members = house.anna("PROPFIND", place, '<propfind xmlns="DAV:"><prop/></propfind>', depth="1").members
        assert len(members) == {"/dav/": 2, house.home: 3, house.personal: 2}.get(place, 1)
        assert not any(member.found or member.missing or member.gone for member in members.values())


@pytest.mark.parametrize(
    "headers",
    [
        {"prefer": "return=minimal"},
        {"prefer": 'respond-async, Return="minimal"; x=y'},
        {"brief": "t"},
        {"brief": "t", "prefer": "return=minimal"},
    ],
)
def test_a_client_that_wants_little_is_not_told_what_is_missing(house: House, headers: dict[str, str]) -> None:
    """Prefer (RFC 8144) and Apple's Brief: no propstat of 404, but the one of 200 even when it is empty."""
    house.anna.put(house.personal + "a.vcf", vcard())
    asked = propfind("{urn:x}mood", CR + "principal-address")
    for place in ("/dav/", house.home, house.personal, house.personal + "a.vcf"):
        reply = house.anna("PROPFIND", place, asked, depth="1", **headers)
        assert "HTTP/1.1 404" not in reply.body.decode()
        assert reply.body.count(b"HTTP/1.1 200 OK") == len(reply.members)
        assert reply.headers.get("Preference-Applied") == ("return=minimal" if "prefer" in headers else None)
    report = '<sync-collection xmlns="DAV:"><sync-token/><prop><x/><getetag/></prop></sync-collection>'
    assert b"HTTP/1.1 404" not in house.anna("REPORT", house.personal, report, **headers).body


@pytest.mark.parametrize(
    "headers", [{"prefer": "return=representation"}, {"brief": "f"}, {"prefer": "x=return=minimal"}]
)
def test_other_preferences_change_nothing(house: House, headers: dict[str, str]) -> None:
    """What is missing is told, and no preference is acknowledged."""
    reply = house.anna("PROPFIND", house.personal, propfind("{urn:x}mood"), **headers)
    assert reply.members[house.personal].missing == {"{urn:x}mood"}
    assert "Preference-Applied" not in reply.headers


def test_the_root_leads_to_the_principal(house: House) -> None:
    """Discovery from the server's address alone, also by a login that is spelled shorter."""
    asked = (D + "current-user-principal", D + "resourcetype", D + "principal-collection-set")
    for client in (house.anna, house.client("anna")):
        root = client.propfind("/dav/", *asked).members["/dav/"]
        assert root.found[D + "current-user-principal"].findtext(D + "href") == house.home
        assert [e.tag for e in root.found[D + "resourcetype"]] == [D + "collection"]
    assert set(house.anna.propfind("/dav/", *asked, depth="1").members) == {"/dav/", house.home}


def test_the_home_is_the_principal(house: House) -> None:
    """What clients ask of a principal, and what there is not."""
    asked = (
        D + "resourcetype",
        D + "displayname",
        D + "principal-URL",
        D + "owner",
        D + "current-user-principal",
        D + "current-user-privilege-set",
        D + "supported-report-set",
        D + "group-membership",
        D + "alternate-URI-set",
        D + "principal-collection-set",
        CR + "addressbook-home-set",
    )
    missing = {CR + "principal-address", CR + "directory-gateway", CS + "me-card", D + "sync-token", CS + "getctag"}
    home = house.anna.propfind(house.home, *asked, *missing).members[house.home]
    assert set(home.found) == set(asked)
    assert home.missing == missing
    assert {e.tag for e in home.found[D + "resourcetype"]} == {D + "collection", D + "principal"}
    assert home.text(D + "displayname") == "acme~anna"
    for name in (D + "principal-URL", D + "owner", CR + "addressbook-home-set", D + "current-user-principal"):
        assert home.found[name].findtext(D + "href") == house.home
    reports = {e.tag for e in home.found[D + "supported-report-set"].findall(f"*/{D}report/*")}
    assert reports == {D + "expand-property"}
    privileges = {e.tag for e in home.found[D + "current-user-privilege-set"].findall(f"{D}privilege/*")}
    assert privileges == {D + "read", D + "bind", D + "unbind"}


def test_the_home_lists_its_books(house: House) -> None:
    """The directory comes first: macOS shows only that one."""
    house.shared_book("team", "write")
    house.shared_book("secret", "")
    members = house.anna.propfind(house.home, D + "resourcetype", depth="1").members
    assert list(members) == [house.home, house.directory, f"{house.home}team/", house.personal]
    for href in list(members)[1:]:
        assert CR + "addressbook" in {e.tag for e in members[href].found[D + "resourcetype"]}


@pytest.mark.parametrize("place", ["/dav/", "/dav/acme~anna/"])
def test_apples_me_card_is_refused_in_a_way_that_apple_can_bear(house: House, place: str) -> None:
    """A multistatus with 403 for the property: it is not kept, and contacts go on."""
    update = (
        '<A:propertyupdate xmlns:A="DAV:"><A:set><A:prop><C:me-card xmlns:C="http://calendarserver.org/ns/">'
        "<A:href>/dav/acme~anna/personal/me.vcf</A:href></C:me-card></A:prop></A:set></A:propertyupdate>"
    )
    reply = house.anna("PROPPATCH", place, update)
    assert reply.members[place].missing == {CS + "me-card"}
    assert reply.xml.findtext(f".//{D}status") == "HTTP/1.1 403 Forbidden"
    assert house.anna.propfind(place, CS + "me-card").members[place].missing == {CS + "me-card"}


def test_the_personal_book_is_there_before_anyone_looked_at_the_home(house: House) -> None:
    """A phone that knows the path of its book never asks for the home."""
    assert house.bob.propfind("/dav/acme~bob/personal/", D + "displayname").status == 207


def test_an_error_while_the_first_rows_are_read_is_a_status() -> None:
    """Nothing is sent before there is something to send."""

    def rows() -> Iterator[str]:
        yield "<multistatus>"
        raise Unavailable("The database is away.")

    with pytest.raises(Unavailable):
        streamed(rows())


def test_a_long_answer_is_streamed(house: House) -> None:
    """A long answer leaves in chunks of tens of kilobytes, without being held as a whole."""
    given = streamed(f"<x>{number:060}</x>" for number in range(5000))
    chunks = list(given.body)
    assert len(chunks) > 3
    assert max(map(len, chunks)) < 64 * 1024
    assert "Content-Length" not in dict(given.headers)


def test_a_changed_book_changes_its_tags(house: House) -> None:
    """ctag and sync token move with a change and stay without one."""
    ask = (CS + "getctag", D + "sync-token")

    def tags() -> list[str]:
        member = house.anna.propfind(house.personal, *ask).members[house.personal]
        return [member.text(name) for name in ask]

    first = tags()
    assert tags() == first
    house.anna.put(house.personal + "a.vcf", vcard())
    second = tags()
    assert all(old != new for old, new in zip(first, second, strict=True))
    house.anna.put(house.personal + "a.vcf", vcard())
    assert tags() == second


def test_no_depth_is_depth_0(house: House) -> None:
    """Clients that leave the header out want the resource itself."""
    house.anna.put(house.personal + "a.vcf", vcard())
    assert list(house.anna("PROPFIND", house.personal, propfind(D + "getetag")).members) == [house.personal]


def test_values_of_users_are_escaped(house: House) -> None:
    """A book's name with markup in it stays text."""
    path = house.shared_book("team", "read")
    book = next(b for b in house.services.directory.home(1) if b.slug == "team")
    name = "]]> & <b>\r\n\"'"
    house.services.directory.transact(lambda tx: tx.save_book(replace(book, display_name=name)))
    assert house.anna.propfind(path, D + "displayname").members[path].text(D + "displayname") == name
