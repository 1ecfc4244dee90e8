"""Profiles of the cards that clients write."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain.contact import Contact
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.formats.vcard.identity import IdentityNames
from carddav_msg.formats.vcard.read import photo_bytes_of, profile_of, sip_of, urls_of
from carddav_msg.formats.vcard.render import render
from tests.formats.strategies import CONTACT

APPLE = """\
BEGIN:VCARD
VERSION:3.0
N:Appleseed;John;;;
FN:John Appleseed
ORG:Acme;Sales;North
item1.EMAIL;type=INTERNET;type=pref:j@example.org
item1.X-ABLabel:_$!<Other>!$_
TEL;type=CELL;type=VOICE;type=pref:(555) 555-1234
TEL;type=IPHONE;type=CELL:+1 (555) 555-1235
TEL;type=HOME;type=FAX:555
item2.TEL:5551237
item2.X-ABLabel:_$!<Main>!$_
item3.TEL:777
item3.X-ABLabel:Door\\, left
item4.ADR;type=HOME:;;1 Loop;Cupertino;CA;95014;United States
item4.X-ABADR:us
item5.URL;type=pref:_$!<HomePage>!$_
item6.URL:https\\://example.com/a\\,b
BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-01
IMPP;X-SERVICE-TYPE=SIP;type=WORK:sip:john%40corp@sip.example.com;transport=tls
END:VCARD
"""
DAVX5 = """\
BEGIN:VCARD
VERSION:4.0
FN;PREF=2:
FN:Ann
N:O'Hara;Ann;Maria,Eva;;
TEL;TYPE="work,voice";VALUE=uri:tel:+1-555-123-4567;ext=9
TEL;VALUE=uri;TYPE=cell:tel:%2B15551234568
TEL;VALUE=uri;TYPE=home:sip:ann@sip.example.com
TEL;TYPE=work:1000
EMAIL;TYPE=work:MAILTO:ann@example.org
ADR;TYPE=work;CC=DE:;Apt 1;1 Ring;Köln;;50667;Germany
BDAY:19800229T000000Z
NOTE:one
NOTE:two
PHOTO:data:image/png;base64,aGk=
PHOTO:https://example.com/p.png
URL:javascript:alert(1)
URL:www.example.com
END:VCARD
"""


def test_a_card_of_apple() -> None:
    """Apple's groups, translated labels, places and years to omit are understood."""
    lines = scan(APPLE)
    assert profile_of(lines) == Profile(
        "John Appleseed",
        "John",
        family_name="Appleseed",
        organisation="Acme",
        department="Sales; North",
        numbers=(
            Number("mobile", "(555) 555-1234"),
            Number("mobile", "+1 (555) 555-1235", "+15555551235"),
            Number("fax", "555"),
            Number("main", "5551237"),
            Number("other", "777", label="Door, left"),
        ),
        emails=(Email("j@example.org", "other"),),
        addresses=(Address("home", "1 Loop", "Cupertino", "CA", "95014", "United States", "US"),),
    )
    assert urls_of(lines) == ("_$!<HomePage>!$_", "https://example.com/a,b")
    assert sip_of(lines) == "john@corp@sip.example.com"


def test_a_card_of_davx5() -> None:
    """vCard 4.0 with URIs as numbers, quoted types, country codes and several notes is understood."""
    lines = scan(DAVX5)
    assert profile_of(lines) == Profile(
        "Ann",
        "Ann",
        "Maria,Eva",
        "O'Hara",
        numbers=(
            Number("work", "+1-555-123-4567", "+15551234567"),
            Number("mobile", "+15551234568", "+15551234568"),
            Number("extension", "1000"),
        ),
        emails=(Email("ann@example.org", "work"),),
        addresses=(Address("work", "1 Ring\nApt 1", "Köln", "", "50667", "Germany", "DE"),),
        birthday="1980-02-29",
        note="one\ntwo",
        photo=Photo("https://example.com/p.png"),
    )
    assert urls_of(lines) == ("www.example.com",)
    assert sip_of(lines) == "ann@sip.example.com"
    assert photo_bytes_of(lines) == ("image/png", b"hi")


