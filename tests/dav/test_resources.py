"""GET, HEAD, PUT and DELETE: cards come back as they were written, and nobody overwrites what they have not seen."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from carddav_msg.credentials import device
from carddav_msg.services.authentication import Face
from tests.dav.clients import CR, D, Dav, vcard
from tests.dav.conftest import House

DATA = CR + "address-data"

_BYTES: dict[str, str] = {
    "CRLF": vcard(),
    "LF": vcard().replace("\r\n", "\n"),
    "mixed line ends": vcard().replace("\r\nFN", "\nFN"),
    "folds with a blank": vcard().replace("Lovelace\r\nN", "Love\r\n lace\r\nN"),
    "folds with a tab": vcard().replace("Lovelace\r\nN", "Love\r\n\tlace\r\nN"),
    "folds inside a character's line": vcard("Łukasz\r\n  Żółć"),
    "no line end at the end": vcard().removesuffix("\r\n"),
    "raw commas and semicolons": vcard("Ada", "ada", "TITLE:Head, of; things", "ORG:Acme, Inc.", "NOTE:a,b\\n\\,c"),
    "markup": vcard("<b>&amp;]]></b>", "ada", "NOTE:\"quoted\" 'single' &#13; %s %(href)s {0}"),
    "properties of others": vcard("Ada", "ada", 'X-ABLabel;x="a:b;c":_$!<Other>!$_', "item1.TEL:+1", "TEL;type=CELL:1"),
    "4.0 with a photo": vcard("Ada", "ada", "PHOTO:data:image/png;base64,aGVsbG8=").replace("3.0", "4.0"),
    "emoji and direction marks": vcard("\u202eadA\u202c 👩‍🚀"),
}


@pytest.mark.parametrize("card", _BYTES.values(), ids=_BYTES)
def test_a_card_comes_back_byte_for_byte(house: House, card: str) -> None:
    """PUT, then GET, multiget and sync: the same bytes, and the ETag that the PUT told."""
    path = house.personal + "card.vcf"
    put = house.anna.put(path, card)
    assert put.status == 201
    got = house.anna("GET", path)
    assert got.body == card.encode()
    assert got.headers["ETag"] == put.headers["ETag"]
    if "VERSION:4.0" in card:  # who names no version gets 3.0
        asked = '<CR:address-data content-type="text/vcard" version="4.0"/>'
        assert house.anna.query(house.personal, "", asked).members[path].text(DATA) == card
        return
    assert house.anna.multiget(house.personal, [path]).members[path].text(DATA) == card
    assert house.anna.sync(house.personal, "", DATA).members[path].text(DATA) == card


def test_a_put_that_is_changed_tells_no_etag(house: House) -> None:
    """A card without a UID gets one: the client has to read it again."""
    path = house.personal + "card.vcf"
    put = house.anna.put(path, vcard(uid=""))
    assert put.status == 201
    assert "ETag" not in put.headers
    assert b"UID:" in house.anna("GET", path).body


_NAMES = [
    "plain.vcf",
    "a%2Fb.vcf",
    "100%.vcf",
    "%25.vcf",
    "a:b.vcf",
    "it's.vcf",
    "a,b;c.vcf",
    "star*.vcf",
    "with blank.vcf",
    "a&b<c>.vcf",
    "ques?tion#hash.vcf",
    "plus+at@eq=.vcf",
    "Ünïcödé-名前.vcf",
    'a\\b|c"d.vcf',
    "no-suffix",
    "...",
    "a" * 250 + ".vcf",
]


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("safe", ["", "-._~!$&'()*+,;=:@"])
def test_any_name_works_everywhere(house: House, name: str, safe: str) -> None:
    """One card under one name: PUT, listing, sync, multiget by the href that was listed, GET, DELETE."""
    path = house.personal + quote(name, safe=safe)
    decoded = house.personal + name
    assert house.anna.put(path, vcard()).status == 201
    listing = house.anna.propfind(house.personal, D + "getetag", depth="1")
    assert set(listing.members) == {house.personal, decoded}
    assert set(house.anna.sync(house.personal).members) == {decoded}
    href = next(e.text for e in listing.xml.iter(D + "href") if e.text != house.personal)
    assert href
    assert not house.anna.multiget(house.personal, [href, path]).members[decoded].gone
    assert not house.anna.propfind(path, D + "getetag").members[decoded].missing
    assert house.anna("GET", href).status == 200
    assert house.anna("DELETE", href).status == 204
    assert house.anna.sync(house.personal).members == {}


def test_write_if_it_is_unchanged(house: House) -> None:
    """If-Match and If-None-Match, alone, in lists, with `*`, and for a card that has changed."""
    path = house.personal + "a.vcf"
    first = house.anna.put(path, vcard("1"), if_none_match="*").headers["ETag"]
    assert house.anna.put(path, vcard("2"), if_none_match="*").status == 412
    assert house.anna.put(path, vcard("2"), if_none_match=f'"x", W/{first}').status == 412
    reply = house.anna.put(path, vcard("2"), if_match=f'"x", {first}')
    assert reply.status == 204
    second = reply.headers["ETag"]
    assert house.anna.put(path, vcard("3"), if_match=first).status == 412
    assert house.anna.put(path, vcard("3"), if_match=f"W/{second}").status == 412
    assert house.anna("DELETE", path, if_match=first).status == 412
    assert house.anna("DELETE", path, **{"if": f"([{first}])"}).status == 412
    assert house.anna("GET", path).body == vcard("2").encode()
    assert house.anna.put(path, vcard("4"), if_match="*").status == 204
    third = house.anna("GET", path).headers["ETag"]
    assert house.anna("DELETE", path, if_match=third.strip('"')).status == 204


def test_an_if_header_of_entity_tags_is_kept(house: House) -> None:
    """The WebDAV form of If-Match, for clients that send it."""
    path = house.personal + "a.vcf"
    etag = house.anna.put(path, vcard("1")).headers["ETag"]
    assert house.anna.put(path, vcard("2"), **{"if": f'(["x"]) ([{etag}])', "if_match": etag}).status == 204
    assert house.anna.put(path, vcard("3"), **{"if": f"([{etag}])"}).status == 412


def test_a_get_of_what_the_client_has_is_304(house: House) -> None:
    """Validators work, and shared caches keep nothing."""
    path = house.personal + "a.vcf"
    etag = house.anna.put(path, vcard()).headers["ETag"]
    reply = house.anna("GET", path, if_none_match=f'"x", W/{etag}')
    assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", etag)
    assert reply.headers["Cache-Control"] == "private, no-cache"
    whole = house.anna("GET", path, if_none_match='"x"')
    assert whole.status == 200
    assert whole.headers["Cache-Control"] == "private, no-cache"
    assert whole.headers["Content-Type"] == "text/vcard;charset=utf-8"


@pytest.mark.parametrize(
    "content_type", ["text/vcard", "Text/VCard; charset=UTF-8", "text/x-vcard", "text/directory;profile=vcard", ""]
)
def test_the_media_types_of_vcards_are_accepted(house: House, content_type: str) -> None:
    """Old names of the type, and clients that send none."""
    assert house.anna.put(house.personal + "a.vcf", vcard(), content_type=content_type).status == 201


def test_a_uid_belongs_to_one_card(house: House) -> None:
    """The refusal names the card that has the UID."""
    house.anna.put(house.personal + "a%20%26.vcf", vcard())
    reply = house.anna.put(house.personal + "b.vcf", vcard())
    assert (reply.status, reply.condition) == (403, CR + "no-uid-conflict")
    assert reply.xml.findtext(f"{CR}no-uid-conflict/{D}href") == house.personal + "a%20%26.vcf"


def test_members_share_a_book(house: House) -> None:
    """What one writes the other reads, under the other's own path."""
    house.shared_book("team", "write")
    assert house.anna.put("/dav/acme~anna/team/a.vcf", vcard()).status == 201
    assert house.bob("GET", "/dav/acme~bob/team/a.vcf").body == vcard().encode()
    assert set(house.bob.sync("/dav/acme~bob/team/").members) == {"/dav/acme~bob/team/a.vcf"}


