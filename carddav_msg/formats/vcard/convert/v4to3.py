"""From vCard 4.0 (RFC 6350) to 3.0 (RFC 2426)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from carddav_msg.formats.vcard.contentlines import ContentLine, escape, param
from carddav_msg.formats.vcard.convert import forms, names
from carddav_msg.formats.vcard.convert.draft import (
    V3,
    V4,
    Draft,
    Lines,
    aside,
    drafted,
    restored,
    retext,
    rewrite,
    uncareted,
    written,
)
from carddav_msg.formats.vcard.convert.media import NAMES as MEDIA
from carddav_msg.formats.vcard.convert.media import media_3
from carddav_msg.formats.vcard.convert.parameters import params_3

# RFC 6350 §6.6.6: the types of RELATED.
_RELATION_TYPES = frozenset(
    {"contact", "acquaintance", "friend", "met", "co-worker", "colleague", "co-resident", "neighbor", "child", "parent"}
    | {"sibling", "spouse", "kin", "muse", "crush", "date", "sweetheart", "me", "agent", "emergency"}
)
_LINKED = frozenset({"ANNIVERSARY", "GENDER", "KIND", "RELATED"})

_Handler: TypeAlias = "Callable[[ContentLine, int, _Card], Lines]"


@dataclass(slots=True)
class _Card:
    """What the lines say of each other."""

    lines: Sequence[ContentLine]
    names: set[str]
    labels: dict[str, str] = field(default_factory=dict)
    aliased: set[str] = field(default_factory=set)  # properties that get the X- name that clients of 3.0 know


def to_3(lines: Sequence[ContentLine]) -> str:
    """The text of a 4.0 card in 3.0, with the N that 3.0 asks for."""
    card = _Card(lines, {line.name for line in lines})
    if card.names & _LINKED:
        if names.AB_LABEL in card.names:
            card.labels = names.apple_labels(lines)
        card.aliased = {name for name in names.ALIASES if name in card.names and _is_first(name, card)}
    return rewrite(lines, card, _HANDLERS)


def _is_first(name: str, card: _Card) -> bool:
    """Whether a property comes once, and before any X- property that the way back would take for it."""
    found = [line.name for line in card.lines if line.name == name or names.stands_for(name, line, card.labels)]
    return found[0] == name and found.count(name) == 1


def _version(line: ContentLine, place: int, card: _Card) -> Lines:
    return (written(line.group, "VERSION", line.params, "3.0"),)


def _text(marks: str) -> _Handler:
    """For TEXT values, in which `marks` separate nothing."""

    def handler(line: ContentLine, place: int, card: _Card) -> Lines:
        value = retext(line.value, marks)
        params = params_3(line.name, line.params)
        if params is line.params and value is line.value:
            return None
        return (written(line.group, line.name, params, value),)

    return handler


_TEXT = _text(",;")
_STRUCTURED = _text("")
_VALUED = frozenset({"VALUE", V3 + "WAS", V3 + "VALUE"})


def _draft(line: ContentLine, marks: str) -> Draft:
    draft = drafted(line, params_3(line.name, line.params))
    draft.value = retext(line.value, marks)
    return draft


def _plain(line: ContentLine, place: int, card: _Card) -> Lines:
    return drafted(line, params_3(line.name, line.params)).lines()


def _full_name(line: ContentLine, place: int, card: _Card) -> Lines:
    """FN, with an N after the first one when the card has none."""
    if "N" in card.names or any(other.name == "FN" for other in card.lines[:place]):
        return _TEXT(line, place, card)
    return _draft(line, ",;").lines(written("", "N", [(V4 + "FROM", ("FN",))], names.synthetic_name(card.lines)))


def _name(line: ContentLine, place: int, card: _Card) -> Lines:
    """N; what it is sorted by becomes a property when it is one text (RFC 2426 §3.6.5)."""
    if not line.params:
        return _STRUCTURED(line, place, card)
    draft = _draft(line, "")
    sort_as = draft.take(V4 + "SORT-AS")
    text = uncareted(sort_as[0]) if len(sort_as) == 1 else ""
    several = sum(other.name == "N" for other in card.lines) > 1
    if text.strip() and "," not in text and not several and "SORT-STRING" not in card.names:
        return draft.lines(written(line.group, "SORT-STRING", (), escape(text)))
    draft.add(V4 + "SORT-AS", *sort_as)
    return draft.lines()


def _address(line: ContentLine, place: int, card: _Card) -> Lines:
    """ADR; its label becomes a property of the same group and types, right after it."""
    if not param(line, "LABEL"):
        return _STRUCTURED(line, place, card)
    draft = _draft(line, "")
    label = draft.take("LABEL")
    types = tuple([kind for key, values in draft.params if key == "TYPE" for kind in values if kind.lower() != "pref"])
    return draft.lines(
        written(line.group, "LABEL", [("TYPE", types)] if types else (), forms.label_value(label)),
    )


def _tel(line: ContentLine, place: int, card: _Card) -> Lines:
    if not any(key in _VALUED for key, _ in line.params):
        return _TEXT(line, place, card)
    draft = _draft(line, "" if "uri" in map(str.lower, param(line, "VALUE")) else ",;")
    return draft.lines() if _valued(draft, forms.TEL) else None


def _paired(pair: forms.Pair) -> _Handler:
    """For values that are written differently; what can't be said stays aside."""

    def handler(line: ContentLine, place: int, card: _Card) -> Lines:
        if not line.params and (value := forms.common_3(line.value, pair)):
            return (written(line.group, line.name, (), value),)
        draft = drafted(line, params_3(line.name, line.params))
        return draft.lines() if _valued(draft, pair) else aside(line, V4)

    return handler


