"""From vCard 3.0 (RFC 2426) to 4.0 (RFC 6350)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from quopri import decodestring
from typing import TypeAlias

from carddav_msg.formats.vcard.contentlines import ContentLine, param, unescape, unfold
from carddav_msg.formats.vcard.convert import forms, names
from carddav_msg.formats.vcard.convert.draft import (
    V3,
    V4,
    Draft,
    Lines,
    aside,
    careted,
    drafted,
    restored,
    retext,
    rewrite,
    uri,
    written,
)
from carddav_msg.formats.vcard.convert.links import MOVED, moved
from carddav_msg.formats.vcard.convert.media import NAMES as MEDIA
from carddav_msg.formats.vcard.convert.media import media_4
from carddav_msg.formats.vcard.convert.parameters import params_4, params_of_4

_CHARSETS = {"": "utf-8", "UTF-8": "utf-8", "ISO-8859-1": "cp1252", "WINDOWS-1252": "cp1252", "US-ASCII": "utf-8"}
_LINE_END = re.compile(r"\r\n?|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ufffe\uffff]")
_LINKED = MOVED | {names.AB_DATE, names.AB_RELATED, *names.ALIASES.values()}


_Handler: TypeAlias = "Callable[[ContentLine, int, _Card], Lines]"


@dataclass(slots=True)
class _Card:
    """What the lines say of each other. Numbers are places in `lines`."""

    lines: Sequence[ContentLine]
    names: set[str]
    labels: dict[str, str] = field(default_factory=dict)
    promoted: dict[int, str] = field(default_factory=dict)  # X- lines, with the property that they become
    moved: dict[int, ContentLine] = field(default_factory=dict)  # ADR or N, with the line that becomes its parameter
    gone: set[int] = field(default_factory=set)  # the identities of those lines


def to_4(lines: Sequence[ContentLine]) -> str:
    """The text of a 3.0 card in 4.0. VERSION comes right after BEGIN (RFC 6350 §6.7.9); all else keeps its place."""
    card = _Card(lines, {line.name for line in lines})
    if card.names & _LINKED:
        _link(card)
    return rewrite(lines, card, _HANDLERS)


def _link(card: _Card) -> None:
    if names.AB_LABEL in card.names:
        card.labels = names.apple_labels(card.lines)
    for name in names.ALIASES:
        if name in card.names or V4 + name in card.names:
            continue
        for place, line in enumerate(card.lines):
            if names.stands_for(name, line, card.labels):
                card.promoted[place] = name
                break
    if card.names & MOVED:
        card.moved = moved(card.lines)
        card.gone = {id(line) for line in card.moved.values()}


def _begin(line: ContentLine, place: int, card: _Card) -> Lines:
    version = next(other for other in card.lines if other.name == "VERSION")
    return unfold(line.raw), written(version.group, "VERSION", version.params, "4.0")


def _version(line: ContentLine, place: int, card: _Card) -> Lines:
    return ()


def _text(marks: str) -> _Handler:
    """For TEXT values, in which `marks` separate nothing."""

    def handler(line: ContentLine, place: int, card: _Card) -> Lines:
        value = retext(line.value, marks)
        params = params_of_4(line) if line.params else line.params
        if params is line.params:
            return None if value is line.value else (written(line.group, line.name, params, value),)
        if param(line, "ENCODING"):
            return _draft(line, marks).lines()
        return (written(line.group, line.name, params, value),)

    return handler


def _draft(line: ContentLine, marks: str) -> Draft:
    """The line with its parameters in 4.0 and its text escaped, and decoded if it is in the manner of 2.1."""
    params, value = params_of_4(line), line.value
    if params is not line.params and param(line, "ENCODING") and (text := _decoded(line)) is not None:
        value = text
        params = params_4(line.name, tuple([each for each in line.params if each[0] not in ("ENCODING", "CHARSET")]))
    draft = drafted(line, params)
    draft.value = retext(value, marks)
    return draft


def _decoded(line: ContentLine) -> str | None:
    """The text of a quoted-printable value; None when it is not, or can't be read, or holds what no card may hold."""
    charset = _CHARSETS.get("".join(param(line, "CHARSET")).upper())
    if "".join(param(line, "ENCODING")).upper() != "QUOTED-PRINTABLE" or not charset:
        return None
    try:
        text = decodestring(line.value.encode()).decode(charset)
    except UnicodeDecodeError:
        return None
    text = _LINE_END.sub(r"\\n", text)
    return None if _CONTROL.search(text) else text


_TEXT = _text(",;")
_STRUCTURED = _text("")
_VALUED = frozenset({"VALUE", V4 + "WAS", V4 + "VALUE"})


