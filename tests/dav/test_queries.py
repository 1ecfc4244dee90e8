"""addressbook-query: the lane finds exactly the cards that a plain evaluation finds, on both databases."""

from __future__ import annotations

from dataclasses import replace
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.domain.search import (
    Collation,
    Filter,
    FilterTest,
    MatchType,
    ParamFilter,
    PropFilter,
    TextMatch,
    matches,
)
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.settings import Settings
from tests.dav.clients import CR, D, Dav, vcard
from tests.dav.conftest import House, build
from tests.profiles import examples

_CARDS = {
    "plain": vcard("Ada Lovelace", "plain", "TEL;TYPE=CELL,VOICE:+1", "NOTE:first"),
    "accents": vcard("José Ñandú", "accents", "item1.TEL;TYPE=work:+2", "item1.X-ABLABEL:a,b"),
    "marks": vcard("Jose\u0301 50%_\\\\*", "marks", "CATEGORIES:one,two", "NICKNAME:50%"),
    "sharp": vcard("Straße ﬁn ΜΆΪΟΣ ǆ", "sharp", "EMAIL;PREF=1:a@example.com"),
    "hangul": vcard("한국 İı 𝒳", "hangul"),
    "folded": vcard("Ada\r\n  Folded\r\n\tName", "folded", "NOTE;LANGUAGE=en:Zweite"),
    "two": vcard("First", "two", "FN:Second Ada"),
    "four": vcard("Vier\\, Ada", "four", 'TEL;TYPE="cell,work";VALUE=uri:tel:+4').replace("3.0", "4.0"),
    "quotes": vcard("O'Neil \\\\ %s ; \\;", "quotes"),
}

_WORDS = st.sampled_from(
    [
        "",
        "ada",
        "ADA",
        "Ada",
        "josé",
        "JOSE",
        "e\u0301",
        "\u0301",
        "ñ",
        "%",
        "_",
        "\\",
        "'",
        "ss",
        "ß",
        "fi",
        "μάϊος",
        "ǅ",
        "한",
        "i",
        "ı",
        "cell",
        "work",
        "+",
        "a",
        " ",
        "second",
        "a,b",
        "x" * 30,
    ]
)
_NAMES = st.sampled_from(
    ["FN", "fn", "TEL", "item1.TEL", "NOTE", "NICKNAME", "X-ABLABEL", "EMAIL", "X-NONE", "VERSION"]
)
_TESTS = st.sampled_from(FilterTest)
_TEXTS = st.builds(TextMatch, _WORDS, st.sampled_from(Collation), st.sampled_from(MatchType), st.booleans())
_PARAMS = st.one_of(
    st.builds(ParamFilter, st.sampled_from(["TYPE", "type", "LANGUAGE", "PREF"]), st.none() | _TEXTS),
    st.builds(ParamFilter, st.sampled_from(["TYPE", "PREF"]), is_not_defined=st.just(True)),
)
_PROPS = st.one_of(
    st.builds(PropFilter, st.just("FN"), st.lists(_TEXTS, min_size=1, max_size=2).map(tuple), _TESTS),
    st.builds(PropFilter, _NAMES, st.lists(_TEXTS | _PARAMS, max_size=3).map(tuple), _TESTS),
    st.builds(PropFilter, _NAMES, is_not_defined=st.just(True)),
)
_FILTERS = st.builds(Filter, st.lists(_PROPS, max_size=3).map(tuple), _TESTS)


@pytest.fixture
def library(any_services: Services) -> House:
    """Anna's book with cards that are awkward to search."""
    house = build(any_services)
    for name, card in _CARDS.items():
        assert house.anna.put(f"{house.personal}{name}.vcf", card).status == 201
    return house


def test_the_lane_finds_what_a_plain_evaluation_finds(library: House) -> None:
    """What the database pre-selects never leaves out a card that matches."""
    stored = {card: library.anna("GET", f"{library.personal}{card}.vcf").body.decode() for card in _CARDS}

    @settings(max_examples=examples(ci=150, soak=5000))
    @given(_FILTERS)
    def agree(wanted: Filter) -> None:
        expected = {f"{library.personal}{n}.vcf" for n, card in stored.items() if matches(wanted, scan(card))}
        assert set(_asked(library.anna, library.personal, wanted)) == expected

    agree()