def _valued(draft: Draft, pair: forms.Pair) -> bool:
    """Gives the draft its value in 3.0; whether there is one."""
    form = forms.form_4(draft, pair)
    if not forms.revalue(draft, form, pair.to_3, pair.to_4, source=V4, target=V3):
        return False
    has_time = "T" in draft.value.upper()
    if pair is forms.DATE and has_time:
        draft.params.insert(0, ("VALUE", ("date-time",)))
    elif pair is forms.TIMESTAMP and not has_time:
        draft.params.insert(0, ("VALUE", ("date",)))
    return True


def _aliased(line: ContentLine, place: int, card: _Card) -> Lines:
    """KIND, GENDER, ANNIVERSARY under the names that clients of 3.0 know; aside when that would be another's."""
    if line.name not in card.aliased:
        return aside(line, V4)
    draft = drafted(line, params_3(line.name, line.params))
    draft.name = names.ALIASES[line.name]
    if line.name == "ANNIVERSARY":
        if card.labels.get(line.group.upper()) == names.AB_ANNIVERSARY:
            draft.name = names.AB_DATE
        return draft.lines() if _valued(draft, forms.DATE) else aside(line, V4)
    return draft.lines() if line.name == "KIND" or _valued(draft, forms.GENDER) else aside(line, V4)


def _member(line: ContentLine, place: int, card: _Card) -> Lines:
    draft = drafted(line, params_3(line.name, line.params))
    draft.name = names.MEMBER
    return draft.lines()


def _related(line: ContentLine, place: int, card: _Card) -> Lines:
    """A name is Apple's related name, and its type the label of the group, if it has that; a URI stays aside."""
    draft = drafted(line, params_3(line.name, line.params))
    if "".join(draft.take("VALUE")[:1]).lower() != "text":
        return aside(line, V4)
    draft.name, draft.value = names.AB_RELATED, retext(line.value, ",;")
    types = [kind for kind in draft.take("TYPE") if kind.lower() != "pref"]
    if "1" in param(line, "PREF"):
        draft.add("TYPE", "pref")
    labelled = names.RELATIONS.get(card.labels.get(line.group.upper(), "")) if line.group else None
    if types and not any(kind.lower() in _RELATION_TYPES for kind in types):
        draft.add("TYPE", *types)
    elif types != [labelled] and (types or labelled):
        draft.add(V4 + "TYPE", *(types or ("",)))
    return draft.lines()


def _aside(line: ContentLine, place: int, card: _Card) -> Lines:
    return aside(line, V4)


def _restored(line: ContentLine, place: int, card: _Card) -> Lines:
    name = line.name.removeprefix(V3)
    return None if name in names.ONCE and name in card.names else restored(line, V3)


def _media(line: ContentLine, place: int, card: _Card) -> Lines:
    return media_3(line)


_HANDLERS: dict[str, _Handler] = {
    "VERSION": _version,
    "N": _name,
    "ADR": _address,
    "TEL": _tel,
    "ORG": _text(","),
    "BDAY": _paired(forms.DATE),
    "REV": _paired(forms.TIMESTAMP),
    "GEO": _paired(forms.GEO),
    "TZ": _paired(forms.TZ),
    "MEMBER": _member,
    "RELATED": _related,
    **dict.fromkeys(names.ALIASES, _aliased),
    **dict.fromkeys(names.TEXTS, _TEXT),
    "FN": _full_name,
    **dict.fromkeys(names.LISTS, _text(";")),
    **dict.fromkeys(names.URIS, _plain),
    **dict.fromkeys(MEDIA, _media),
    **{V3 + name: _restored for name in names.ASIDE_3},
    **dict.fromkeys(names.ONLY_4, _aside),
}
