"""Conversion between vCard 3.0 and 4.0: nothing is lost, and nothing comes in."""

from __future__ import annotations

from base64 import b64encode

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.errors import CardError, UnsupportedCard
from carddav_msg.formats.vcard.card import parse
from carddav_msg.formats.vcard.contentlines import ContentLine, escape, fold, scan, split_components, unescape
from carddav_msg.formats.vcard.convert import convert
from tests.formats.strategies import TEXT, URL

IDENTITY = ("X-CLOUD-USERNAME:ann", "X-NETWORK-ID;X-ODD=1:acme\\, inc")


def card(version: str, *lines: str, name: bool = True) -> str:
    """A card with these lines, folded as they should be."""
    head = ["BEGIN:VCARD", f"VERSION:{version}", "FN:Ann", *(["N:;Ann;;;"] if name else [])]
    return "".join(fold(line) + "\r\n" for line in (*head, *lines, *IDENTITY, "END:VCARD"))


def other(version: str) -> str:
    """The version that it is not."""
    return "4.0" if version == "3.0" else "3.0"


def lines_of(text: str) -> list[str]:
    """The unfolded lines that `card` was given."""
    return text.replace("\r\n ", "").split("\r\n")[4:-4]


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


@pytest.mark.parametrize(
    ("version", "before", "after", "expected"),
    [
        ("4.0", "TEL;VALUE=uri:tel:+1;ext=2", (":+1 x2", ":+33"), "TEL:+33"),
        ("3.0", "X-GENDER:Male", (":M", ":F"), "X-GENDER:F"),
        ("4.0", "GEO:geo:1,2;u=3", (":1;2", ":1;3"), "GEO:geo:1,3"),
        ("3.0", "BDAY:--01-02", (":--0102", ":19900102"), "BDAY:1990-01-02"),
    ],
)
def test_an_edited_value_is_not_undone(version: str, before: str, after: tuple[str, str], expected: str) -> None:
    """What a value was counts only while it has not been edited in the other version."""
    converted = convert(card(version, before), other(version))
    assert after[0] in converted
    assert lines_of(convert(converted.replace(*after), version)) == [expected]


def test_labels_go_to_their_addresses() -> None:
    """A LABEL belongs to the ADR of its group or types; one that belongs to none stays aside."""
    three = card(
        "3.0",
        "ADR;TYPE=home:;;a",
        'LABEL;TYPE=HOME:a\\, "b"\\nc^\\\\n',
        "item1.ADR;TYPE=work:;;b",
        "ADR;TYPE=work:;;c",
        "ADR;TYPE=work,pref:;;d",
        "LABEL;TYPE=work:d",
        "item1.LABEL;TYPE=work:b",
        "LABEL;TYPE=dom:e",
    )
    four = convert(three, "4.0")
    assert lines_of(four) == [
        "ADR;TYPE=home;LABEL=\"a, ^'b^'\\nc^^\\\\n\":;;a",
        "item1.ADR;TYPE=work;LABEL=b:;;b",
        "ADR;TYPE=work:;;c",
        "ADR;TYPE=work;PREF=1;LABEL=d:;;d",
        "X-VCARD3-LABEL;TYPE=dom:e",
    ]
    assert sorted(lines_of(convert(four, "3.0"))) == sorted(
        line.replace("LABEL;TYPE=HOME", "LABEL;TYPE=home") for line in lines_of(three)
    )


def test_labels_in_their_order() -> None:
    """As many labels as addresses of their types: each in its turn, even when all come last."""
    three = card("3.0", "ADR:;;a", "ADR:;;b", "LABEL:a", "LABEL:b")
    assert lines_of(convert(three, "4.0")) == ["ADR;LABEL=a:;;a", "ADR;LABEL=b:;;b"]


