"""Cards as clients write them: valid, odd and broken, each with what a server has to say to it (for hypothesis)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st

from carddav_msg.formats.vcard.contentlines import escape, fold
from tests.formats.strategies import HOSTILE

VALID, SUPPORTED, TOO_LARGE = "valid-address-data", "supported-address-data", "max-resource-size"
ANYTHING = "anything"
UID = "@UID@"
"""Stands in a body for a text that is no other card's UID."""


@dataclass(frozen=True)
class Sent:
    """A body to PUT. `condition` is the one it breaks, empty when it has to be stored, or ANYTHING."""

    body: bytes
    condition: str = ""
    content_type: str = "text/vcard; charset=utf-8"


def with_uid(sent: Sent, uid: str) -> Sent:
    """The body with its own UID."""
    return replace(sent, body=sent.body.replace(UID.encode(), uid.encode()))


# Texts are drawn from a pool, which is quick and has what breaks readers; a few are made up.
_ONE_LINE = [text.replace("\n", " ").strip() for text in HOSTILE]
_TEXTS = st.sampled_from(
    [
        *_ONE_LINE,
        *("", " ", "x", "Acme, Inc.", "a;b;c", "a\\", "\\n", "\\,\\;\\:", "x\\\\", "=41=", "a=", "^n^'^^"),
        *(
            "&#13;&amp;<![CDATA[x]]>",
            "%s %(href)s {0} %",
            "  two  blanks  ",
            "\ttab",
            "\u2028line\u2029",
            "\u200e\u202e",
        ),
        *("🏳️‍🌈 👨‍👩‍👧‍👦", "é e\u0301 ﬁ ß İ ı", "\u00a0\u3000", "a" * 75, "ü" * 40, "x" * 500, "\U0010fffd\U000f0000"),
        *("END:VCARD", "BEGIN:VCARD", "X-CLOUD-USERNAME:mallory", "\ufeff", "’“”„", "http://x.example/?a=b&c=d#e"),
    ]
) | st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)

_LINES = (Path(__file__).parent / "card-lines.txt").read_text("utf-8").splitlines()

_UIDS = (
    "UID:" + UID,
    "UID:" + UID,
    "uid:urn:uuid:" + UID,
    "UID;VALUE=text: " + UID,
    "item9.UID:a\\, " + UID,
    "",
    "UID:",
)


def name_of(line: str) -> str:
    """The property name of a logical line in capitals, without its group; "" for what is no property."""
    head, colon, _ = re.sub(r"\r?\n[ \t]", "", line).partition(":")
    return head.partition(";")[0].rpartition(".")[2].strip().upper() if colon else ""


@st.composite
def _property(draw: st.DrawFn, template: st.SearchStrategy[str]) -> str:
    """A line, perhaps folded in some way; its texts are escaped, or written as they are."""
    line = draw(template)
    if "{" in line:
        texts = [draw(_TEXTS), draw(_TEXTS) if "{1}" in line else ""]
        if draw(st.booleans()):
            texts = [escape(text) for text in texts]
        line = line.replace("{0}", texts[0]).replace("{1}", texts[1])
    how = draw(st.integers(0, 7))
    if how == 0:
        return fold(line)
    if how == 1 and len(line) > 1:
        at = draw(st.integers(1, len(line) - 1))
        return f"{line[:at]}\r\n\t{line[at:]}"
    if how == 2:
        return "\r\n ".join(line[start : start + 7] for start in range(0, len(line), 7))
    return line


_FRAMES = st.sampled_from(
    [
        *[("BEGIN:VCARD", "VERSION:{}", "END:VCARD")] * 4,
        ("begin:vcard", "version:{}", "end:vcard"),
        ("BEGIN:VCARD ", "VERSION: {} ", "END: vCard"),
        ("BEGIN;X=1:VCARD", "VERSION;X-A=b:{}", "END:VCARD"),
    ]
)
_NAMES = _property(st.sampled_from(["FN:{0}", "FN:{0}", "fn;charset=utf-8:{0}", "item1.FN:{0}", "FN:"]))
_PROPERTIES = st.lists(_property(st.sampled_from(_LINES)), max_size=8)