def test_the_directory_is_searched_alike(library: House) -> None:
    """Cards that the server renders are found by the names that they show."""
    for word, found in (("ANN", 1), ("b", 1), ("", 3), ("zz", 0)):
        wanted = Filter((PropFilter("FN", (TextMatch(word),)),))
        assert len(_asked(library.anna, library.directory, wanted)) == found


def test_a_search_goes_over_pages(settings: Settings) -> None:
    """All matches come, however many pages they are on."""
    services = bootstrap.build(replace(settings, page_size=3))
    house = build(services)
    for number in range(20):
        house.anna.put(f"{house.personal}{number}.vcf", vcard(f"Name {number % 2}", uid=str(number)))
    for word, found in (("name 1", 10), ("name", 20)):
        assert len(_asked(house.anna, house.personal, Filter((PropFilter("FN", (TextMatch(word),)),)))) == found
    services.close()


def test_a_filter_without_conditions_is_every_card(library: House) -> None:
    """So some clients list a book."""
    assert len(library.anna.query(library.personal, "").members) == len(_CARDS)


def test_depth_0_is_the_book_alone(library: House) -> None:
    """A book is no card, and so nothing matches; without a Depth it is 0 (RFC 6352 §8.6)."""
    assert library.anna.query(library.personal, "", depth="0").members == {}
    assert len(library.anna.query(library.personal, "", depth="infinity").members) == len(_CARDS)


@pytest.mark.parametrize(("limit", "more"), [("1", True), ("8", True), ("9", False), ("100", False), ("0", True)])
def test_a_limited_search_says_when_there_is_more(library: House, limit: str, more: bool) -> None:
    """507 for the book itself, and no more than so many cards beside it (RFC 6352 §8.6.1)."""
    members = library.anna.query(library.personal, "", limit=limit).members
    assert (library.personal in members) == more
    if more:
        assert members.pop(library.personal).truncated
    assert len(members) == min(int(limit), len(_CARDS))


def test_a_search_gives_what_a_client_asks_of_cards(library: House) -> None:
    """Tags, cards and other properties; what a card has not is told."""
    prop = "<D:getetag/><CR:address-data/><D:displayname/><D:resourcetype/>"
    wanted = '<CR:prop-filter name="NOTE"/>'
    members = library.anna.query(library.personal, wanted, prop).members
    assert set(members) == {library.personal + "plain.vcf", library.personal + "folded.vcf"}
    for name in ("plain", "folded"):
        member = members[f"{library.personal}{name}.vcf"]
        assert member.text(CR + "address-data") == _CARDS[name]
        assert member.missing == {D + "displayname"}


def test_a_refused_filter_names_the_property(library: House) -> None:
    """The condition has the prop-filter that was not understood (RFC 6352 §8.6)."""
    reply = library.anna.query(library.personal, '<CR:prop-filter name="TEL"><CR:time-range/></CR:prop-filter>')
    element = reply.xml.find(f"{CR}supported-filter/{CR}prop-filter")
    assert element is not None
    assert element.get("name") == "TEL"


def _asked(client: Dav, book: str, wanted: Filter) -> list[str]:
    names = 'xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"'
    body = f"<CR:addressbook-query {names}><D:prop><D:getetag/></D:prop>{_written(wanted)}</CR:addressbook-query>"
    return list(client("REPORT", book, body, depth="1").members)


def _written(wanted: Filter) -> str:
    inside = "".join(
        f'<CR:prop-filter name="{p.name}" test="{p.test}">{_conditions(p)}</CR:prop-filter>'
        for p in wanted.prop_filters
    )
    return f'<CR:filter test="{wanted.test}">{inside}</CR:filter>'


def _conditions(wanted: PropFilter) -> str:
    if wanted.is_not_defined:
        return "<CR:is-not-defined/>"
    return "".join(
        _text(c)
        if isinstance(c, TextMatch)
        else f"<CR:param-filter name={quoteattr(c.name)}>"
        f"{'<CR:is-not-defined/>' if c.is_not_defined else _text(c.text_match)}</CR:param-filter>"
        for c in wanted.conditions
    )


def _text(match: TextMatch | None) -> str:
    if match is None:
        return ""
    negate = "yes" if match.negate else "no"
    return (
        f'<CR:text-match collation="{match.collation}" match-type="{match.match_type}" negate-condition="{negate}">'
        f"{match.text}</CR:text-match>"
    )