def test_labels_of_other_clients() -> None:
    """A label in 4.0 has its line ends as `\\n` (RFC 6350) or `^n` (RFC 6868), and commas that may not be quoted."""
    four = card("4.0", 'ADR;LABEL="a\\nb^nc, d":;;x', "ADR;TYPE=home;LABEL=a,b:;;y")
    assert lines_of(convert(four, "3.0")) == [
        "ADR:;;x",
        "LABEL:a\\nb\\nc\\, d",
        "ADR;TYPE=home:;;y",
        "LABEL;TYPE=home:a\\,b",
    ]


def test_sort_string() -> None:
    """SORT-STRING is a parameter of N in 4.0; several sort keys have no place in 3.0."""
    three = card("3.0", 'SORT-STRING:Harten; "x"').replace("N:;Ann", "N:van der Harten;Ann").replace('; "', '\\; "')
    four = convert(three, "4.0")
    assert "\r\nN;SORT-AS=\"Harten; ^'x^'\":van der Harten;Ann;;;\r\n" in four
    assert sorted(lines_of(convert(four, "3.0"))) == sorted(lines_of(three))
    several = card("4.0").replace("N:;", 'N;SORT-AS="Harten,Ann":;')
    assert 'N;X-VCARD4-SORT-AS="Harten,Ann":' in convert(several, "3.0")
    assert convert(convert(several, "3.0"), "4.0") == several


def test_apple_groups() -> None:
    """Apple's labelled dates and related names are ANNIVERSARY and RELATED; the labels stay and lead the way back."""
    three = card(
        "3.0",
        "item1.X-ABDATE;TYPE=pref:2001-02-03",
        "item1.X-ABLabel:_$!<Anniversary>!$_",
        "item2.X-ABDATE:2002-02-03",
        "item2.X-ABLabel:First day",
        "item3.X-ABRELATEDNAMES:Jane\\, Joe",
        "item3.X-ABLabel:_$!<Spouse>!$_",
        "item4.X-ABRELATEDNAMES;TYPE=HOME:Jim",
        "X-ANNIVERSARY:2005-02-03",
    )
    four = convert(three, "4.0")
    expected = lines_of(three)
    expected[0] = "item1.ANNIVERSARY;PREF=1:20010203"
    expected[4] = "item3.RELATED;VALUE=text;TYPE=spouse:Jane\\, Joe"
    expected[6] = "item4.RELATED;VALUE=text;TYPE=HOME:Jim"
    assert lines_of(four) == expected
    assert convert(four, "3.0") == three


@pytest.mark.parametrize(
    "lines",
    [
        ("X-GENDER:F", "GENDER:M"),
        ("GENDER:M", "GENDER:F"),
        ("GENDER:M", "X-GENDER:F"),
        ("i.X-ABDATE:2001-02-03", "i.X-ABLabel:_$!<Anniversary>!$_", "ANNIVERSARY:20020203"),
    ],
)
def test_a_property_and_its_alias_in_one_card(lines: tuple[str, ...]) -> None:
    """A 4.0 card with X- properties of old clients besides its own gets each of them back as it was."""
    text = card("4.0", *lines)
    assert convert(convert(text, "3.0"), "4.0") == text


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("3.0", "X-VCARD4-X-CLOUD-USERNAME:mallory"),
        ("4.0", "X-VCARD3-X-CLOUD-USERNAME:mallory"),
        ("4.0", "X-VCARD3-END:VCARD"),
        ("3.0", "X-VCARD4-UID:mallory"),
        ("3.0", 'TEL;X-VCARD4-VALUE=text;X-VCARD4-WAS="1^nX-CLOUD-USERNAME:mallory":1'),
        ("3.0", 'X-GENDER;X-VCARD4-WAS="M^nX-CLOUD-USERNAME:mallory":M^nX-CLOUD-USERNAME:mallory'),
        ("4.0", 'ADR;LABEL="a^nX-CLOUD-USERNAME:mallory":;;b'),
        ("4.0", 'N;SORT-AS="a^nX-CLOUD-USERNAME:mallory":b'),
        ("3.0", "LABEL:a\\nX-CLOUD-USERNAME:mallory"),
        ("3.0", "URL:a\\nX-CLOUD-USERNAME:mallory"),
        ("3.0", "NOTE;ENCODING=QUOTED-PRINTABLE:=0AX-CLOUD-USERNAME:mallory=0DEND:VCARD"),
        ("4.0", "TEL;VALUE=uri:tel:1%0AX-CLOUD-USERNAME:mallory"),
    ],
)
def test_no_identity_comes_in(version: str, line: str) -> None:
    """Nothing that a conversion decodes or restores can become an identity, or another card."""
    once = convert(card(version, line), other(version))
    for text in (once, convert(once, version)):
        assert [found.raw for found in parse(text.encode(), max_size=9999).lines if _owned(found)] == list(IDENTITY)


