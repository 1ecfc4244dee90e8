"""Searching: what a filter means, against a second evaluator written from the RFC, and what SQL may pre-select by."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from carddav_msg.domain.search import (
    Collation,
    Filter,
    FilterTest,
    MatchType,
    ParamFilter,
    PropFilter,
    TextMatch,
    casemap,
    matches,
    name_key,
    preselect,
)
from carddav_msg.formats.vcard.contentlines import ContentLine, escape, fold, scan

ANY, ALL = FilterTest.ANYOF, FilterTest.ALLOF


@dataclass(frozen=True)
class Property:
    """A property as the reference sees it; `escaped` is what it is written as."""

    group: str
    name: str
    params: tuple[tuple[str, tuple[str, ...]], ...]
    text: str
    escaped: str


def written(card: list[Property]) -> str:
    """The card as a client may send it."""
    lines = ["BEGIN:VCARD"]
    for prop in card:
        head = f"{prop.group}.{prop.name}" if prop.group else prop.name
        for name, values in prop.params:
            head += f";{name}=" + ",".join(f'"{value}"' if set(value) & set(",;:") else value for value in values)
        lines.append(fold(f"{head}:{prop.escaped}", limit=20))
    return "\r\n".join([*lines, "END:VCARD", ""])


# The second evaluator, in the words of RFC 6352 §10.5 and RFC 5051 §2.


def decomposed(character: str) -> str:
    """Step 2(b) of RFC 5051, "effectively Normalization Form KD": recursively, Hangul by its arithmetic."""
    place = ord(character) - 0xAC00
    if 0 <= place < 11172:
        final = place % 28
        jamo = chr(0x1100 + place // 588) + chr(0x1161 + place % 588 // 28)
        return jamo + (chr(0x11A7 + final) if final else "")
    mapping = [part for part in unicodedata.decomposition(character).split() if part[0] != "<"]
    return "".join(decomposed(chr(int(code, 16))) for code in mapping) or character


def titlecased(text: str) -> str:
    """The "titlecased canonicalized" string of RFC 5051 with marks in canonical order."""
    pieces: list[str] = []
    for character in text:
        title = character.title()
        pieces += decomposed(title if len(title) == 1 else character)
    runs = groupby(pieces, lambda character: unicodedata.combining(character) > 0)
    return "".join(character for _, run in runs for character in sorted(run, key=unicodedata.combining))


def ascii_upper(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


COLLATIONS: dict[Collation, Callable[[str], str]] = {
    Collation.ASCII_CASEMAP: ascii_upper,
    Collation.UNICODE_CASEMAP: titlecased,
    Collation.OCTET: lambda text: text,
}


def text_matches(match: TextMatch, text: str) -> bool:
    """§10.5.4 without the negation, on the octets that are compared."""
    mine = COLLATIONS[match.collation](match.text).encode()
    theirs = COLLATIONS[match.collation](text).encode()
    places = [at for at in range(len(theirs) + 1) if theirs[at : at + len(mine)] == mine]
    match match.match_type:
        case MatchType.EQUALS:
            return mine == theirs
        case MatchType.CONTAINS:
            return places != []
        case MatchType.STARTS_WITH:
            return 0 in places
        case MatchType.ENDS_WITH:
            return len(theirs) - len(mine) in places


def param_matches(wanted: ParamFilter, prop: Property) -> bool:
    """§10.5.2: "A vCard property is said to match a param-filter if"."""
    values = [value for name, values in prop.params if name.lower() == wanted.name.lower() for value in values]
    if wanted.is_not_defined:
        return values == []
    if wanted.text_match is None or not values:
        return values != []
    if wanted.name.lower() == "type":
        values += [part.strip() for value in values for part in value.split(",")]
    found = [value for value in values if text_matches(wanted.text_match, value)]
    return (found == []) if wanted.text_match.negate else (found != [])


def prop_matches(wanted: PropFilter, card: list[Property]) -> bool:
    """§10.5.1: "An address object is said to match a prop-filter if"."""
    group, _, name = wanted.name.rpartition(".")
    mine = [prop for prop in card if prop.name.lower() == name.lower()]
    if group:
        mine = [prop for prop in mine if prop.group.lower() == group.lower()]
    if wanted.is_not_defined:
        return mine == []
    for prop in mine:
        results = [
            text_matches(condition, prop.text) != condition.negate
            if isinstance(condition, TextMatch)
            else param_matches(condition, prop)
            for condition in wanted.conditions
        ]
        if results == [] or (all(results) if wanted.test == "allof" else any(results)):
            return True
    return False


def reference(wanted: Filter, card: list[Property]) -> bool:
    """§10.5: "Determines which matching objects are returned"."""
    results = [prop_matches(one, card) for one in wanted.prop_filters]
    return results == [] or (all(results) if wanted.test == "allof" else any(results))


# Texts of few characters, so that they match; each of the foreign ones breaks a simple comparison: marks that follow in
# another order, ligatures, full width, letters whose case is more than one, Hangul.
CHARACTERS = "aAbBjJoO ,;:\\\n.éÉ\u0301\u0323\u0302êßſsSıiIİKkﬁfªａＡ１1ǆǅα\u0345ᾳ가각ẖ"
TEXT = st.text(CHARACTERS, max_size=5) | st.sampled_from(["", "José", "jose\u0301", "JOS", "ệ", "ê\u0323", "e\u0302"])
PARAM_TEXT = st.text("aAbBéwork, ", max_size=4) | st.sampled_from(["work", "WORK,voice", "voice"])
GROUPS = ["", "item1", "ITEM1", "b"]
MATCH = st.builds(TextMatch, TEXT, st.sampled_from(Collation), st.sampled_from(MatchType), st.booleans())
PARAM_MATCH = st.builds(TextMatch, PARAM_TEXT, st.sampled_from(Collation), st.sampled_from(MatchType), st.booleans())
PARAM_NAME = st.sampled_from(["TYPE", "type", "X-P"])
PARAM_FILTER = st.builds(ParamFilter, PARAM_NAME, st.none() | PARAM_MATCH) | st.builds(
    ParamFilter, PARAM_NAME, st.none(), st.just(True)
)
PROP_NAME = st.sampled_from(["FN", "fn", "tel", "TEL", "X-A", "item1.FN", "b.tel", "NONE"])
PROP_FILTER = st.builds(
    PropFilter, PROP_NAME, st.lists(MATCH | PARAM_FILTER, max_size=3).map(tuple), st.sampled_from(FilterTest)
) | st.builds(PropFilter, PROP_NAME, st.just(()), st.just(ANY), st.just(True))
FILTER = st.builds(Filter, st.lists(PROP_FILTER, max_size=3).map(tuple), st.sampled_from(FilterTest))


@st.composite
def _property(draw: st.DrawFn, *names: str) -> Property:
    params = st.tuples(st.sampled_from(["TYPE", "X-P"]), st.lists(PARAM_TEXT.map(str.strip), min_size=1, max_size=2))
    given_params = tuple((name, tuple(values)) for name, values in draw(st.lists(params, max_size=2)))
    parts = draw(st.lists(TEXT, min_size=1, max_size=2))  # two: a structured value, whose `;` is not escaped
    return Property(
        draw(st.sampled_from(GROUPS)),
        draw(st.sampled_from(names)),
        given_params,
        ";".join(parts),
        ";".join(map(escape, parts)),
    )


CARD = st.lists(_property("FN", "TEL", "X-A"), max_size=5)


def lines_of(card: list[Property]) -> list[ContentLine]:
    return scan(written(card))


def key_of(lines: list[ContentLine]) -> str:
    return name_key(line.text for line in lines if line.name == "FN")


@given(CARD, FILTER)
def test_the_evaluator_agrees_with_one_written_from_the_rfc(card: list[Property], wanted: Filter) -> None:
    """Any filter on any card means what the RFC says, for scanned lines with folds, escapes and quotes."""
    expected = reference(wanted, card)
    event(f"matches: {expected}")
    assert matches(wanted, lines_of(card)) is expected


@given(TEXT, TEXT, st.sampled_from(Collation), st.sampled_from(MatchType))
def test_texts_are_compared_as_the_collation_says(
    text: str, wanted: str, collation: Collation, match_type: MatchType
) -> None:
    """Each match type of each collation agrees with a comparison of octets."""
    match = TextMatch(wanted, collation, match_type)
    assert match.found_in(text) is text_matches(match, text)


@pytest.mark.parametrize(
    ("text", "wanted", "collations"),
    [
        ("Zoe", "Zoe", set(Collation)),
        ("Zoe", "zOE", {Collation.ASCII_CASEMAP, Collation.UNICODE_CASEMAP}),
        ("ZOË", "zoË", {Collation.ASCII_CASEMAP, Collation.UNICODE_CASEMAP}),
        ("ZOË", "zoë", {Collation.UNICODE_CASEMAP}),
        ("Zoe\u0308", "ZOË", {Collation.UNICODE_CASEMAP}),
        ("ＴＥＬ", "tel", {Collation.UNICODE_CASEMAP}),
        ("Straße", "strasse", set()),
    ],
)
def test_collations_differ_in_these_texts(text: str, wanted: str, collations: set[Collation]) -> None:
    """Only letters of ASCII lose their case in i;ascii-casemap, all of them and their spelling in i;unicode-casemap."""
    assert {one for one in Collation if TextMatch(wanted, one, MatchType.EQUALS).found_in(text)} == collations


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_casemap_is_that_of_rfc_5051(text: str) -> None:
    """All of Unicode has the compared form that the RFC's steps give."""
    assert casemap(text) == titlecased(text)