def _uri(line: ContentLine, place: int, card: _Card) -> Lines:
    draft = drafted(line, params_of_4(line) if line.params else ())
    draft.value = uri(line.value)
    return draft.lines()


def _tel(line: ContentLine, place: int, card: _Card) -> Lines:
    if not any(key in _VALUED for key, _ in line.params):
        return _TEXT(line, place, card)
    draft = _draft(line, "" if "uri" in map(str.lower, param(line, "VALUE")) else ",;")
    return draft.lines() if _valued(draft, forms.TEL) else None


def _paired(pair: forms.Pair) -> _Handler:
    """For values that are written differently; what is none stays aside."""

    def handler(line: ContentLine, place: int, card: _Card) -> Lines:
        if not line.params and (value := forms.common_4(line.value, pair)):
            return (written(line.group, line.name, (), value),)
        draft = drafted(line, params_of_4(line))
        return draft.lines() if _valued(draft, pair) else aside(line, V3)

    return handler


def _valued(draft: Draft, pair: forms.Pair) -> bool:
    """Gives the draft its value in 4.0; whether there is one."""
    form = forms.form_3(draft, pair)
    return forms.revalue(draft, form, pair.to_4, pair.to_3, source=V3, target=V4)


def _promoted(line: ContentLine, place: int, card: _Card) -> Lines:
    name = card.promoted.get(place)
    if name is None:
        return None
    draft = drafted(line, params_of_4(line))
    draft.name = name
    if name == "KIND" or _valued(draft, forms.DATE if name == "ANNIVERSARY" else forms.GENDER):
        return draft.lines()
    return None


def _member(line: ContentLine, place: int, card: _Card) -> Lines:
    draft = drafted(line, params_of_4(line))
    draft.name, draft.value = "MEMBER", uri(line.value)
    return draft.lines()


def _related(line: ContentLine, place: int, card: _Card) -> Lines:
    """Apple's related name: its type is the label of its group, which stays."""
    if param(line, "VALUE"):
        return None
    draft = drafted(line, params_of_4(line))
    draft.name, draft.value = "RELATED", retext(line.value, ",;")
    types = [kind for kind in draft.take("TYPE") if kind]
    if not types and not param(line, V4 + "TYPE") and line.group:
        types = [names.RELATIONS.get(card.labels.get(line.group.upper(), ""), "")]
    draft.add("TYPE", *filter(None, types))
    draft.params.insert(0, ("VALUE", ("text",)))
    return draft.lines()


def _name(line: ContentLine, place: int, card: _Card) -> Lines:
    if not line.params and place not in card.moved:
        return _STRUCTURED(line, place, card)
    draft = _draft(line, "")
    if draft.take(V4 + "FROM") and line.value == names.synthetic_name(card.lines):
        return ()
    if place in card.moved:
        draft.add("SORT-AS", careted(unescape(card.moved[place].value)))
    return draft.lines()


def _address(line: ContentLine, place: int, card: _Card) -> Lines:
    if place not in card.moved:
        return _STRUCTURED(line, place, card)
    draft = _draft(line, "")
    draft.add("LABEL", forms.label_param(card.moved[place].value))
    return draft.lines()


def _only_3(line: ContentLine, place: int, card: _Card) -> Lines:
    return () if id(line) in card.gone else aside(line, V3)


def _restored(line: ContentLine, place: int, card: _Card) -> Lines:
    name = line.name.removeprefix(V4)
    return None if name in names.ONCE and name in card.names else restored(line, V4)


def _media(line: ContentLine, place: int, card: _Card) -> Lines:
    return media_4(line)


_HANDLERS: dict[str, _Handler] = {
    "BEGIN": _begin,
    "VERSION": _version,
    "N": _name,
    "ADR": _address,
    "TEL": _tel,
    "ORG": _text(","),
    "BDAY": _paired(forms.DATE),
    "REV": _paired(forms.TIMESTAMP),
    "GEO": _paired(forms.GEO),
    "TZ": _paired(forms.TZ),
    names.MEMBER: _member,
    names.AB_RELATED: _related,
    names.AB_DATE: _promoted,
    **dict.fromkeys(names.ALIASES.values(), _promoted),
    **dict.fromkeys(names.TEXTS, _TEXT),
    **dict.fromkeys(names.LISTS, _text(";")),
    **dict.fromkeys(names.URIS, _uri),
    **dict.fromkeys(MEDIA, _media),
    **{V4 + name: _restored for name in names.ASIDE_4},
    **dict.fromkeys(names.ONLY_3, _only_3),
}
