"""Versions and parts of cards: stored as written, served as asked for, and only the stored card has the book's tags."""

from __future__ import annotations

import pytest

from carddav_msg.formats.vcard.convert import convert
from tests.dav.clients import CR, D, Dav, vcard
from tests.dav.conftest import House

DATA = CR + "address-data"
THREE = vcard("Ada", "three", "item1.TEL;TYPE=CELL,PREF:+1", "item1.X-ABLABEL:mine", "EMAIL;TYPE=HOME:a@example.com")
FOUR = vcard("Vier", "four", "TEL;TYPE=cell;VALUE=uri:tel:+4", "KIND:individual", "ANNIVERSARY:20090808").replace(
    "3.0", "4.0"
)


@pytest.fixture
def shelf(house: House) -> House:
    """A card of each version."""
    for name, card in (("three", THREE), ("four", FOUR)):
        assert house.anna.put(f"{house.personal}{name}.vcf", card).status == 201
    return house


def _data(house: House, name: str, inside: str = "", **attributes: str) -> str:
    """The address-data of a card, the same from each of the three reports."""
    path = f"{house.personal}{name}.vcf"
    given = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    element = f"<CR:address-data{given}>{inside}</CR:address-data>"
    names = 'xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"'
    prop = f"<D:prop><D:getetag/>{element}</D:prop>"
    replies = [
        house.anna.query(house.personal, "", f"<D:getetag/>{element}"),
        house.anna("REPORT", house.personal, f"<D:sync-collection {names}><D:sync-token/>{prop}</D:sync-collection>"),
        house.anna(
            "REPORT",
            house.personal,
            f"<CR:addressbook-multiget {names}>{prop}<D:href>{path}</D:href></CR:addressbook-multiget>",
        ),
    ]
    stored = house.anna("GET", path).headers["ETag"]
    assert {reply.members[path].text(D + "getetag") for reply in replies} == {stored}
    (text,) = {reply.members[path].text(DATA) for reply in replies}
    return text


def test_reports_give_3_0_to_who_names_no_version(shelf: House) -> None:
    """Apple's clients stop syncing at a 4.0 card that they did not ask for."""
    for attributes in ({}, {"content_type": "text/vcard"}, {"version": "3.0"}, {"content_type": "Text/vCard;x=y"}):
        assert _data(shelf, "three", **attributes) == THREE
        assert _data(shelf, "four", **attributes) == convert(FOUR, "3.0")
    assert "VERSION:3.0\r\n" in _data(shelf, "four")


def test_reports_give_4_0_to_who_asks_for_it(shelf: House) -> None:
    """A stored 4.0 card comes as it was written, a 3.0 card converted."""
    assert _data(shelf, "four", content_type="text/vcard", version="4.0") == FOUR
    assert _data(shelf, "three", version="4.0") == convert(THREE, "4.0")
    assert "VERSION:4.0\r\n" in _data(shelf, "three", version="4.0")


def test_a_card_whose_lines_are_in_another_order_is_served_as_it_is(house: House) -> None:
    """The version is found wherever it stands, also in lines that end in a line feed."""
    for name, card in (
        ("late", "BEGIN:VCARD\nFN:A\nUID:1\nVERSION:3.0\nEND:VCARD\n"),
        ("lf", vcard().replace("\r", "")),
    ):
        house.anna.put(f"{house.personal}{name}.vcf", card)
        assert _data(house, name) == card


def test_a_part_of_a_card(shelf: House) -> None:
    """The properties that are named, with their groups, or without their values; and what makes it a card."""
    frame = "BEGIN:VCARD\r\nVERSION:3.0\r\n{}END:VCARD\r\n"
    tel = "item1.TEL;TYPE=CELL,PREF:+1\r\n"
    asked = {
        '<CR:prop name="FN"/>': "FN:Ada\r\n",
        '<CR:prop name="tel"/>': tel,
        '<CR:prop name="ITEM1.tel"/>': tel,
        '<CR:prop name="item2.TEL"/>': "",
        '<CR:prop name="TEL" novalue="yes"/><CR:prop name="UID" novalue="no"/>': (
            "UID:three\r\nitem1.TEL;TYPE=CELL,PREF:\r\n"
        ),
        '<CR:prop name="X-NONE"/>': "",
        '<CR:prop name="VERSION"/><CR:prop name="FN"/>': "FN:Ada\r\n",
    }
    for inside, lines in asked.items():
        assert _data(shelf, "three", inside) == frame.format(lines)
    assert _data(shelf, "three", "<CR:allprop/>") == THREE
    assert _data(shelf, "four", '<CR:prop name="UID"/>', version="4.0") == frame.replace("3.0", "4.0").format(
        "UID:four\r\n"
    )


def test_a_value_that_is_folded_is_left_out_whole(house: House) -> None:
    """Without its value a long property is its name and parameters."""
    house.anna.put(house.personal + "a.vcf", vcard("Ada", "a", "NOTE;LANGUAGE=en:folded\r\n  here\r\n  and here"))
    assert "NOTE;LANGUAGE=en:\r\nEND" in _data(house, "a", '<CR:prop name="NOTE" novalue="yes"/>')


