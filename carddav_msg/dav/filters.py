"""CR:filter of an addressbook-query (RFC 6352 §10.5) as a value of the domain.

What is not known is refused: a condition that is passed over would answer with more cards than were asked for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeVar

from lxml import etree

from carddav_msg.dav.multistatus import CARDDAV_NS
from carddav_msg.domain.search import Collation, Filter, FilterTest, MatchType, ParamFilter, PropFilter, TextMatch
from carddav_msg.errors import InvalidValue, UnsupportedCollation, UnsupportedFilter

FILTER: Final = f"{{{CARDDAV_NS}}}filter"
MAX_ELEMENTS: Final = 200
"""Elements in a filter, each of them a comparison with every card; a client that searches ten properties sends 30."""

_PROP_FILTER: Final = f"{{{CARDDAV_NS}}}prop-filter"
_PARAM_FILTER: Final = f"{{{CARDDAV_NS}}}param-filter"
_TEXT_MATCH: Final = f"{{{CARDDAV_NS}}}text-match"
_IS_NOT_DEFINED: Final = f"{{{CARDDAV_NS}}}is-not-defined"

_Choice = TypeVar("_Choice", bound=StrEnum)


class _YesNo(StrEnum):
    YES = "yes"
    NO = "no"


def parse(element: etree._Element) -> Filter:
    """The filter of a CR:filter element without comments.

    Raises UnsupportedFilter for conditions that are not known, or too many; UnsupportedCollation; and InvalidValue for
    what is no filter.
    """
    if sum(1 for _ in element.iterdescendants()) > MAX_ELEMENTS:
        raise UnsupportedFilter(f"The filter has more than {MAX_ELEMENTS} elements: send fewer conditions.")
    for child in element:
        _known(child, "", _PROP_FILTER)
    return Filter(tuple([_prop_filter(child) for child in element]), _choice(element, "test", FilterTest.ANYOF))


def _prop_filter(element: etree._Element) -> PropFilter:
    name = _name(element)
    conditions: list[TextMatch | ParamFilter] = []
    for child in element:
        _known(child, name, _TEXT_MATCH, _PARAM_FILTER, _IS_NOT_DEFINED)
        if child.tag == _TEXT_MATCH:
            conditions.append(_text_match(child, name))
        elif child.tag == _PARAM_FILTER:
            conditions.append(_param_filter(child, name))
    absent = _is_not_defined(element)
    return PropFilter(name, tuple(conditions), _choice(element, "test", FilterTest.ANYOF), absent)


def _param_filter(element: etree._Element, prop_filter: str) -> ParamFilter:
    name = _name(element)
    for child in element:
        _known(child, prop_filter, _TEXT_MATCH, _IS_NOT_DEFINED)
    if len(element) > 1:
        raise InvalidValue("body", "A param-filter has one text-match or is-not-defined: send one filter for each.")
    match = element.find(_TEXT_MATCH)
    return ParamFilter(name, None if match is None else _text_match(match, prop_filter), _is_not_defined(element))


def _text_match(element: etree._Element, prop_filter: str) -> TextMatch:
    for child in element:
        _known(child, prop_filter)
    return TextMatch(
        element.text or "",
        _collation(element),
        _choice(element, "match-type", MatchType.CONTAINS),
        _choice(element, "negate-condition", _YesNo.NO) is _YesNo.YES,
    )


def _collation(element: etree._Element) -> Collation:
    name = element.get("collation", "default")
    if name == "default":  # a name for what the server takes (RFC 4790 §3.1), which RFC 6352 §8.3 decides
        return Collation.UNICODE_CASEMAP
    try:
        return Collation(name)
    except ValueError:
        raise UnsupportedCollation(f"The collation {name[:40]!r} is not known: use {', '.join(Collation)}.") from None


def _is_not_defined(element: etree._Element) -> bool:
    absent = element.find(_IS_NOT_DEFINED) is not None
    if absent and len(element) > 1:
        raise InvalidValue("body", "What is-not-defined has no other condition: send them as filters of their own.")
    return absent


def _name(element: etree._Element) -> str:
    name = element.get("name", "")
    if not name.rpartition(".")[2]:
        kind = etree.QName(element).localname
        raise InvalidValue("body", f"A {kind} has the attribute name: the name of a vCard property or parameter.")
    return name


def _choice(element: etree._Element, attribute: str, default: _Choice) -> _Choice:
    """The value of an attribute that is one of a few."""
    value = element.get(attribute)
    choices = type(default)
    try:
        return default if value is None else choices(value)
    except ValueError:
        raise InvalidValue("body", f"The attribute {attribute} is one of {', '.join(choices)}.") from None


def _known(element: etree._Element, prop_filter: str, *names: str) -> None:
    if element.tag not in names:
        raise UnsupportedFilter(f"The filter has an element that is not known: {str(element.tag)[:80]}.", prop_filter)
