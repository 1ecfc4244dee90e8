"""Content lines: scanned without loss, and the small pairs around them."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vobject.base import getLogicalLines, parseLine

from carddav_msg.formats.vcard.contentlines import escape, fold, param, scan, split_components, unescape, unfold
from tests.formats.strategies import TEXT

PIECES = ["BEGIN", "TEL", "item1.", "TYPE=A", ":", ";", "=", '"', ",", "\\", "ü"]
FOLDS = ["\r\n", "\n", "\r", " ", "\t", "\r\n ", "\n\t"]
ANY = st.text(max_size=200) | st.lists(st.sampled_from(PIECES + FOLDS), max_size=40).map("".join)


@given(ANY)
def test_scan_loses_nothing(text: str) -> None:
    """The raw texts and ends of the lines, joined, are the text that was scanned, whatever it was."""
    assert "".join(line.raw + line.end for line in scan(text)) == text


@given(ANY)
def test_a_fold_changes_only_the_raw_text(text: str) -> None:
    """A line reads the same whether it is folded (the careful path) or not (the quick one)."""
    for line in scan(text):
        if line.raw and "\n" not in line.raw and line.raw[0] not in " \t":
            for at in {1, len(line.raw) // 2 or 1}:
                (folded,) = scan(line.raw[:at] + "\r\n " + line.raw[at:])
                assert (folded.group, folded.name, folded.params, folded.value) == (
                    line.group,
                    line.name,
                    line.params,
                    line.value,
                )


@pytest.mark.parametrize(
    ("text", "group", "name", "params", "value"),
    [
        ("FN:Ann", "", "FN", (), "Ann"),
        ("item1.tel;type=work,voice:1", "item1", "TEL", (("TYPE", ("work", "voice")),), "1"),
        ("TEL;WORK;VOICE:1", "", "TEL", (("TYPE", ("WORK",)), ("TYPE", ("VOICE",))), "1"),
        ('ADR;LABEL="a;b:c,d";TYPE="x",y:;;s', "", "ADR", (("LABEL", ("a;b:c,d",)), ("TYPE", ("x", "y"))), ";;s"),
        ('X-A;P="never closed:v:w', "", "X-A", (("P", ("never closed",)),), "v:w"),
        ("NOTE:a, raw; comma\\, and more", "", "NOTE", (), "a, raw; comma\\, and more"),
        ("N\r\n OTE:fol\r\n\tded", "", "NOTE", (), "folded"),
        ("NOTE;X=\n 1:LF\n  folded", "", "NOTE", (("X", ("1",)),), "LF folded"),
        ("TEL;:1", "", "TEL", (), "1"),
        ("no colon", "", "", (), "no colon"),
        ("TEL;TYPE=WORK", "", "", (), "TEL;TYPE=WORK"),
        ("item1.:x", "", "", (), "item1.:x"),
        (" led by a blank:x", "", "", (), " led by a blank:x"),
    ],
)
def test_scan_takes_lines_apart(
    text: str, group: str, name: str, params: tuple[tuple[str, tuple[str, ...]], ...], value: str
) -> None:
    """Groups, quoted and nameless parameters, raw commas and folds are understood; the rest has no name."""
    (line,) = scan(text)
    assert (line.group, line.name, line.params, line.value) == (group, name, params, value)
    assert line.raw == text


def test_scan_keeps_line_ends_apart() -> None:
    """Each line knows its own end, a lone carriage return ends none, and an empty line is never continued."""
    lines = scan("A:1\r\nB:2\n\nC:3\rD\n\n E:4\n")
    assert [(line.raw, line.end) for line in lines] == [
        ("A:1", "\r\n"),
        ("B:2", "\n"),
        ("", "\n"),
        ("C:3\rD", "\n"),
        ("", "\n"),
        (" E:4", "\n"),
    ]


def test_param_collects_all_values() -> None:
    """A parameter that comes twice has the values of both."""
    (line,) = scan("TEL;TYPE=work;TYPE=pref,voice;X=1:1")
    assert param(line, "TYPE") == ("work", "pref", "voice")
    assert param(line, "Y") == ()


@given(st.lists(st.tuples(st.sampled_from(["NOTE", "TITLE", "X-A"]), TEXT), min_size=1, max_size=6))
def test_vobject_reads_the_same_lines(pairs: list[tuple[str, str]]) -> None:
    """An independent reader sees the same names and values in folded and escaped lines."""
    text = "".join(fold(f"{name};TYPE=a:{escape(value)}") + "\r\n" for name, value in pairs)
    theirs = [parseLine(line) for line, _ in getLogicalLines(StringIO(text))]
    assert [(line.name, line.value) for line in scan(text)] == [(name, value) for name, _, value, _ in theirs]


@given(TEXT)
def test_unescape_undoes_escape(text: str) -> None:
    """Every text survives being a TEXT value, which is one line without a raw separator."""
    escaped = escape(text)
    assert unescape(escaped) == text
    assert "\n" not in escaped
    assert split_components(escaped) == split_components(escaped, ",") == [text]


def test_unescape_is_lenient() -> None:
    """Both spellings of the line end and the colon of some address books are read; an unknown escape stays."""
    assert unescape(r"a\nb\Nc\:d\xe\\n\,\;") == "a\nb\nc:d\\xe\\n,;"
    assert unescape("ends with \\") == "ends with \\"
    assert escape("a\r\nb\rc\nd") == r"a\nb\nc\nd"


@given(st.lists(TEXT, min_size=1, max_size=6), st.sampled_from(";,"))
def test_split_components_undoes_joining(parts: list[str], sep: str) -> None:
    """Escaped components, joined, are split into the same components."""
    assert split_components(sep.join(escape(part) for part in parts), sep) == parts


def test_split_components_at_an_open_escape() -> None:
    """A backslash at the very end escapes nothing and is kept."""
    assert split_components("a\\") == ["a\\"]
    assert split_components("a\\;") == ["a;"]
    assert split_components("a\\\\;b;") == ["a\\", "b", ""]


@given(TEXT, st.integers(8, 80))
def test_fold_is_undone_and_bounded(text: str, limit: int) -> None:
    """No physical line is longer than the limit in octets, no character is cut, and unfolding gives the line back."""
    line = escape(text)
    folded = fold(line, limit)
    assert all(len(piece.encode()) <= limit for piece in folded.split("\r\n"))
    assert unfold(folded) == line


def test_fold_fills_lines() -> None:
    """Lines are as long as RFC 6350 §3.2 lets them be, and what fits in 75 octets stays whole."""
    assert fold("x" * 75) == "x" * 75
    assert fold("x" * 150) == "x" * 75 + "\r\n " + "x" * 74 + "\r\n x"
    assert fold("x" * 74 + "ü") == "x" * 74 + "\r\n ü"