def _owned(line: ContentLine) -> bool:
    return line.name in ("X-CLOUD-USERNAME", "X-NETWORK-ID")


def test_the_example_of_the_rfc() -> None:
    """RFC 6350 §8, the author's card, reads well in 3.0 and comes back."""
    four = card(
        "4.0",
        "BDAY:--0203",
        "ANNIVERSARY:20090808T1430-0500",
        "GENDER:M",
        "LANG;PREF=1:fr",
        "ORG;TYPE=work:Viagenie",
        "ADR;TYPE=work:;Suite D2-630;2875 Laurier;Quebec;QC;G1V 2M2;Canada",
        'TEL;VALUE=uri;TYPE="work,voice";PREF=1:tel:+1-418-656-9254;ext=102',
        'TEL;VALUE=uri;TYPE="work,cell,voice,video,text":tel:+1-418-262-6501',
        "EMAIL;TYPE=work:simon.perreault@viagenie.ca",
        "GEO;TYPE=work:geo:46.772673,-71.282945",
        "KEY;TYPE=work;VALUE=uri:http://www.viagenie.ca/simon.perreault/simon.asc",
        "TZ:-0500",
        "URL;TYPE=home:http://nomis80.org",
    )
    three = convert(four, "3.0")
    assert lines_of(three) == [
        "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03",
        "X-ANNIVERSARY;VALUE=date-time;X-VCARD4-WAS=20090808T1430-0500:2009-08-08T14:30:00-05:00",
        "X-GENDER:M",
        "X-VCARD4-LANG;PREF=1:fr",
        "ORG;TYPE=work:Viagenie",
        "ADR;TYPE=work:;Suite D2-630;2875 Laurier;Quebec;QC;G1V 2M2;Canada",
        'TEL;TYPE=work,voice,pref;X-VCARD4-WAS="tel:+1-418-656-9254;ext=102";X-VCARD4-VALUE=uri:+1-418-656-9254 x102',
        'TEL;TYPE=work,cell,voice,video;X-VCARD4-TYPE=text;X-VCARD4-WAS="tel:+1-418-262-6501";X-VCARD4-VALUE=uri'
        ":+1-418-262-6501",
        "EMAIL;TYPE=INTERNET,work:simon.perreault@viagenie.ca",
        "GEO;TYPE=work:46.772673;-71.282945",
        "KEY;VALUE=uri;TYPE=work:http://www.viagenie.ca/simon.perreault/simon.asc",
        "TZ;VALUE=text:-0500",
        "URL;TYPE=home:http://nomis80.org",
    ]
    assert meaning(convert(three, "4.0")) == meaning(four)


# Round trips: any values in the spellings that the versions have.
_ESCAPED = TEXT.map(escape)
_PARTS = st.lists(_ESCAPED, min_size=1, max_size=7).map(";".join)
_LIST = st.lists(_ESCAPED, min_size=1, max_size=3).map(",".join)
_GROUP = st.sampled_from(["", "", "item1.", "item2."])
_BASE64 = st.binary(min_size=1, max_size=90).map(lambda content: b64encode(content).decode())
_DAY = st.dates()
_ANY_PARAM = st.sampled_from(["", "", ";LANGUAGE=de", ';X-A="b:c;d,e"', ";X-ABCROP-RECTANGLE=ABClipRect_1&0&0"])


