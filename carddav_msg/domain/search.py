"""Searching cards (RFC 6352 §10.5): what a filter means. This evaluator alone defines it; names only select candidates.

* A prop-filter holds for a card when one property, by itself, fulfils the conditions (§10.5.1: one "exists, and … it
  matches"). So an `allof` speaks of one property; a negated text-match holds when some property does not match, and not
  when there is none; a parameter is not defined when some property lacks it. Apple's CalendarServer, where the RFC
  comes from, does the same; sabre/dav and Radicale ask all properties of the name for what is negated or not defined.
* The text of a property is its whole value without escapes, `N` as `Doe;John;;;` and `CATEGORIES` as `a,b`: clients
  look for a part of it. Blanks, and the punctuation of numbers, count.
* The text of a parameter is any one of its values (also in a `TYPE="work,voice"`, as vCard 4.0 writes a list);
  negated, it is none of them.
"""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol


class Collation(StrEnum):
    """How texts are compared (RFC 6352 §8.3)."""

    ASCII_CASEMAP = "i;ascii-casemap"
    UNICODE_CASEMAP = "i;unicode-casemap"
    OCTET = "i;octet"


class MatchType(StrEnum):
    """Where the wanted text is in the text of the card."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


class FilterTest(StrEnum):
    """Whether one condition is enough, or all must hold."""

    ANYOF = "anyof"
    ALLOF = "allof"


class Line(Protocol):
    """A property of a card: names in upper case but the group, `text` without escapes."""

    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def params(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text to look for (§10.5.4); an empty one is in every text."""

    text: str
    collation: Collation = Collation.UNICODE_CASEMAP
    match_type: MatchType = MatchType.CONTAINS
    negate: bool = False
    found_in: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a text matches, before it is negated."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "found_in", _finder(self.text, self.collation, self.match_type))


@dataclass(frozen=True, slots=True)
class ParamFilter:
    """A parameter that is there, with this text if one is wanted, or is not (§10.5.2). The case of names is nothing."""

    name: str
    text_match: TextMatch | None = None
    is_not_defined: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.upper())


@dataclass(frozen=True, slots=True)
class PropFilter:
    """A property that is there, with these conditions if any, or is not (§10.5.1). The case of names is nothing.

    `item1.TEL` is a TEL of that group only, `TEL` one of any or no group.
    """

    name: str
    conditions: tuple[TextMatch | ParamFilter, ...] = ()
    test: FilterTest = FilterTest.ANYOF
    is_not_defined: bool = False
    group: str = field(init=False, repr=False, compare=False)
    kind: str = field(init=False, repr=False, compare=False)
    """The name without the group."""

    def __post_init__(self) -> None:
        name = self.name.upper()
        group, _, kind = name.rpartition(".")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "kind", kind)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search asks for (§10.5); without prop-filters it is every card."""

    prop_filters: tuple[PropFilter, ...] = ()
    test: FilterTest = FilterTest.ANYOF


def matches(filter: Filter, lines: Sequence[Line]) -> bool:
    """Whether the card with these lines is what the filter asks for."""
    if not filter.prop_filters:
        return True
    quantify = any if filter.test is FilterTest.ANYOF else all
    return quantify(_has_property(wanted, lines) for wanted in filter.prop_filters)


def name_key(names: Iterable[str]) -> str:
    """What a card is pre-selected by: the compared form of the texts of all its FN properties, a line each."""
    return "\n".join([casemap(name) for name in names])


def preselect(filter: Filter) -> str | None:
    """A text that is in the `name_key` of every card that matches; None when there is no such text.

    Both are in the form of `casemap`: in that of `identifiers.fold`, "José" would not contain "jose", as it does here.
    """
    needed = [_in_name(wanted) for wanted in filter.prop_filters]
    return _combined(needed, filter.test)


def casemap(text: str) -> str:
    """The form in which `i;unicode-casemap` compares (RFC 5051 §2): titlecase characters, decomposed."""
    if text.isascii():
        return text.upper()
    return unicodedata.normalize("NFKD", "".join(map(_titlecase, text)))


@lru_cache(maxsize=4096)
def _titlecase(character: str) -> str:
    """The titlecase of UnicodeData.txt, which is one character; Python knows the longer ones of other rules too."""
    titlecase = character.title()
    return titlecase if len(titlecase) == 1 else character


def _ascii_casemap(text: str) -> str:
    return text.upper() if text.isascii() else text.encode().upper().decode()  # of bytes, only ASCII letters change


_CASEMAPS: Final[dict[Collation, Callable[[str], str]]] = {
    Collation.ASCII_CASEMAP: _ascii_casemap,
    Collation.UNICODE_CASEMAP: casemap,
    Collation.OCTET: str,
}
_OPERATIONS: Final[dict[MatchType, Callable[[str, str], bool]]] = {
    MatchType.EQUALS: operator.eq,
    MatchType.CONTAINS: operator.contains,
    MatchType.STARTS_WITH: str.startswith,
    MatchType.ENDS_WITH: str.endswith,
}


def _finder(text: str, collation: Collation, match_type: MatchType) -> Callable[[str], bool]:
    compared, operation = _CASEMAPS[collation], _OPERATIONS[match_type]
    wanted = compared(text)
    return lambda value: operation(compared(value), wanted)


def _has_property(wanted: PropFilter, lines: Sequence[Line]) -> bool:
    kind, group = wanted.kind, wanted.group
    for line in lines:
        if line.name == kind and (not group or line.group.upper() == group):
            if wanted.is_not_defined:
                return False
            if not wanted.conditions or _fulfils(line, wanted):
                return True
    return wanted.is_not_defined


def _fulfils(line: Line, wanted: PropFilter) -> bool:
    enough = wanted.test is FilterTest.ANYOF
    for condition in wanted.conditions:
        if isinstance(condition, TextMatch):
            holds = condition.found_in(line.text) is not condition.negate
        else:
            holds = _has_param(condition, line)
        if holds is enough:
            return enough
    return not enough


def _has_param(wanted: ParamFilter, line: Line) -> bool:
    values = [value for name, values in line.params if name == wanted.name for value in values]
    if wanted.is_not_defined or not values:
        return wanted.is_not_defined and not values
    match = wanted.text_match
    if match is None:
        return True
    if wanted.name == "TYPE":
        values += [item.strip() for value in values if "," in value for item in value.split(",")]
    return any(map(match.found_in, values)) is not match.negate


def _in_name(wanted: PropFilter) -> str | None:
    if wanted.kind != "FN" or wanted.is_not_defined:
        return None
    return _combined([_in_text(condition) for condition in wanted.conditions], wanted.test)


def _in_text(condition: TextMatch | ParamFilter) -> str | None:
    """From the first to the last base character: the order of marks depends on what they stand beside."""
    if isinstance(condition, ParamFilter) or condition.negate:
        return None
    wanted = casemap(condition.text)
    bases = [place for place, character in enumerate(wanted) if not unicodedata.combining(character)]
    return wanted[bases[0] : bases[-1] + 1] if bases else None


def _combined(needed: Sequence[str | None], test: FilterTest) -> str | None:
    """The longest text when all conditions hold; a text that each of them needs when one is enough."""
    texts = [text for text in needed if text]
    if not texts:
        return None
    if test is FilterTest.ALLOF:
        return max(texts, key=len)
    shortest = min(texts, key=len)
    return shortest if len(texts) == len(needed) and all(shortest in text for text in texts) else None