@st.composite
def _name_searches(draw: st.DrawFn) -> tuple[list[Property], Filter]:
    """A card and a search for parts of one of its names, mostly without conditions that forbid to pre-select."""
    names = draw(st.lists(_property("FN"), min_size=1, max_size=3))
    text = draw(st.sampled_from(names)).text
    starts = draw(st.lists(st.integers(0, len(text)), min_size=1, max_size=2))
    found = st.builds(
        TextMatch,
        st.sampled_from([part for at in starts for part in (text[at:], text[at:].swapcase(), text[at : at + 2])]),
        st.sampled_from(Collation),
        st.sampled_from([MatchType.CONTAINS, MatchType.ENDS_WITH]),
    )
    test = st.sampled_from(FilterTest)
    conditions = st.lists(found, min_size=1, max_size=2) | st.lists(
        found | MATCH | PARAM_FILTER, min_size=1, max_size=2
    )
    asked = draw(st.lists(st.builds(PropFilter, st.just("FN"), conditions.map(tuple), test), min_size=1, max_size=2))
    others = draw(st.just([]) | st.just([]) | st.lists(PROP_FILTER, max_size=1))
    return names, Filter((*asked, *others), draw(test))


@given(_name_searches())
def test_what_is_preselected_holds_every_card_that_matches(search: tuple[list[Property], Filter]) -> None:
    """No card that matches is lost before it is looked at, whatever its names and the filter's collations."""
    card, wanted = search
    text = preselect(wanted)
    lines = lines_of(card)
    found = matches(wanted, lines)
    event(f"preselected: {text is not None}, matches: {found}")
    if found and text is not None:
        assert text in key_of(lines)
    assert text != ""