def _line(head: str | st.SearchStrategy[str], value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    heads = st.just(head) if isinstance(head, str) else head
    return st.builds(lambda *parts: "".join(parts[:3]) + ":" + parts[3], _GROUP, heads, _ANY_PARAM, value)


def _typed(name: str, *types: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(types), max_size=4, unique=True).map(
        lambda kinds: name + (f";TYPE={','.join(kinds)}" if kinds else "")
    )


_TEL_TEXT = st.sampled_from(["+1 555-1234", "7042", "+15551234,,1", "1\\;2", "ext. 5"])
_SHARED = (
    _line("NOTE", _ESCAPED)
    | _line("TITLE", TEXT.map(lambda text: escape(text).replace("\\,", ",").replace("\\;", ";")))
    | _line("ORG", _PARTS)
    | _line("NICKNAME", _LIST)
    | _line("CATEGORIES", _LIST)
    | _line(st.sampled_from(["URL", "IMPP", "URL;VALUE=uri", "FBURL", "SOURCE"]), URL)
    | _line("X-CUSTOM;TYPE=pref", _ESCAPED)
)
_THREE = (
    _SHARED
    | _line(_typed("TEL", "CELL", "work", "pref", "VOICE", "msg", "MAIN", "x-odd"), _TEL_TEXT)
    | _line(_typed("EMAIL", "INTERNET", "work", "PREF", "X400"), _ESCAPED)
    | _line(_typed("ADR", "home", "dom", "pref", "parcel"), _PARTS)
    | _line(_typed("LABEL", "home", "dom"), _ESCAPED)
    | _line(st.sampled_from(["BDAY", "BDAY;VALUE=date", "X-ANNIVERSARY", "REV"]), _DAY.map(str) | _ESCAPED)
    | _line("BDAY;X-APPLE-OMIT-YEAR=1604", _DAY.map(lambda day: f"1604-{day:%m-%d}"))
    | _line("REV", st.datetimes().map(lambda moment: f"{moment:%Y%m%dT%H%M%S}Z") | _ESCAPED)
    | _line("GEO", st.sampled_from(["37.3;-122.1", "+1;2.50", "odd", "geo:1,2", "1,2"]))
    | _line(st.sampled_from(["TZ", "TZ;VALUE=text"]), st.sampled_from(["-05:00", "+0530", "-05", "Europe/Berlin"]))
    | _line(st.sampled_from(["PHOTO;ENCODING=b;TYPE=JPEG", "LOGO;TYPE=PNG,work;ENCODING=b"]), _BASE64)
    | _line(st.sampled_from(["KEY;ENCODING=b;TYPE=PGP", "SOUND;TYPE=BASIC;ENCODING=b"]), _BASE64)
    | _line(st.sampled_from(["PHOTO;VALUE=uri", "LOGO;VALUE=uri;TYPE=GIF"]), URL)
    | _line(st.sampled_from(["SORT-STRING", "MAILER", "CLASS", "AGENT", "X-GENDER", "KEY;VALUE=text"]), _ESCAPED)
    | _line(st.sampled_from(["X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER"]), st.just("group"))
    | _line(st.sampled_from(["X-ABDATE", "X-ABRELATEDNAMES"]), _DAY.map(str))
    | _line("X-ABLABEL", st.sampled_from(["_$!<Anniversary>!$_", "_$!<Spouse>!$_", "Mine"]))
)
_FOUR = (
    _SHARED
    | _line(_typed("TEL", "cell", "work", "text", "textphone"), _TEL_TEXT)
    | _line(
        st.sampled_from(["TEL;VALUE=uri", 'TEL;PREF=1;VALUE=uri;TYPE="home,text"']),
        st.sampled_from(["tel:+1-555;ext=7", "tel:7042;phone-context=a.b", "sip:a@b", "tel:%0A1", "tel:1-800-FLOWERS"]),
    )
    | _line(st.sampled_from(["EMAIL", "EMAIL;PREF=1;PID=1.1", "EMAIL;PREF=50;TYPE=work"]), _ESCAPED)
    | _line(st.sampled_from(["ADR", "ADR;TYPE=home", 'ADR;GEO="geo:1,2";LABEL="a, ^^ b"', "ADR;LABEL=\\\\n"]), _PARTS)
    | _line(
        st.sampled_from(["BDAY", "ANNIVERSARY", "REV"]),
        st.sampled_from(["19900102", "--0102", "---02", "1990-01", "19900102T03", "19900102T030405-0800"]) | _ESCAPED,
    )
    | _line(st.sampled_from(["KIND", "GENDER", "LANG", "XML", "CLIENTPIDMAP", "RELATED"]), _ESCAPED)
    | _line(st.sampled_from(["RELATED;VALUE=text;TYPE=spouse", "RELATED;VALUE=text", "BDAY;VALUE=text"]), _ESCAPED)
    | _line("MEMBER", URL)
    | _line("GEO", st.sampled_from(["geo:1.5,-2", "geo:1,2,3;u=4", "odd"]))
    | _line(st.sampled_from(["TZ", "TZ;VALUE=utc-offset"]), st.sampled_from(["-0500", "Europe/Berlin", "-05"]))
    | _line(
        st.sampled_from(["PHOTO", "LOGO;TYPE=work", "SOUND;PREF=1"]), _BASE64.map("data:image/jpeg;base64,".__add__)
    )
    | _line(st.sampled_from(["PHOTO", "KEY;MEDIATYPE=application/pgp-keys", "LOGO;TYPE=x-odd"]), URL)
    | _line("X-ABLABEL", st.sampled_from(["_$!<Anniversary>!$_", "_$!<Spouse>!$_", "Mine"]))
)
_N = _PARTS.map("N:".__add__)


def _lines(one: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Lines, of which those that a card has once come once."""
    return st.lists(one, max_size=8, unique_by=lambda line: (_once(line), "" if _once(line) else line))


def _once(line: str) -> str:
    name = scan(line)[0].name
    return name if name in ("BDAY", "REV", "ANNIVERSARY", "GENDER", "KIND") else ""


def meaning(text: str) -> list[tuple[object, ...]]:
    """What the lines say, however they are escaped and their types and defaults are spelled; in any order."""
    return sorted(map(_meaning, scan(text)), key=repr)


def _meaning(line: ContentLine) -> tuple[object, ...]:
    types = {
        kind.lower() for key, values in line.params if key == "TYPE" for value in values for kind in value.split(",")
    }
    params = {(key, values) for key, values in line.params if key not in ("TYPE", "VALUE")}
    kinds = {value for key, values in line.params if key == "VALUE" for value in values}
    if line.name in ("BDAY", "REV", "X-ANNIVERSARY", "X-ABDATE"):
        kinds -= {"date", "date-time"}
    if line.name in ("TZ", "PHOTO", "LOGO", "KEY"):
        kinds -= {"text"} if line.name == "TZ" else {"uri"}
    if line.name == "EMAIL" and "x400" not in types:
        types.add("internet")
    if line.name == "LABEL":  # it gets the types of its address, which it is found by when it has no group
        types = set() if line.group else types - {"pref"}
    value: object = line.value
    if line.name not in ("URL", "IMPP", "FBURL", "SOURCE", "MEMBER", "GEO", "PHOTO", "LOGO", "SOUND", "KEY"):
        value = tuple(tuple(split_components(part, ",")) for part in _raw_split(line.value))
        if line.name in ("NOTE", "TITLE", "EMAIL", "TEL", "REV", "BDAY"):
            value = unescape(line.value)
    return line.group.upper(), line.name, sorted(types), sorted(params), sorted(kinds), value


def _raw_split(value: str) -> list[str]:
    parts = [""]
    for piece in value.split(";"):
        parts[-1] += piece
        if (len(piece) - len(piece.rstrip("\\"))) % 2:
            parts[-1] += ";"
        else:
            parts.append("")
    return parts[:-1]


@given(_lines(_THREE), _N)
def test_three_comes_back(lines: list[str], name: str) -> None:
    """A 3.0 card means the same after 4.0 and back."""
    text = card("3.0", name, *lines, name=False)
    back = convert(convert(text, "4.0"), "3.0")
    assert meaning(back) == meaning(text)
    assert meaning(convert(convert(back, "4.0"), "3.0")) == meaning(text)


@given(_lines(_FOUR), st.lists(_N, max_size=1))
def test_four_comes_back(lines: list[str], name: list[str]) -> None:
    """A 4.0 card means the same after 3.0 and back."""
    text = card("4.0", *name, *lines, name=False)
    assert meaning(convert(convert(text, "3.0"), "4.0")) == meaning(text)


_WORD = st.text("ABCab01-_;,=\":\\^n '", max_size=12)
_NAMES = (
    st.sampled_from(["TEL", "EMAIL", "ADR", "LABEL", "N", "ORG", "BDAY", "REV", "GEO", "TZ", "PHOTO", "KEY", "SOUND"])
    | st.sampled_from(["KIND", "GENDER", "ANNIVERSARY", "MEMBER", "RELATED", "XML", "SORT-STRING", "URL", "UID", "FN"])
    | st.sampled_from(["X-GENDER", "X-ANNIVERSARY", "X-ABDATE", "X-ABLABEL", "X-ABRELATEDNAMES", "X-VCARD4-GENDER"])
    | st.sampled_from(["X-VCARD3-BDAY", "X-VCARD4-BDAY", "X-VCARD3-LABEL", "X-VCARD3-TEL", "X-VCARD4-VERSION", "AGENT"])
)
_ODD_PARAM = st.builds(
    "{}{}".format,
    st.sampled_from(["TYPE=", "VALUE=", "ENCODING=", "PREF=", "LABEL=", "SORT-AS=", "X-VCARD3-WAS=", "X-VCARD4-WAS="])
    | st.sampled_from(["X-VCARD3-VALUE=", "X-VCARD4-VALUE=", "X-VCARD4-FROM=", "MEDIATYPE=", "", "X=", "CHARSET="]),
    st.sampled_from(["b", "uri", "text", "pref", "1", "date", "QUOTED-PRINTABLE", '"a:b"', "JPEG", "tel:1"]) | _WORD,
)
_ODD_VALUE = _WORD | st.sampled_from(
    ["tel:1", "data:image/png;base64,AA", "1990-01-02", "--0102", "geo:1,2", "=0A=FF", ""]
)
_ODD = st.builds(
    lambda group, name, params, value: f"{group}{name}{''.join(';' + param for param in params)}:{value}",
    _GROUP,
    _NAMES,
    st.lists(_ODD_PARAM, max_size=4),
    _ODD_VALUE,
)


@given(st.sampled_from(["3.0", "4.0"]), st.lists(_ODD, max_size=8), st.sampled_from(["\r\n", "\n"]))
def test_any_card_is_converted(version: str, lines: list[str], end: str) -> None:
    """Whatever a card that is kept holds, it can be converted to one that can be kept, with the same identity."""
    text = card(version, *lines).replace("\r\n", end)
    try:
        uid = parse(text.encode(), max_size=99_999).uid
    except CardError:
        return
    once = convert(text, other(version))
    twice = convert(once, version)
    assert convert(text, other(version)) == once
    for found, expected in ((once, other(version)), (twice, version)):
        kept = parse(found.encode(), max_size=99_999)
        assert (kept.version, kept.uid) == (expected, uid)
        assert [line.raw for line in kept.lines if _owned(line)] == list(IDENTITY)
        assert {line.end for line in kept.lines} == {end}


@given(_lines(_FOUR), _N)
def test_vobject_reads_the_same_values(lines: list[str], name: str) -> None:
    """An independent reader of 3.0 accepts what comes out, and sees what went in."""
    text = card("4.0", name, *lines, name=False)
    three = convert(text, "3.0")
    theirs = vobject.readOne(three, transform=False)
    assert theirs.version.value == "3.0"
    for key in ("note", "title", "email"):
        ours = [unescape(line.value) for line in scan(text) if line.name == key.upper()]
        assert [child.value for child in theirs.contents.get(key, [])] == ours
    assert len(theirs.contents["n"]) == 1