def test_get_gives_the_stored_bytes(shelf: House) -> None:
    """Who names no version gets what was written, under the tag that all others see."""
    for accept in (
        "*/*",
        "text/vcard",
        "text/*",
        "text/vcard;version=4.0;q=0.1, */*",
        "image/png",
        "text/vcard;q=x",
        "",
    ):
        for name, card in (("three", THREE), ("four", FOUR)):
            reply = shelf.anna("GET", f"{shelf.personal}{name}.vcf", accept=accept)
            assert reply.body.decode() == card
            assert reply.headers["Vary"] == "Accept"
            assert "-v" not in reply.headers["ETag"]


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        ("text/vcard;version=4.0", "4.0"),
        ('text/vcard; version="4.0", text/vcard;q=0.8, */*;q=0.5', "4.0"),
        ("text/vcard;version=3.0", "3.0"),
        ("text/vcard;version=2.1, text/x-vcard;version=3.0;q=0.5", "3.0"),
        ("text/vcard;version=3.0;q=0.5, text/vcard;version=4.0", "4.0"),
    ],
)
def test_get_gives_the_version_that_is_asked_for(shelf: House, accept: str, version: str) -> None:
    """A variant has its own tag, the stored version its usual one; caches are told what it depends on."""
    for name, card in (("three", THREE), ("four", FOUR)):
        path = f"{shelf.personal}{name}.vcf"
        stored = shelf.anna("GET", path)
        reply = shelf.anna("GET", path, accept=accept)
        assert reply.body.decode() == convert(card, version)
        assert (reply.headers["ETag"] == stored.headers["ETag"]) == (convert(card, version) == card)
        assert reply.headers["Vary"] == "Accept"
        again = shelf.anna("GET", path, accept=accept, if_none_match=reply.headers["ETag"])
        assert (again.status, again.body, again.headers["Vary"]) == (304, b"", "Accept")
        if reply.body != stored.body:
            assert reply.headers["Content-Type"] == f"text/vcard;charset=utf-8;version={version}"
            assert shelf.anna("GET", path, if_none_match=reply.headers["ETag"]).status == 200
            assert shelf.anna("GET", path, accept=accept, if_none_match=stored.headers["ETag"]).status == 200


def test_both_versions_being_welcome_the_stored_one_is_sent(shelf: House) -> None:
    """Nothing is converted without need."""
    for name, card in (("three", THREE), ("four", FOUR)):
        accept = "text/vcard;version=4.0, text/vcard;version=3.0"
        assert shelf.anna("GET", f"{shelf.personal}{name}.vcf", accept=accept).body.decode() == card


def test_a_version_that_can_not_be_had_is_refused(shelf: House) -> None:
    """Only when nothing else is acceptable (RFC 6352 §5.1.1.1)."""
    path = shelf.personal + "three.vcf"
    reply = shelf.anna("GET", path, accept="text/vcard;version=2.1")
    assert (reply.status, reply.condition) == (403, CR + "supported-address-data-conversion")
    assert shelf.anna("GET", path, accept="text/vcard;version=2.1, text/vcard").status == 200


def test_a_write_may_name_any_tag_of_the_card(shelf: House) -> None:
    """If-Match with the tag of a variant is as good as that of the stored card, until the card changes."""
    path = shelf.personal + "four.vcf"
    variant = shelf.anna("GET", path, accept="text/vcard;version=3.0")
    edited = variant.body.decode().replace("Vier", "Five")
    tag = variant.headers["ETag"]
    assert shelf.anna.put(path, edited, if_none_match=tag).status == 412
    assert shelf.anna.put(path, edited, if_match=tag).status == 204
    assert shelf.anna.put(path, edited, if_match=tag).status == 412
    assert shelf.anna("DELETE", path, **{"if": f"([{tag}])"}).status == 412


def test_both_versions_are_advertised(house: House) -> None:
    """What is taken and given is what the book says (RFC 6352 §6.2.2)."""
    name = CR + "supported-address-data"
    offered = house.anna.propfind(house.personal, name).members[house.personal].found[name]
    assert [(e.get("content-type"), e.get("version")) for e in offered] == [
        ("text/vcard", "3.0"),
        ("text/vcard", "4.0"),
    ]


def test_a_book_can_be_saved_as_a_file(shelf: House) -> None:
    """GET of a book is all its cards as they are stored; HEAD reads none of them."""
    client: Dav = shelf.anna
    shelf.anna.put(shelf.personal + "z.vcf", vcard("Z", "z").removesuffix("\r\n"))
    whole = client("GET", shelf.personal)
    assert whole.body.decode() == THREE + FOUR + vcard("Z", "z")
    assert whole.headers["Content-Type"] == "text/vcard;charset=utf-8"
    assert client("GET", shelf.personal, if_none_match=whole.headers["ETag"]).status == 304
    head = client("HEAD", shelf.personal)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", whole.headers["ETag"])
    assert b"CardDAV" in client("GET", "/dav/").body
    assert b"CardDAV" in client("GET", shelf.home).body
    assert client("GET", shelf.home + "none/").status == 404
