"""Contacts as vCards 3.0."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
import vobject
from hypothesis import given

from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile
from carddav_msg.formats.vcard.card import parse
from carddav_msg.formats.vcard.contentlines import scan, unfold
from carddav_msg.formats.vcard.identity import IdentityNames, identity_in, with_identity
from carddav_msg.formats.vcard.render import render
from tests.formats.strategies import CONTACT, HOSTILE

NAMES = IdentityNames(cloud_username_aliases=("X-CLOUDUSERNAME",))
REV = 1767323045_999_999
FULL = Contact(
    "7",
    Profile(
        'Dr. Ann, "Annie" O\'Hara',
        "Ann",
        "Maria; Eva",
        "O'Hara",
        "Dr.",
        "PhD, MSc",
        "Annie",
        "An",
        "Ma-ri-a",
        "O-ha-ra",
        "Acme, Inc.",
        "R&D; North",
        "Head\\Lead",
        numbers=(
            Number("extension", "1000"),
            Number("work", "0555 123-4567", "+15551234567"),
            Number("work", "+15551234567", "+15551234567", verified=True),
            Number("mobile", "+15551234568", label="Night, shift"),
            Number("home", "1"),
            Number("main", "2"),
            Number("fax", "3"),
            Number("pager", "4"),
            Number("other", "5,,6"),
        ),
        emails=(Email("a@example.org"), Email("h@example.org", "home"), Email("o@example.org", "other")),
        addresses=(
            Address("work", "1 Main St\nFloor 2", "Town", "TX", "12345", "USA", "US"),
            Address("other", city="Köln"),
            Address("home"),
        ),
        birthday="1980-02-29",
        note="First\nsecond: " + "ü" * 40,
        photo=Photo("https://example.com/a,b.png", "https://example.com/large.png"),
    ),
    MessagingIdentity("ann@example.org", "acme"),
    "S1,x@sip.example.com",
    ("https://example.com/~ann?a=1;b=2",),
)
GOLDEN = """\
BEGIN:VCARD
VERSION:3.0
UID:u-1
FN:Dr. Ann\\, "Annie" O'Hara
N:O'Hara;Ann;Maria\\; Eva;Dr.;PhD\\, MSc
NICKNAME:Annie
X-PHONETIC-FIRST-NAME:An
X-PHONETIC-MIDDLE-NAME:Ma-ri-a
X-PHONETIC-LAST-NAME:O-ha-ra
ORG:Acme\\, Inc.;R&D\\; North
TITLE:Head\\\\Lead
TEL;TYPE=WORK,VOICE:1000
TEL;TYPE=WORK,VOICE:+15551234567
item1.TEL;TYPE=CELL,VOICE:+15551234568
item1.X-ABLabel:Night\\, shift
TEL;TYPE=HOME,VOICE:1
TEL;TYPE=MAIN,WORK,VOICE:2
TEL;TYPE=WORK,FAX:3
TEL;TYPE=PAGER:4
TEL;TYPE=VOICE:5\\,\\,6
EMAIL;TYPE=INTERNET,WORK:a@example.org
EMAIL;TYPE=INTERNET,HOME:h@example.org
EMAIL;TYPE=INTERNET:o@example.org
IMPP:sip:S1%2Cx@sip.example.com
item2.ADR;TYPE=WORK:;;1 Main St\\nFloor 2;Town;TX;12345;USA
item2.X-ABADR:us
ADR;TYPE=POSTAL:;;;Köln;;;
BDAY:1980-02-29
NOTE:First\\nsecond: üüüüüüüüüüüüüüüüüüüüüüüüüüü
 üüüüüüüüüüüüü