@given(CONTACT)
def test_reading_undoes_rendering(contact: Contact) -> None:
    """A profile is read back from its own card, but for what a vCard says otherwise: numbers and links."""
    lines = scan(render(contact, uid="u", rev=0, names=IdentityNames()))
    profile = contact.profile
    numbers = tuple(Number("", number.e164 or number.entered, number.e164, number.label) for number in profile.numbers)
    got = profile_of(lines)
    assert replace(got, numbers=(), photo=Photo()) == replace(profile, numbers=(), photo=Photo())
    assert tuple(replace(number, kind="") for number in got.numbers) == numbers
    for ours, theirs in zip(profile.numbers, got.numbers, strict=True):
        assert theirs.kind == ours.kind or {ours.kind, theirs.kind} == {"extension", "work"}
    assert got.photo == Photo(profile.photo.url or profile.photo.large_url)
    assert urls_of(lines) == contact.urls
    assert sip_of(lines) == contact.sip


@given(
    st.lists(
        st.builds(
            "{}{}:{}".format,
            st.sampled_from(
                ["FN", "N", "ORG", "TEL", "EMAIL", "ADR", "BDAY", "PHOTO", "URL", "IMPP", "X-SIP", "a.TEL"]
            ),
            st.sampled_from(["", ";VALUE=uri", ";ENCODING=b", ";TYPE=", ';TYPE="', ";CELL"]),
            st.text(max_size=20)
            | st.sampled_from(["data:", "data:image/png;base64,=", "tel:%0A", "sip:@", "\\", ";;;;"]),
        ),
        max_size=6,
    )
)
def test_reading_never_fails(lines: list[str]) -> None:
    """Whatever a line holds, there is a profile."""
    scanned = scan("\n".join(lines))
    assert isinstance(profile_of(scanned), Profile)
    urls_of(scanned)
    sip_of(scanned)
    photo_bytes_of(scanned)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("FN: Ann ", "Ann"),
        ("N:Butler;Rob;;;", "Rob Butler"),
        ("FN:\nORG:Acme", "Acme"),
        ("EMAIL:a@b", "a@b"),
        ("TEL:1000", "1000"),
        ("NOTE:x", ""),
    ],
)
def test_a_name_is_put_together(lines: str, name: str) -> None:
    """A card without a formatted name is called what else it says of itself."""
    assert profile_of(scan(lines)).display_name == name


@pytest.mark.parametrize(
    ("value", "date"),
    [("1980-02-29", "1980-02-29"), ("19800229", "1980-02-29"), ("1981-02-29", ""), ("--0229", ""), ("soon", "")],
)
def test_birthdays(value: str, date: str) -> None:
    """Both date forms are read; what is no whole date is none."""
    assert profile_of(scan(f"BDAY;VALUE=date:{value}")).birthday == date


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("X-SIP:ann@h", "ann@h"),
        ("X-SIP;TYPE=work:sip:ann@h", "ann@h"),
        ("IMPP:xmpp:ann@h", ""),
        ("URL:sip:ann@h", "ann@h"),
        ("EMAIL:ann@h", ""),
    ],
)
def test_sip_addresses(line: str, address: str) -> None:
    """A SIP address is found where clients put it, and only there."""
    assert sip_of(scan(line)) == address


_B64 = b64encode(b"\xff\xd8photo").decode()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"PHOTO;ENCODING=b;TYPE=JPEG:{_B64[:4]}\r\n  {_B64[4:]}", ("image/jpeg", b"\xff\xd8photo")),
        (f"PHOTO;ENCODING=BASE64;TYPE=image/png:{_B64}", ("image/png", b"\xff\xd8photo")),
        (f"PHOTO;GIF;BASE64:{_B64}", ("image/gif", b"\xff\xd8photo")),
        (f"PHOTO;ENCODING=b:{_B64}", ("image/jpeg", b"\xff\xd8photo")),
        (f"PHOTO:DATA:image/webp;base64\\,{_B64}", ("image/webp", b"\xff\xd8photo")),
        ("PHOTO:data:image/gif,GIF%2089", ("image/gif", b"GIF 89")),
        (f"PHOTO:data:text/html;base64,{_B64}", None),
        ("PHOTO;ENCODING=b;TYPE=JPEG:no base64!", None),
        ("PHOTO;ENCODING=b;TYPE=JPEG:", None),
        ("PHOTO;VALUE=uri:https://example.com/p", None),
    ],
)
def test_photos_inside_the_card(line: str, expected: tuple[str, bytes] | None) -> None:
    """Base64 of 3.0 and data URIs of 4.0 give an image; what is broken or no image gives none."""
    assert photo_bytes_of(scan(line)) == expected
