"""What commands print: tables and lists for people, plain when no terminal reads them, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click

from carddav_msg.cli.failures import Failure

Cell = str | int | bool
"""What a table shows: a text, a number, or a state, which is drawn as ✓ or ✗."""

_GAP: Final = "  "
_MARKS: Final = {True: ("✓", "green"), False: ("✗", "red")}


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """A table with a header; without rows, the sentence `empty` on stderr."""
    kept = list(rows)
    if not kept:
        click.echo(empty, err=True)
    elif _on_terminal():
        _draw(columns, kept)
    else:
        _align([list(columns), *([_plain(cell) for cell in row] for row in kept)])


def pairs(items: Iterable[tuple[str, Cell]]) -> None:
    """Names and values, one a line; empty texts are left out."""
    kept = [(name, value) for name, value in items if value != ""]
    if _on_terminal():
        _draw((), kept)
    else:
        _align([[f"{name}:", _plain(value)] for name, value in kept])


def as_json(value: object) -> None:
    """The value as JSON, for scripts; sets become sorted lists."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=sorted))


def json_lines(values: Iterable[object]) -> None:
    """A JSON array written as it comes, one value a line, so that its length does not matter."""
    opened = False
    for value in values:
        click.echo(",\n" if opened else "[\n", nl=False)
        click.echo(json.dumps(value, ensure_ascii=False), nl=False)
        opened = True
    click.echo("\n]" if opened else "[]")


def done(sentence: str) -> None:
    """Says what was done."""
    if _on_terminal() and _can_draw():
        click.secho("✓ ", fg="green", nl=False)
    click.echo(sentence)


def warn(sentence: str) -> None:
    """A hint beside the output, on stderr."""
    click.echo(sentence, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Asks, unless `yes` was given; ends the command when the answer is no or nobody can answer."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        raise Failure(["Nothing was changed, as nobody answered. Give --yes to go on without being asked."]) from None
    if not agreed:
        raise Failure(["Nothing was changed."])


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _can_draw() -> bool:
    try:
        "✓✗─".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plain(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return " ".join(str(cell).split("\n")).replace("\t", " ")


def _align(rows: Sequence[Sequence[str]]) -> None:
    """Columns under each other, as wide as needed: nothing is cut off that a script may look for."""
    from rich.cells import cell_len  # CJK characters take two places

    widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        line = _GAP.join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _draw(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD if columns else None, show_header=bool(columns), pad_edge=False)
    for place in range(len(rows[0])):
        right = all(type(row[place]) is int for row in rows)
        drawn.add_column(
            columns[place] if columns else "",
            justify="right" if right else "left",
            overflow="fold",
            style="bold" if place == 0 else "",
            no_wrap=place == 0,
        )
    for row in rows:
        cells = []
        for cell in row:
            mark, style = _MARKS[cell] if isinstance(cell, bool) and _can_draw() else (_drawable(cell), "")
            cells.append(Text(mark, style))
        drawn.add_row(*cells)
    Console(highlight=False).print(drawn)


def _drawable(cell: Cell) -> str:
    return _plain(cell) if isinstance(cell, bool) else str(cell)
