"""Conversion between vCard 3.0 and 4.0, line by line."""

from __future__ import annotations

import pytest

from carddav_msg.errors import UnsupportedCard
from carddav_msg.formats.vcard.contentlines import fold
from carddav_msg.formats.vcard.convert import convert
from tests.formats.converted import card, lines_of

BOTH_WAYS = [
    # pref, types of one version only, EMAIL's default
    ("TEL;TYPE=CELL,VOICE,pref:+1 555", "TEL;TYPE=CELL,VOICE;PREF=1:+1 555"),
    ("TEL;TYPE=VOICE:+1 555", "TEL;TYPE=VOICE:+1 555"),
    ("TEL;TYPE=work,msg,car:1", "TEL;TYPE=work;X-VCARD3-TYPE=msg,car:1"),
    ("TEL;X-VCARD4-TYPE=text,textphone:1", "TEL;TYPE=text,textphone:1"),
    ("TEL;X-VCARD4-PREF=7:1", "TEL;PREF=7:1"),
    ("EMAIL;TYPE=INTERNET,HOME:a@b.c", "EMAIL;TYPE=HOME:a@b.c"),
    ("EMAIL;TYPE=INTERNET:a@b.c", "EMAIL:a@b.c"),
    ("EMAIL;TYPE=x400,internet:c=de", "EMAIL;X-VCARD3-TYPE=x400,internet:c=de"),
    ("EMAIL;TYPE=x400:c=de", "EMAIL;X-VCARD3-TYPE=x400:c=de"),
    ("item1.URL;TYPE=pref:http://a/b", "item1.URL;PREF=1:http://a/b"),
    # numbers
    (
        'TEL;TYPE=work;X-VCARD4-WAS="tel:+1-418-656-9254;ext=102";X-VCARD4-VALUE=uri:+1-418-656-9254 x102',
        "TEL;VALUE=uri;TYPE=work:tel:+1-418-656-9254;ext=102",
    ),
    ("TEL;VALUE=uri:sip:ann@example.com", "TEL;VALUE=uri:sip:ann@example.com"),
    # media
    ("PHOTO;ENCODING=b;TYPE=JPEG:/9j/AAAA", "PHOTO:data:image/jpeg;base64,/9j/AAAA"),
    ("PHOTO;ENCODING=b;TYPE=SVG+XML:AAAA", "PHOTO:data:image/svg+xml;base64,AAAA"),
    ("PHOTO;ENCODING=b;TYPE=JPEG,home,pref:AAAA", "PHOTO;TYPE=home;PREF=1:data:image/jpeg;base64,AAAA"),
    ("LOGO;VALUE=uri;TYPE=PNG:http://a/b;c,d", "LOGO;MEDIATYPE=image/png:http://a/b;c,d"),
    ("LOGO;VALUE=uri:http://a/b", "LOGO:http://a/b"),
    ("PHOTO;VALUE=uri:data:,plain%20text", "PHOTO:data:,plain%20text"),
    ("SOUND;ENCODING=b;TYPE=BASIC:AAAA", "SOUND:data:audio/basic;base64,AAAA"),
    ("SOUND;TYPE=X-IRMC-N:Ann", "X-VCARD3-SOUND;TYPE=X-IRMC-N:Ann"),
    ("KEY;ENCODING=b;TYPE=PGP:AAAA", "KEY:data:application/pgp-keys;base64,AAAA"),
    ("KEY;ENCODING=b;TYPE=X509:AAAA", "KEY:data:application/pkix-cert;base64,AAAA"),
    ("KEY;VALUE=text;TYPE=PGP:a\\nb", "KEY;VALUE=text;X-VCARD3-TYPE=PGP:a\\nb"),
    # dates and times
    ("BDAY:1990-01-02", "BDAY:19900102"),
    ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-01-02", "BDAY:--0102"),
    ("BDAY;VALUE=date-time:1990-01-02T03:04:05-08:00", "BDAY:19900102T030405-0800"),
    ("BDAY:19900102", "BDAY;X-VCARD3-WAS=19900102:19900102"),
    ("BDAY:--01-02", "BDAY;X-VCARD3-WAS=--01-02:--0102"),
    ("BDAY:soon", "X-VCARD3-BDAY:soon"),
    ("X-VCARD4-BDAY:1990-01", "BDAY:1990-01"),
    ("X-VCARD4-BDAY;VALUE=text:circa 1800", "BDAY;VALUE=text:circa 1800"),
    ("X-ANNIVERSARY:2009-08-08", "ANNIVERSARY:20090808"),
    ("X-ANNIVERSARY;X-APPLE-OMIT-YEAR=1604:1604-02-29", "ANNIVERSARY:--0229"),
    ("REV:1995-10-31T22:27:10Z", "REV:19951031T222710Z"),
    ("REV;VALUE=date:1997-11-15", "REV;X-VCARD3-WAS=1997-11-15:19971115T000000Z"),
    # places
    ("GEO:37.386013;-122.082932", "GEO:geo:37.386013,-122.082932"),
    ('GEO;X-VCARD4-WAS="geo:1.0,2.0;u=35":1.0;2.0', "GEO:geo:1.0,2.0;u=35"),
    ("TZ:-05:00", "TZ;VALUE=utc-offset:-0500"),
    ("TZ;VALUE=text:Europe/Berlin", "TZ:Europe/Berlin"),
    ("X-VCARD4-TZ;VALUE=uri:http://a/b", "TZ;VALUE=uri:http://a/b"),
    # properties with other names
    ("X-ADDRESSBOOKSERVER-KIND:group", "KIND:group"),
    ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1", "MEMBER:urn:uuid:1"),
    ("X-GENDER:M;Fellow", "GENDER:M;Fellow"),
    ("X-GENDER:Male", "GENDER;X-VCARD3-WAS=Male:M"),
    ("X-ABRELATEDNAMES;X-VCARD4-TYPE=spouse:Jo", "RELATED;VALUE=text;TYPE=spouse:Jo"),
    ("X-VCARD4-RELATED;TYPE=friend:urn:uuid:2", "RELATED;TYPE=friend:urn:uuid:2"),
    # properties and parameters of one version only
    *((f"{name};X=1:a\\, b", f"X-VCARD3-{name};X=1:a\\, b") for name in ("MAILER", "CLASS", "AGENT", "NAME", "LABEL")),
    ("SORT-STRING;X=1:a", "X-VCARD3-SORT-STRING;X=1:a"),
    *((f"a.X-VCARD4-{name};X=1:1;b", f"a.{name};X=1:1;b") for name in ("XML", "CLIENTPIDMAP", "LANG")),
    ("NOTE;X-VCARD4-PID=1.1;X-VCARD4-ALTID=2;LANGUAGE=de:x", "NOTE;PID=1.1;ALTID=2;LANGUAGE=de:x"),
    ("NOTE;CHARSET=UTF-8;CONTEXT=x:y", "NOTE;X-VCARD3-CHARSET=UTF-8;X-VCARD3-CONTEXT=x:y"),
    # the same in both
    ("IMPP;TYPE=home:xmpp:a@b", "IMPP;TYPE=home:xmpp:a@b"),
    ("NICKNAME:a,b\\,c", "NICKNAME:a,b\\,c"),
    ("X-JABBER;TYPE=pref;ENCODING=b:a, b", "X-JABBER;TYPE=pref;ENCODING=b:a, b"),
    ("x-abc.FUTURE;TYPE=pref:a, b", "x-abc.FUTURE;TYPE=pref:a, b"),
    ("UID:urn:uuid:1\\,2", "UID:urn:uuid:1\\,2"),
]


