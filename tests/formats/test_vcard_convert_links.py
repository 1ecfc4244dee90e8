"""Conversion of what lines say of each other: edits, labels, groups, aliases; and no identity comes in."""

from __future__ import annotations

import pytest

from carddav_msg.formats.vcard.card import parse
from carddav_msg.formats.vcard.convert import convert
from tests.formats.converted import IDENTITY, card, is_owned, lines_of, meaning, other


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
        assert [found.raw for found in parse(text.encode(), max_size=9999).lines if is_owned(found)] == list(IDENTITY)


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
