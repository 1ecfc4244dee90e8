"""A statement written in Core, compiled once for a dialect, to be run on the driver's connection.

A statement that is rebuilt for each call costs more than the database's answer to it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect


class Statement:
    """The text of a statement, and how its parameters and its rows are called."""

    __slots__ = ("constants", "in_order", "row", "sql")

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every executable has it
        self.sql: str = compiled.string
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}
        self.in_order = _in_order(compiled.positiontup or ()) if compiled.positional else None
        columns = [name for _, name, *_ in compiled._result_columns]
        self.row: Any = namedtuple("Row", columns, rename=True) if columns else None  # made at run time

    def bind(self, parameters: dict[str, Any]) -> Any:
        """The parameters as the driver wants them."""
        if self.constants:
            parameters = {**self.constants, **parameters}
        return parameters if self.in_order is None else self.in_order(parameters)


def _in_order(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Gives the values of these names."""
    if len(names) > 1:
        return itemgetter(*names)  # of one name it would give no tuple
    return lambda parameters: tuple([parameters[name] for name in names])