@pytest.mark.parametrize(("three", "four"), BOTH_WAYS)
def test_lines_are_converted_both_ways(three: str, four: str) -> None:
    """Each line becomes the one of the other version, and that one this."""
    assert lines_of(convert(card("3.0", three), "4.0")) == [four]
    assert lines_of(convert(card("4.0", four), "3.0")) == [three]


@pytest.mark.parametrize(
    ("three", "four"),
    [
        ("TEL;WORK;VOICE:1", "TEL;TYPE=WORK,VOICE:1"),
        ("TEL;type=CELL;type=VOICE;type=pref:1", "TEL;TYPE=CELL,VOICE;PREF=1:1"),
        ("TEL;VALUE=phone-number:+1555,,2", "TEL:+1555\\,\\,2"),
        ("NOTE:a, b; c\\: d\\\\, e", "NOTE:a\\, b\\; c: d\\\\\\, e"),
        ("ORG:Acme, Inc.;Sales", "ORG:Acme\\, Inc.;Sales"),
        ("URL:http\\://a/b\\,c", "URL:http://a/b,c"),
        ("PHOTO;BASE64;JPEG:AA  AA", "PHOTO:data:image/jpeg;base64,AAAA"),
        ("PHOTO;ENCODING=b:iVBORAAA", "PHOTO:data:image/png;base64,iVBORAAA"),
        ("PHOTO;VALUE=uri:data:image/png\\;base64\\,AAAA", "PHOTO:data:image/png;base64,AAAA"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=C3=BC=0D=0A, b", "NOTE:ü\\n\\, b"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:=FC", "NOTE:ü"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE:=00", "NOTE;X-VCARD3-ENCODING=QUOTED-PRINTABLE:=00"),
        ("BDAY;value=date:1990-01-02", "BDAY:19900102"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1990-01-02", "BDAY;X-APPLE-OMIT-YEAR=1604:19900102"),
        ("X-GENDER:agender; a", 'GENDER;X-VCARD3-WAS="agender; a":;agender\\; a'),
    ],
)
def test_what_old_clients_write(three: str, four: str) -> None:
    """The spellings of clients that follow 3.0 loosely, or 2.1, are right in 4.0."""
    assert lines_of(convert(card("3.0", three), "4.0")) == [four]


@pytest.mark.parametrize(
    ("four", "three"),
    [
        ('TEL;TYPE="work,voice":1', "TEL;TYPE=work,voice:1"),
        ("NOTE:a; b", "NOTE:a\\; b"),
        ("PHOTO;ENCODING=b;TYPE=JPEG:AAAA", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"),
        ("PHOTO;MEDIATYPE=image/jpeg:data:image/jpeg;base64,AAAA", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"),
        ("ANNIVERSARY;CALSCALE=gregorian:20090808", "X-ANNIVERSARY;X-VCARD4-CALSCALE=gregorian:2009-08-08"),
    ],
)
def test_what_four_may_say_otherwise(four: str, three: str) -> None:
    """4.0 has several spellings for what 3.0 says in one way."""
    assert lines_of(convert(card("4.0", four), "3.0")) == [three]


def test_the_version_that_it_has() -> None:
    """A card of the version asked for is not even looked through."""
    for text in (card("3.0"), card("4.0"), card("3.0").replace("VERSION:", "v.version;X=1:\r\n ")):
        version = "4.0" if "4.0" in text else "3.0"
        assert convert(text, version) is text


def test_other_versions_are_refused() -> None:
    """There is nothing but 3.0 and 4.0, to convert to or from."""
    with pytest.raises(UnsupportedCard, match="is not served"):
        convert(card("3.0"), "2.1")
    with pytest.raises(UnsupportedCard, match="can't be converted"):
        convert(card("2.1"), "4.0")


def test_lines_that_need_no_change_keep_their_bytes() -> None:
    """Folds, line ends, empty lines, case and order of all other lines stay; changed ones keep theirs."""
    text = (
        'begin:vcard\nversion:3.0\r\nfn:Ann\n\nn;X="1":;Ann;;;\nitem1.x-fold\n\ted:a\n  b\nTEL;type=pref:1\n'
        "X-CLOUD-USERNAME;x=1:an\n n\nNOTE;TYPE=pref:" + "ü" * 60 + "\nX-NETWORK-ID:acme\nend:vcard"
    )
    assert convert(text, "4.0") == text.replace("version:3.0\r\n", "VERSION:4.0\n").replace(
        "TEL;type=pref:1", "TEL;PREF=1:1"
    ).replace("NOTE;TYPE=pref:" + "ü" * 60, fold("NOTE;PREF=1:" + "ü" * 60).replace("\r\n", "\n"))


def test_version_comes_first_in_four() -> None:
    """RFC 6350 §6.7.9 wants VERSION right after BEGIN; 3.0 does not mind."""
    text = "BEGIN:VCARD\r\nFN:Ann\r\nN:;Ann;;;\r\nVERSION:3.0\r\nEND:VCARD\r\n"
    assert convert(text, "4.0") == "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ann\r\nN:;Ann;;;\r\nEND:VCARD\r\n"


def test_a_name_is_made_for_three_and_goes_again() -> None:
    """3.0 asks for N; the made one goes on the way back unless somebody edited it."""
    text = card("4.0", name=False).replace("FN:Ann", "FN:Ann; Bob, Co")
    three = convert(text, "3.0")
    assert "\r\nN;X-VCARD4-FROM=FN:;Ann\\; Bob\\, Co;;;\r\n" in three
    assert convert(three, "4.0") == text.replace("FN:Ann; Bob, Co", "FN:Ann\\; Bob\\, Co")
    edited = three.replace("FN:;Ann\\; Bob\\, Co", "FN:Bob;Ann")
    assert "\r\nN:Bob;Ann;;;\r\n" in convert(edited, "4.0")