@st.composite
def _lines(draw: st.DrawFn) -> list[str]:
    """The logical lines of a card that has to be stored."""
    begin, version, end = draw(_FRAMES)
    lines = [draw(_NAMES), *draw(_PROPERTIES)]
    if uid := draw(st.sampled_from(_UIDS)):
        lines.insert(draw(st.integers(0, len(lines))), uid)
    place = draw(st.sampled_from([0, 0, 0, len(lines) // 2, len(lines)]))
    lines.insert(place, version.format(draw(st.sampled_from(["3.0", "3.0", "4.0"]))))
    if not draw(st.integers(0, 9)):
        lines.insert(draw(st.integers(0, len(lines))), "")
    return [begin, *lines, end]


_ENDS = st.sampled_from(["crlf", "crlf", "crlf", "lf", "mixed", "open", "blank"])


def _joined(lines: Sequence[str], ends: str) -> bytes:
    text = "".join(f"{line}\r\n" for line in lines)
    if ends == "lf":
        text = text.replace("\r\n", "\n")
    elif ends == "mixed":
        text = text.replace("\r\n", "\n", len(lines) // 2)
    elif ends == "open":
        text = text.removesuffix("\r\n")
    elif ends == "blank":
        text = f"\r\n\n{text}\r\n\n"
    return text.encode(errors="surrogateescape")


def _more(*lines: str) -> Callable[[list[str]], list[str]]:
    """The lines with others behind the first one."""
    return lambda all_lines: [all_lines[0], *lines, *all_lines[1:]]


def _without(name: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line for line in lines if name_of(line) != name]


def _with_version(number: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: _more(f"VERSION:{number}")(_without("VERSION")(lines))


LARGEST = 50_000
_BREAKS: list[tuple[str, Callable[[list[str]], list[str]]]] = [
    (SUPPORTED, _without("VERSION")),
    (SUPPORTED, _with_version("2.1")),
    (SUPPORTED, _with_version("5.0")),
    (SUPPORTED, _with_version("")),
    (SUPPORTED, lambda lines: lines[1:]),
    (SUPPORTED, lambda lines: ["BEGIN:VCALENDAR", *lines[1:-1], "END:VCALENDAR"]),
    (SUPPORTED, lambda lines: ["hello", *lines]),
    (SUPPORTED, lambda lines: []),
    (VALID, _more("VERSION:3.0")),
    (VALID, _without("FN")),
    (VALID, lambda lines: lines[:-1]),
    (VALID, lambda lines: [*lines, *lines]),
    (VALID, lambda lines: [*lines, "X-BEHIND:the end"]),
    (VALID, lambda lines: [*lines, *lines[1:]]),
    (VALID, _more("AGENT:", "BEGIN:VCARD", "VERSION:3.0", "FN:x", "END:VCARD")),
    (VALID, _more("END:VEVENT")),
    (VALID, _more("UID:one", "UID:two")),
    (VALID, _more("no colon")),
    (VALID, _more("NOTE;X=no-colon")),
    (VALID, _more("two words:x")),
    (VALID, _more(":no name")),
    (VALID, _more("", " a fold behind nothing:x")),
    (VALID, _more("NOTE:a\rX-CLOUD-USERNAME:mallory")),
    *[
        (VALID, _more(f"NOTE:a{character}b"))
        for character in "\x00\x01\x08\x0b\x0c\x1b\x1f\x7f\x80\x85\x9f\ufffe\uffff"
    ],
    *[(VALID, _more(f"NOTE:a{octets}b")) for octets in ("\udcff", "\udcc3", "\udced\udca0\udc80", "\udcc0\udcaf")],
    (TOO_LARGE, _more("NOTE:" + "x" * LARGEST)),
    (TOO_LARGE, _more(fold("PHOTO;ENCODING=b:" + "A" * LARGEST))),
]
_WRONG_TYPES = ["text/plain", "application/json", "text/calendar", "text/vcards", "application/octet-stream", "vcard"]
_RIGHT_TYPES = ["text/vcard", "TEXT/VCARD ; charset=utf-8", "text/x-vcard", "text/directory;profile=vCard", ""]


@st.composite
def _broken(draw: st.DrawFn) -> Sent:
    condition, broken = draw(st.sampled_from(_BREAKS))
    return Sent(_joined(broken(draw(_lines())), draw(_ENDS)), condition)


_FRAGMENTS = st.sampled_from(
    [b""] * 4
    + [
        b"\r\n ",
        b"\n\t",
        b"\t",
        b":",
        b";",
        b'"',
        b"\\",
        b",",
        b"=",
        b".",
        b"x" * 300,
        b"X-NETWORK-ID",
        "\u2028é".encode(),
    ]
    + [b"\r", b"\n", b"\x00", b"\xc3", b"END:VCARD\r\n", b"VERSION:3.0\r\n", b"UID:x\r\n", b"\r\n\r\n", b"\xef\xbb\xbf"]
)


@st.composite
def _damaged(draw: st.DrawFn) -> Sent:
    """A card of which pieces were cut out or replaced at any place."""
    body = _joined(draw(_lines()), draw(_ENDS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(_FRAGMENTS) + body[at + draw(st.sampled_from([0, 1, 2, 9, 80])) :]
    return Sent(body, ANYTHING)


_STORED = st.builds(_joined, _lines(), _ENDS)
CARDS = st.one_of(
    *[st.builds(Sent, _STORED)] * 4,
    st.builds(Sent, _STORED, st.just(""), st.sampled_from(_RIGHT_TYPES)),
    _broken(),
    _damaged(),
    st.builds(lambda body: Sent(b"\xef\xbb\xbf" + body, VALID), _STORED)
    | st.builds(Sent, _STORED, st.just(SUPPORTED), st.sampled_from(_WRONG_TYPES))
    | st.builds(Sent, st.binary(max_size=60), st.just(ANYTHING)),
)
"""A card of any kind; `with_uid` makes it one of its own."""

_ESCAPED = st.sampled_from([escape(text) for text in HOSTILE]) | _TEXTS.map(escape)
_PLAIN_LINES = st.sampled_from(
    [
        *("TITLE:{0}", "NOTE:{0}", "ORG:{0};{1}", "NICKNAME:{0}", "TEL;TYPE=CELL:{0}", "URL:{0}"),
        *("item1.TEL;TYPE=work;TYPE=fax:{0}", "EMAIL;TYPE=INTERNET:{0}", "item2.X-ABLabel:{0}", "X-OTHER;P=a,b:{0}"),
        "ADR;TYPE=home:;;{0};{1};;12345;",
    ]
)


@st.composite
def _plain(draw: st.DrawFn) -> str:
    lines = []
    for template in ["FN:{0}", "N:{0};{1};;;", *draw(st.lists(_PLAIN_LINES, max_size=6))]:
        line = template.replace("{0}", draw(_ESCAPED)).replace("{1}", draw(_ESCAPED))
        at = draw(st.integers(0, len(line)))
        lines.append(f"{line[:at]}\r\n\t{line[at:]}" if 0 < at < len(line) else fold(line))
    return "".join(f"{line}\r\n" for line in ["BEGIN:VCARD", "VERSION:3.0", "UID:u", *lines, "END:VCARD"])


PLAIN_CARDS = _plain()
"""Cards of version 3.0 as RFC 2426 wants them, which any reader should understand."""
