"""How far a long command is: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LINE_EVERY: Final = 1000


class Meter:
    """Shows the steps of a command: `step` begins one, `advance` counts in it, `stop` makes room for other output."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._total, self._done = "", "", 0
        self._silent = False

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            # Standard output stays as it is: it may be a pipe that a script reads.
            self._bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=False, transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def step(self, name: str, total: int | None) -> None:
        """A step begins; `total` is None when nobody knows how much there is to do."""
        self._name, self._total, self._done = name, "" if total is None else f" of {total:,}", 0
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(name, total=total)
        elif not self._silent:
            click.echo(f"{name} …", err=True)

    def advance(self, count: int) -> None:
        """So much more of the step is done."""
        before, self._done = self._done, self._done + count
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)
        elif not self._silent and before // _LINE_EVERY != self._done // _LINE_EVERY:
            click.echo(f"{self._name}: {self._done:,}{self._total}", err=True)

    def stop(self) -> None:
        """Takes the bar away; nothing more is shown."""
        self._silent = True
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
