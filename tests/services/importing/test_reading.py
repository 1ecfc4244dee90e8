"""Reading CSV files."""

from __future__ import annotations

import io

import pytest

from carddav_msg.services.importing.reading import Record, Table
from carddav_msg.services.importing.report import Problem


def table(body: bytes | str) -> Table:
    """A table whose columns are a and b."""
    return Table(io.BytesIO(body.encode() if isinstance(body, str) else body), ("a", "b", "other"), ("a",))


def test_lines_are_physical() -> None:
    """A record is named by the line it starts on, however many line ends its quotes and the gaps before it have."""
    records = list(table('a,b\r\n1,"x\r\ny\nz"\r\n\r\n,\r\n2,w\r\n'))
    assert records == [Record(2, {"a": "1", "b": "x\r\ny\nz"}), Record(7, {"a": "2", "b": "w"})]


@pytest.mark.parametrize("body", ["a,b\n1,2", "\ufeffa,b\n1,2\n", "a;b\n1;2\n", " A ,B\n1,2\n"])
def test_common_spellings_of_a_file(body: str) -> None:
    """With or without a byte order mark, with commas or semicolons, without regard to case in the header."""
    assert list(table(body)) == [Record(2, {"a": "1", "b": "2"})]


def test_unknown_column_names_the_nearest() -> None:
    """A column that nobody knows is an error that names it and the known one that looks most like it."""
    found = table("a,othr\n1,2\n")
    assert [str(problem) for problem in found.problems] == [
        "line 1: othr: is no column of an import; did you mean other?"
    ]
    assert list(found) == []


def test_header_problems_come_together() -> None:
    """A doubled column and a missing required one are told at once; so is an empty file."""
    assert [problem.field for problem in table("b,b\n").problems] == ["b", "a"]
    assert [problem.field for problem in table("").problems] == ["a"]


def test_wrong_number_of_cells() -> None:
    """A row with a cell too many or too few is a problem, and the rows around it are read."""
    first, second, third = table("a,b\n1,2,3\n1\n1,2\n")
    assert isinstance(first, Problem)
    assert (first.line, "3 cells" in first.message) == (2, True)
    assert isinstance(second, Problem)
    assert isinstance(third, Record)


def test_bytes_that_are_not_utf8() -> None:
    """A row in another encoding is named by its line; a header in another encoding ends it."""
    good, bad = table(b"a,b\n1,2\n1,M\xfcller\n")
    assert isinstance(good, Record)
    assert isinstance(bad, Problem)
    assert (bad.line, "UTF-8" in bad.message) == (3, True)
    assert "UTF-8" in table("a,b\n1,2\n".encode("utf-16")).problems[0].message


@pytest.mark.parametrize("body", ['a,b\n1,"open\n2,3\n', 'a,b\n1,"x"y\n'])
def test_broken_quoting_ends_the_file(body: str) -> None:
    """After a quote that is never closed, or closed too early, nothing more is believed."""
    found = table(body)
    (problem,) = found
    assert isinstance(problem, Problem)
    assert problem.line == 2
    assert found.broken


def test_the_source_stays_open() -> None:
    """The table lets go of a source that is not its own."""
    source = io.BytesIO(b"a,b\n1,2\n")
    Table(source, ("a", "b"), ()).close()
    assert not source.closed