@pytest.mark.parametrize("name", ["José", "jose\u0301", "JOSE", "ＪＯＳＥ", "Ann ; José"])
def test_names_are_found_without_case_marks_and_width(name: str) -> None:
    """`jose` finds these names, and SQL that looks for the text finds them too."""
    wanted = Filter((PropFilter("FN", (TextMatch("jose"),)),))
    lines = scan(f"FN:Other\r\nFN:{escape(name)}\r\n")
    assert matches(wanted, lines)
    with sqlite3.connect(":memory:") as database:
        (at,) = database.execute("SELECT instr(?, ?)", (key_of(lines), preselect(wanted))).fetchone()
    database.close()
    assert at > 0


FN_JOHN = PropFilter("FN", (TextMatch("john"),))
FN_JOHN_SMITH = PropFilter("fn", (TextMatch("John Smith", match_type=MatchType.EQUALS),))
ORG = PropFilter("ORG", (TextMatch("acme"),))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Filter((FN_JOHN,)), "JOHN"),
        (Filter((FN_JOHN, FN_JOHN_SMITH)), "JOHN"),
        (Filter((FN_JOHN, FN_JOHN_SMITH), ALL), "JOHN SMITH"),
        (Filter((FN_JOHN, ORG), ALL), "JOHN"),
        (Filter((FN_JOHN, ORG)), None),
        (Filter((FN_JOHN, PropFilter("FN", (TextMatch("smith"),)))), None),
        (Filter((PropFilter("item1.FN", (TextMatch("x"), ParamFilter("TYPE")), ALL),)), "X"),
        (Filter((PropFilter("FN", (TextMatch("x"), ParamFilter("TYPE"))),)), None),
        (Filter((PropFilter("FN", (TextMatch("x", negate=True),)),)), None),
        (Filter((PropFilter("FN", is_not_defined=True),)), None),
        (Filter((PropFilter("FN", (TextMatch("\u0301"),)),)), None),
        (Filter((PropFilter("FN"),)), None),
        (Filter((PropFilter("FN", (TextMatch(""),)),)), None),
        (Filter(), None),
    ],
)
def test_the_longest_text_that_all_matches_share_is_preselected(wanted: Filter, text: str | None) -> None:
    """SQL is given the best text there is, and none where a card without it could match."""
    assert preselect(wanted) == text


