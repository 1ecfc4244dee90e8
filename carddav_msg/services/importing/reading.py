"""Reading a CSV file as a stream: UTF-8 with or without a byte order mark, separated by commas or semicolons.

The line of a record is the physical line where it starts: line ends inside quotes move what follows.
"""

from __future__ import annotations

import csv
import difflib
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from carddav_msg.services.importing.report import Problem

_NOT_UTF8 = "is not UTF-8; save the file with this encoding."


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: the cells by column."""

    line: int
    cells: Mapping[str, str]


class Table:
    """A CSV file with a header. `problems` are those of the header; with any of them there are no records.

    `broken` becomes True when the quoting of a row is such that nothing behind it can be read.
    """

    def __init__(self, source: BinaryIO, known: Sequence[str], required: Sequence[str]) -> None:
        text = io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._text = text
        header = text.readline()
        delimiter = ";" if header.count(";") > header.count(",") else ","
        self._reader = csv.reader(itertools.chain([header], text), delimiter=delimiter, strict=True)
        self.columns: tuple[str, ...] = ()
        self.broken = False
        self.problems = self._read_header(known, required)

    def _read_header(self, known: Sequence[str], required: Sequence[str]) -> list[Problem]:
        try:
            cells = next(self._reader, [])
        except csv.Error as error:
            return [Problem(1, "", f"The header can't be read: {error}.")]
        if _undecodable(cells):
            return [Problem(1, "", f"The header {_NOT_UTF8}")]
        self.columns = tuple(cell.strip().lower() for cell in cells)
        problems = []
        for place, column in enumerate(self.columns):
            if column in self.columns[:place]:
                problems.append(Problem(1, column, "is there twice."))
            elif column not in known:
                nearest = difflib.get_close_matches(column, known, 1, 0.0)[0]
                problems.append(Problem(1, column[:60], f"is no column of an import; did you mean {nearest}?"))
        problems += [Problem(1, name, "is missing from the header.") for name in required if name not in self.columns]
        return problems

    def __iter__(self) -> Iterator[Record | Problem]:
        """The records in order, and for a row that is none its problem."""
        if self.problems:
            return
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                self.broken = True
                yield Problem(line, "", f"The row can't be read ({error}); the rest of the file was not looked at.")
                return
            if cells is None:
                return
            if any(cells):
                yield self._record(line, cells)

    def _record(self, line: int, cells: list[str]) -> Record | Problem:
        if len(cells) != len(self.columns):
            return Problem(line, "", f"The row has {len(cells)} cells, the header has {len(self.columns)}.")
        if _undecodable(cells):
            return Problem(line, "", f"The row {_NOT_UTF8}")
        return Record(line, dict(zip(self.columns, cells, strict=True)))

    def close(self) -> None:
        """Lets go of the source, which stays open."""
        self._text.detach()


def _undecodable(cells: Sequence[str]) -> bool:
    return any("\ud800" <= character <= "\udfff" for cell in cells if not cell.isascii() for character in cell)