def test_a_refused_write_changes_nothing_for_others(house: House) -> None:
    """Not even the token of the book, or every phone would sync."""
    path = house.shared_book("team", "read")
    before = house.bob.propfind("/dav/acme~bob/team/", D + "sync-token").body
    assert house.anna.put(path + "a.vcf", vcard()).status == 403
    assert house.anna("DELETE", path + "a.vcf").status == 403
    assert house.anna("DELETE", path).status == 403
    assert house.bob.propfind("/dav/acme~bob/team/", D + "sync-token").body == before


def test_a_further_personal_book_can_be_deleted(house: House) -> None:
    """The owner's own books go with their cards; If-Match of an older state keeps them."""
    principal = house.services.authentication.enter("acme~anna", house.anna.secret, Face.CARDDAV).principal
    house.services.addressbooks.create_book(principal, "friends", "Friends", "", "")
    path = house.home + "friends/"
    old = house.anna.propfind(path, D + "getetag").members[path].text(D + "getetag")
    house.anna.put(path + "a.vcf", vcard())
    assert house.anna("DELETE", path, if_match=old).status == 412
    assert house.anna("DELETE", path).status == 204
    assert house.anna.propfind(path, D + "getetag").status == 404


def test_a_device_credential_opens_the_door(house: House) -> None:
    """Phones sign in with the credential that provisioning gave them."""
    user = house.services.directory.user(house.network.id, "anna")
    assert user
    secret = device.issue(house.services.keyring, user.id, user.session_epoch, "phone")
    phone = Dav(house.guard, "acme~anna", secret)
    assert phone.put(house.personal + "a.vcf", vcard()).status == 201
