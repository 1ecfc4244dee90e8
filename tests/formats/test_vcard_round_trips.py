"""There and back between vCard 3.0 and 4.0: any values in the spellings that the versions have."""

from __future__ import annotations

from base64 import b64encode

import vobject
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.errors import CardError
from carddav_msg.formats.vcard.card import parse
from carddav_msg.formats.vcard.contentlines import escape, scan, unescape
from carddav_msg.formats.vcard.convert import convert
from tests.formats.converted import IDENTITY, card, is_owned, meaning, other
from tests.formats.strategies import TEXT, URL

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
        assert [line.raw for line in kept.lines if is_owned(line)] == list(IDENTITY)
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
