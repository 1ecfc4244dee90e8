"""CR:filter: what clients send becomes a filter of the domain, and what is not known is refused."""

from __future__ import annotations

import pytest
from lxml import etree

from carddav_msg.dav.filters import MAX_ELEMENTS, parse
from carddav_msg.domain.search import Collation, Filter, FilterTest, MatchType, ParamFilter, PropFilter, TextMatch
from carddav_msg.errors import InvalidValue, UnsupportedCollation, UnsupportedFilter


def _parsed(inside: str, attributes: str = "") -> Filter:
    text = f'<C:filter xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:D="DAV:" {attributes}>{inside}</C:filter>'
    return parse(etree.fromstring(text, etree.XMLParser(remove_comments=True, remove_pis=True)))


@pytest.mark.parametrize(
    ("inside", "attributes", "expected"),
    [
        ("", "", Filter()),
        ("\n <C:prop-filter name='NICKNAME'/>\n ", "test='allof'", Filter((PropFilter("NICKNAME"),), FilterTest.ALLOF)),
        (
            "<C:prop-filter name='NICKNAME'><C:is-not-defined/></C:prop-filter>",
            "test='anyof'",
            Filter((PropFilter("NICKNAME", is_not_defined=True),)),
        ),
        (
            "<C:prop-filter name='FN'><C:text-match> Zoë <!-- a remark -->&amp; co</C:text-match><C:text-match/>"
            "</C:prop-filter><C:prop-filter name='item1.email' test='allof'><C:text-match collation='i;ascii-casemap' "
            "negate-condition='yes' match-type='starts-with'>x</C:text-match></C:prop-filter>",
            "",
            Filter(
                (
                    PropFilter("FN", (TextMatch(" Zoë & co"), TextMatch(""))),
                    PropFilter(
                        "ITEM1.EMAIL",
                        (TextMatch("x", Collation.ASCII_CASEMAP, MatchType.STARTS_WITH, negate=True),),
                        FilterTest.ALLOF,
                    ),
                )
            ),
        ),
        (
            "<C:prop-filter name='TEL'><C:param-filter name='type'><C:text-match collation='default' "
            "negate-condition='no' match-type='equals'>home</C:text-match></C:param-filter>"
            "<C:param-filter name='PREF'/>"
            "<C:param-filter name='X-A'><C:is-not-defined/></C:param-filter></C:prop-filter>",
            "",
            Filter(
                (
                    PropFilter(
                        "TEL",
                        (
                            ParamFilter("TYPE", TextMatch("home", match_type=MatchType.EQUALS)),
                            ParamFilter("PREF"),
                            ParamFilter("X-A", is_not_defined=True),
                        ),
                    ),
                )
            ),
        ),
    ],
)
def test_filters_of_clients_are_understood(inside: str, attributes: str, expected: Filter) -> None:
    """All elements and attributes of the RFC, with their defaults and with the text as it is, come through."""
    assert _parsed(inside, attributes) == expected


@pytest.mark.parametrize(
    ("inside", "prop_filter"),
    [
        ("<D:prop-filter name='FN'/>", ""),
        ("<C:comp-filter name='VCARD'/>", ""),
        ("<C:prop-filter name='FN'><C:time-range/></C:prop-filter>", "FN"),
        ("<C:prop-filter name='TEL'><C:param-filter name='A'><C:prop-filter/></C:param-filter></C:prop-filter>", "TEL"),
        ("<C:prop-filter name='N'><C:text-match>a<D:b/>c</C:text-match></C:prop-filter>", "N"),
    ],
)
def test_a_condition_that_is_not_known_is_refused(inside: str, prop_filter: str) -> None:
    """To pass over a condition would answer with cards that nobody asked for; the refusal names the prop-filter."""
    with pytest.raises(UnsupportedFilter, match="not known") as caught:
        _parsed(inside)
    assert caught.value.prop_filter == prop_filter


def test_a_filter_of_very_many_conditions_is_refused() -> None:
    """Each condition is compared with every card, so that their number has a bound."""
    assert len(_parsed("<C:prop-filter name='FN'/>" * MAX_ELEMENTS).prop_filters) == MAX_ELEMENTS
    with pytest.raises(UnsupportedFilter, match="fewer"):
        _parsed("<C:prop-filter name='FN'/>" * (MAX_ELEMENTS + 1))


@pytest.mark.parametrize("collation", ["i;ascii-numeric", "i;*", "", "I;OCTET"])
def test_other_collations_are_refused(collation: str) -> None:
    """A comparison by rules that are not known is refused with those that are."""
    with pytest.raises(UnsupportedCollation, match="use i;ascii-casemap, i;unicode-casemap, i;octet"):
        _parsed(f"<C:prop-filter name='FN'><C:text-match collation='{collation}'>a</C:text-match></C:prop-filter>")


@pytest.mark.parametrize(
    ("inside", "attributes", "words"),
    [
        ("", "test='noneof'", "test is one of anyof, allof"),
        ("<C:prop-filter/>", "", "prop-filter has the attribute name"),
        ("<C:prop-filter name='item1.'/>", "", "prop-filter has the attribute name"),
        ("<C:prop-filter name='FN' test=''/>", "", "test is one of"),
        ("<C:prop-filter name='FN'><C:param-filter name=''/></C:prop-filter>", "", "param-filter has the attribute"),
        ("<C:prop-filter name='FN'><C:is-not-defined/><C:text-match/></C:prop-filter>", "", "no other condition"),
        (
            "<C:prop-filter name='FN'><C:param-filter name='A'><C:text-match/><C:text-match/></C:param-filter>"
            "</C:prop-filter>",
            "",
            "one text-match",
        ),
        (
            "<C:prop-filter name='FN'><C:text-match match-type='like'/></C:prop-filter>",
            "",
            "match-type is one of equals",
        ),
        ("<C:prop-filter name='FN'><C:text-match negate-condition='1'/></C:prop-filter>", "", "is one of yes, no"),
    ],
)
def test_what_is_no_filter_is_a_bad_request(inside: str, attributes: str, words: str) -> None:
    """What the RFC's grammar does not allow is refused with what it does allow."""
    with pytest.raises(InvalidValue, match=words):
        _parsed(inside, attributes)