CARDS = {
    "two": "EMAIL;TYPE=WORK:doe@big.corp\r\nEMAIL;TYPE=HOME:johndoe@example.com\r\n",
    "bare": "EMAIL:maxmu@abcd.com\r\n",
    "none": "TEL;TYPE=HOME:12345\r\nTEL:555\r\n",
    "group": 'item1.EMAIL;X-LABEL="Hello, you":foo@ex.com\r\nN:Doe;Jo\\;hn;;;\r\nTEL;TYPE="work,voice":+1 555\r\n',
}


def _email(*conditions: TextMatch | ParamFilter, test: FilterTest = ANY) -> Filter:
    return Filter((PropFilter("email", conditions, test),))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(), "two bare none group"),
        (Filter(test=ALL), "two bare none group"),
        (_email(), "two bare group"),
        (Filter((PropFilter("EMAIL", is_not_defined=True),)), "none"),
        (Filter((PropFilter("item1.EMAIL", is_not_defined=True),)), "two bare none"),
        (Filter((PropFilter("Item1.email"),)), "group"),
        (_email(TextMatch("@EXAMPLE.com", match_type=MatchType.ENDS_WITH)), "two"),
        (_email(TextMatch("@EXAMPLE.com", Collation.OCTET)), ""),
        # some property does not match, of a card that has one
        (_email(TextMatch("@example.com", negate=True)), "two bare group"),
        (_email(TextMatch("@abcd.com", negate=True)), "two group"),
        # all conditions of one property
        (_email(TextMatch("doe", match_type=MatchType.STARTS_WITH), TextMatch(".com"), test=ALL), ""),
        (_email(TextMatch("doe"), TextMatch(".com"), test=ALL), "two"),
        (_email(TextMatch("big.corp"), ParamFilter("type", TextMatch("home")), test=ALL), ""),
        (_email(TextMatch("big.corp"), ParamFilter("type", TextMatch("work")), test=ALL), "two"),
        (_email(TextMatch("abcd"), ParamFilter("type", TextMatch("work"))), "two bare"),
        (_email(ParamFilter("TYPE")), "two"),
        (_email(ParamFilter("TYPE", is_not_defined=True)), "bare group"),
        (_email(ParamFilter("TYPE", TextMatch("work", negate=True))), "two"),
        (Filter((PropFilter("TEL", (ParamFilter("TYPE", is_not_defined=True),)),)), "none"),
        (
            Filter((PropFilter("TEL", (ParamFilter("TYPE", TextMatch("VOICE", match_type=MatchType.EQUALS)),)),)),
            "group",
        ),
        (Filter((PropFilter("TEL", (ParamFilter("TYPE", TextMatch("work", negate=True)),)),)), "none"),
        (_email(ParamFilter("X-LABEL", TextMatch("lo, Y"))), "group"),
        (_email(ParamFilter("X-LABEL", TextMatch("hello", match_type=MatchType.EQUALS))), ""),
        (Filter((PropFilter("N", (TextMatch("doe;jo;HN;;;", match_type=MatchType.EQUALS),)),)), "group"),
        (Filter((PropFilter("TEL"), PropFilter("EMAIL")), ALL), "group"),
        (Filter((PropFilter("TEL"), PropFilter("EMAIL"))), "two bare none group"),
    ],
)
def test_filters_find_these_cards(wanted: Filter, names: str) -> None:
    """What clients ask, with the readings that servers differ on, finds the cards that it should."""
    found = [name for name, text in CARDS.items() if matches(wanted, scan(f"BEGIN:VCARD\r\n{text}END:VCARD\r\n"))]
    assert found == names.split()


def test_equal_filters_are_equal() -> None:
    """Filters are values: the case of names and what is worked out beforehand make no difference."""
    assert Filter((PropFilter("item1.fn", (TextMatch("x"), ParamFilter("type"))),)) == Filter(
        (PropFilter("ITEM1.FN", (TextMatch("x"), ParamFilter("TYPE"))),)
    )
    assert len({PropFilter("fn"), PropFilter("FN"), PropFilter("FN", is_not_defined=True)}) == 2
