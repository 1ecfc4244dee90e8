"""A content line while it is changed, and what both directions write alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from carddav_msg.formats.vcard.contentlines import ContentLine, Params, fold, unfold

V3 = "X-VCARD3-"
V4 = "X-VCARD4-"

# Lines to write instead of one: None leaves it as it is.
Lines = Sequence[str] | None

_TO_QUOTE = re.compile(r"[:;,]|\A\s|\s\Z")
_CARET = re.compile(r"\^([n'^])")
_ESCAPE_OR_MARK = re.compile(r"\\.|[,;]")
_RAW = {
    ",;": re.compile(r"(?<!\\)[,;]|\\:"),
    ",": re.compile(r"(?<!\\),|\\:"),
    ";": re.compile(r"(?<!\\);|\\:"),
    "": re.compile(r"\\:"),
}
_URI_ESCAPE = re.compile(r"\\([,;:])")
_Card = TypeVar("_Card")


@dataclass(slots=True)
class Draft:
    """A line while it is changed; `line` is what it was."""

    line: ContentLine
    name: str
    params: list[tuple[str, tuple[str, ...]]]
    value: str

    def take(self, key: str) -> tuple[str, ...]:
        """All values of a parameter, which goes."""
        values = tuple([value for name, part in self.params if name == key for value in part])
        if values:
            self.params = [param for param in self.params if param[0] != key]
        return values

    def add(self, key: str, *values: str) -> None:
        """One more parameter, unless there are no values."""
        if values:
            self.params.append((key, values))

    def lines(self, *after: str) -> Lines:
        """The line and those after it; None when it is what it was and alone."""
        line = self.line
        if self.value == line.value and self.name == line.name and self.params == list(line.params) and not after:
            return None
        return (written(line.group, self.name, self.params, self.value), *after)


def drafted(line: ContentLine, params: Params | None = None) -> Draft:
    """A draft of the line, with other parameters if they are given."""
    return Draft(line, line.name, list(line.params if params is None else params), line.value)


def written(group: str, name: str, params: Sequence[tuple[str, tuple[str, ...]]], value: str) -> str:
    """A content line, not folded. A quote inside a parameter can't be written; it becomes RFC 6868's `^'`."""
    head = f"{group}.{name}" if group else name
    for key, values in params:
        head += f";{_bare(key)}={','.join([_quoted(part) for part in values])}"
    return f"{head}:{value}"


def _bare(key: str) -> str:
    return key.replace('"', "'") if '"' in key else key


def _quoted(value: str) -> str:
    if value.isalnum():
        return value
    if '"' in value:
        value = value.replace('"', "^'")
    return f'"{value}"' if _TO_QUOTE.search(value) else value


def careted(value: str) -> str:
    """A text without line ends as the value of a parameter of our own (RFC 6868)."""
    return value.replace("^", "^^").replace('"', "^'")


def uncareted(value: str, line_end: str = "^n") -> str:
    """The text of a parameter (RFC 6868). Its line ends stay as they are written unless the caller can take them:
    what came out raw would begin a line of its own, which could be a messaging identity."""
    if "^" not in value:
        return value
    texts = {"n": line_end, "'": '"', "^": "^"}
    return _CARET.sub(lambda match: texts[match[1]], value)


def aside(line: ContentLine, prefix: str) -> Lines:
    """The line as it is, under a name that no client of the other version takes for its own."""
    text = unfold(line.raw)
    at = len(line.group) + 1 if line.group else 0
    return (text[:at] + prefix + text[at:],)


def restored(line: ContentLine, prefix: str) -> Lines:
    """What `aside` was given."""
    text = unfold(line.raw)
    at = len(line.group) + 1 if line.group else 0
    return (text[:at] + text[at + len(prefix) :],)


def rewrite(
    lines: Sequence[ContentLine], card: _Card, handlers: Mapping[str, Callable[[ContentLine, int, _Card], Lines]]
) -> str:
    """The text of the lines, each written by the handler for its name, with the line ends they have."""
    pieces = []
    for place, line in enumerate(lines):
        handler = handlers.get(line.name)
        new = handler(line, place, card) if handler else None
        if new is None:
            pieces.append(line.raw + line.end)
        else:
            for text in new:
                folded = fold(text)
                pieces.append((folded if folded is text else folded.replace("\r\n", line.end)) + line.end)
    return "".join(pieces)


def retext(value: str, marks: str) -> str:
    """A TEXT value with `marks` (",;", one of them or none), which separate nothing in it, escaped, and with no `\\:`.

    RFC 6350 §3.4 lets a semicolon stand where RFC 2426 §4 wants it escaped, and clients of both leave commas raw and
    escape colons. The same object when there is nothing to change.
    """
    if "\\\\" not in value and not _RAW[marks].search(value):
        return value
    return _ESCAPE_OR_MARK.sub(lambda match: _remark(match[0], marks), value)


def _remark(found: str, marks: str) -> str:
    if found == "\\:":
        return ":"
    return "\\" + found if found in marks else found


def uri(value: str) -> str:
    """A URI as a value: neither version escapes it, some clients do."""
    return _URI_ESCAPE.sub(r"\1", value) if "\\" in value else value
