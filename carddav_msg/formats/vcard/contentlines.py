"""Content lines of a vCard (RFC 6350 §3.2, §3.3), scanned without losing a character.

The text of a client is kept as it is, so a scanned line holds what it was made of: the `raw` and `end` of all lines,
joined, are the text again. Nothing here refuses anything: what is no content line has an empty name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

FOLD_LIMIT = 75
_USUAL_HEAD = 80  # characters of a name with its parameters; what is longer is read each time

# A line goes on over every line end that a blank or tab follows (RFC 6350 §3.2). An empty line is never continued:
# readers disagree on what such a continuation belongs to, so it becomes a line without a name. The first alternative
# takes the common line apart on the way: neither folded nor quoted.
_LINE = re.compile(
    r"(([A-Za-z0-9_.-]++)(?<!\.)(?:;([^\":\r\n]*+))?:([^\r\n]*+)(?=\r?\n(?![ \t])|\Z)"
    r"|(?:[^\r\n]|\r(?!\n))[^\r\n]*+(?:(?:\r(?!\n)|\r?\n[ \t])[^\r\n]*+)*+"
    r"|)(\r?\n|\Z)"
)
_FOLD = re.compile(r"\r?\n[ \t]")
_HEAD = re.compile(r"([A-Za-z0-9_.-]++)(?<!\.)([:;])")
_PARAMS_END = re.compile(r'(?:[^":]|"[^"]*+")*+:')
_PARAM = re.compile(r'(?:[^";]|"[^"]*+"?)++')
_PARAM_VALUE = re.compile(r'(?:[^",]|"[^"]*+"?)++')
_ESCAPED = re.compile(r"\\([\\,;:nN])")
_TO_ESCAPE = re.compile(r"\r\n|[\r\n\\,;]")
_LINE_BREAKS = frozenset("\r\n")

Params = tuple[tuple[str, tuple[str, ...]], ...]


class ContentLine(NamedTuple):  # a third of the time of a frozen dataclass, and a card has many
    """One logical line. `raw` is the text as written, with its folds; `end` the line end after it, or nothing.

    `name` and the names of `params` are upper-case; a type without a name (`TEL;WORK:`, as vCard 2.1 had it) is a
    value of TYPE. `value` is unfolded and still escaped. A line that is no content line has the name "" and its whole
    unfolded text as value.
    """

    raw: str
    group: str
    name: str
    params: Params
    value: str
    end: str = ""

    @property
    def text(self) -> str:
        """The value as a TEXT: without its escapes. What is between components or list items stays, unmarked."""
        return unescape(self.value)


def scan(text: str) -> list[ContentLine]:
    """The logical lines of a text; CRLF and LF end a line. Empty lines are lines too."""
    return [
        _named(raw, name, params, value, end) if name else _scan_line(raw, end)
        for raw, name, params, value, end in _LINE.findall(text)[:-1]  # the last match is the empty end of the text
    ]


def _named(raw: str, name: str, params: str, value: str, end: str) -> ContentLine:
    parsed = _known_head if len(name) + len(params) <= _USUAL_HEAD else _head
    return ContentLine(raw, *parsed(name, params), value, end)


def _head(name: str, params: str) -> tuple[str, str, Params]:
    """(group, name, parameters) of what stands before a value."""
    group, _, name = name.rpartition(".")
    return group, name.upper(), _params(params) if params else ()


_known_head = lru_cache(maxsize=1024)(_head)
"""Few lines begin in a way of their own: all cards have an `FN`, and most a `TEL;TYPE=CELL`."""


def _scan_line(raw: str, end: str) -> ContentLine:
    """A line that is folded, has quotes, or is no content line."""
    text = unfold(raw)
    head = _HEAD.match(text)
    if head is None:
        return ContentLine(raw, "", "", (), text, end)
    at = head.end()
    if head[2] == ":":
        return _named(raw, head[1], "", text[at:], end)
    tail = _PARAMS_END.match(text, at)
    # A quote that is never closed hides the colon: then the first colon ends the parameters.
    stop = tail.end() if tail else text.find(":", at) + 1
    if not stop:
        return ContentLine(raw, "", "", (), text, end)
    return _named(raw, head[1], text[at : stop - 1], text[stop:], end)


def _params(text: str) -> Params:
    parts = _PARAM.findall(text) if '"' in text else text.split(";")
    params = []
    for part in parts:
        name, equals, values = part.partition("=")
        if equals:
            split = _PARAM_VALUE.findall(values) if '"' in values else values.split(",")
            params.append((name.strip().upper(), tuple([value.strip().strip('"') for value in split])))
        elif name:
            params.append(("TYPE", (name.strip(),)))
    return tuple(params)


def param(line: ContentLine, name: str) -> tuple[str, ...]:
    """All values of a parameter (its name in upper case) in order; empty when the line has none."""
    if not line.params:
        return ()
    return tuple([value for key, values in line.params if key == name for value in values])


def unfold(raw: str) -> str:
    """The text of a logical line without its folds."""
    return _FOLD.sub("", raw) if "\n" in raw else raw


def fold(line: str, limit: int = FOLD_LIMIT) -> str:
    """The line with CRLF and a blank where it would be longer than `limit` octets, never inside a character."""
    if len(line) * 4 <= limit or (len(line) <= limit and line.isascii()):
        return line
    octets = line.encode()
    pieces = []
    start, room = 0, limit
    while len(octets) - start > room:
        stop = start + room
        while octets[stop] & 0xC0 == 0x80:
            stop -= 1
        pieces.append(octets[start:stop])
        start, room = stop, limit - 1  # the blank counts
    pieces.append(octets[start:])
    return b"\r\n ".join(pieces).decode()


def escape(value: str) -> str:
    """A text as a TEXT value (RFC 6350 §3.4); each kind of line end becomes `\\n`."""
    return _TO_ESCAPE.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return "\\n" if found[0] in _LINE_BREAKS else "\\" + found


def unescape(value: str) -> str:
    """The text of a TEXT value. A backslash before anything else stays; `\\:` is what some address books write."""
    return _ESCAPED.sub(_unescape, value) if "\\" in value else value


def _unescape(match: re.Match[str]) -> str:
    found = match[1]
    return "\n" if found in "nN" else found


def split_components(value: str, sep: str = ";") -> list[str]:
    """The parts of a structured value, split where `sep` is not escaped, each of them unescaped."""
    if "\\" not in value:
        return value.split(sep)
    parts: list[str] = []
    held: list[str] = []
    for piece in value.split(sep):
        held.append(piece)
        if (len(piece) - len(piece.rstrip("\\"))) % 2:  # an odd run of backslashes escapes the separator
            continue
        parts.append(unescape(sep.join(held)))
        held.clear()
    if held:
        parts.append(unescape(sep.join(held)))
    return parts