PHOTO;VALUE=uri:https://example.com/a,b.png
URL:https://example.com/~ann?a=1;b=2
X-CLOUD-USERNAME:ann@example.org
X-NETWORK-ID:acme
X-CLOUDUSERNAME:ann@example.org
REV:2026-01-02T03:04:05Z
END:VCARD
"""


def card(contact: Contact, photo: tuple[str, bytes] | None = None, public_url: str = "") -> str:
    return render(contact, uid="u-1", rev=REV, names=NAMES, photo=photo, public_url=public_url)


def test_a_full_contact() -> None:
    """Every field has its property, in a fixed order, escaped, folded, with CRLF; a doubled number comes once."""
    assert card(FULL) == GOLDEN.replace("\n", "\r\n")


def test_a_bare_contact() -> None:
    """What is empty has no line; N is required by RFC 2426 and always there."""
    assert card(Contact("1", Profile("Ann"))).split("\r\n") == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "UID:u-1",
        "FN:Ann",
        "N:;;;;",
        "REV:2026-01-02T03:04:05Z",
        "END:VCARD",
        "",
    ]


@given(CONTACT)
def test_every_card_is_one_that_we_accept(contact: Contact) -> None:
    """Any contact gives a card of short CRLF lines that a PUT may carry and that holds exactly its identity."""
    text = card(contact)
    accepted = parse(text.encode(), max_size=1_000_000)
    assert accepted.uid == "u-1"
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    assert identity_in(accepted.lines, NAMES) == contact.identity
    assert with_identity(text, contact.identity, NAMES) is text


@given(CONTACT)
def test_vobject_reads_the_same_texts(contact: Contact) -> None:
    """An independent reader finds the names, texts and addresses that were written."""
    theirs = vobject.readOne(card(contact))
    profile = contact.profile
    assert theirs.fn.value == profile.display_name
    assert (theirs.n.value.family, theirs.n.value.given) == (profile.family_name, profile.given_name)
    assert (theirs.n.value.additional, theirs.n.value.prefix) == (profile.additional_name, profile.name_prefix)
    if profile.department:
        assert theirs.org.value == [profile.organisation, profile.department]
    for name, value in (("title", profile.title), ("note", profile.note), ("nickname", profile.nickname)):
        assert [line.value for line in theirs.contents.get(name, [])] == ([value] if value else [])
    assert [line.value for line in theirs.contents.get("email", [])] == [email.address for email in profile.emails]
    assert [line.value.street for line in theirs.contents.get("adr", [])] == [a.street for a in profile.addresses]
    if contact.identity:
        assert theirs.x_cloud_username.value == contact.identity.cloud_username
        assert theirs.x_network_id.value == contact.identity.network_id


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """Whatever a name, a URL or a label holds, it adds no property and closes no card."""
    profile = Profile(text, note=text, title=text, numbers=(Number("work", text, label=text),), photo=Photo(text))
    names = [line.name for line in scan(card(Contact("1", profile, urls=(text,), sip=f"{text}@h")))]
    expected = "BEGIN VERSION UID FN N TITLE TEL X-ABLABEL IMPP NOTE PHOTO URL REV END"
    assert names == expected.split()


@pytest.mark.parametrize(
    ("photo", "public_url", "expected"),
    [
        (Photo(large_url="https://e/l"), "", "PHOTO;VALUE=uri:https://e/l"),
        (Photo("https://e/s", digest="d1"), "https://p", "PHOTO;VALUE=uri:https://e/s"),
        (Photo(digest="d1"), "https://p/", "PHOTO;VALUE=uri:https://p/avatars/d1"),
        (Photo(digest="d1"), "", None),
        (Photo("https://e/a b\r\nX-A:1"), "", "PHOTO;VALUE=uri:https://e/a%20b%0D%0AX-A:1"),
    ],
)
def test_a_photo_is_a_link(photo: Photo, public_url: str, expected: str | None) -> None:
    """A photo is linked by its own address or, when stored, by ours; without an address it has no line."""
    found = [unfold(line.raw) for line in scan(card(Contact("1", Profile("A", photo=photo)), None, public_url))]
    assert [line for line in found if line.startswith("PHOTO")] == ([expected] if expected else [])


def test_a_photo_is_inlined() -> None:
    """Bytes that are given go into the card instead of the link, with a type that can't break the line."""
    content = bytes(range(256)) * 3
    theirs = vobject.readOne(card(FULL, ("image/png", content)))
    assert (theirs.photo.value, theirs.photo.type_param) == (content, "PNG")
    (line,) = [line for line in scan(card(FULL, ("x/A:B;c", b"1"))) if line.name == "PHOTO"]
    assert unfold(line.raw) == "PHOTO;ENCODING=b;TYPE=A-B:" + base64.b64encode(b"1").decode()


def test_the_same_contact_gives_the_same_text() -> None:
    """Rendering is deterministic, and `rev` counts in microseconds UTC."""
    assert card(FULL) == card(replace(FULL))
    assert "REV:1970-01-01T00:00:00Z\r\n" in render(FULL, uid="u", rev=999_999, names=NAMES)
