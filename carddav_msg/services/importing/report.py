"""What an import is told, what it tells while it runs, and what it says at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from carddav_msg.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Limit:
    """How many users an import may disable: a number, or a percentage of the enabled users of the file's networks."""

    amount: float
    percent: bool

    def allows(self, removals: int, users: int) -> bool:
        """True when so many of so many users may go."""
        return removals <= (users * self.amount / 100 if self.percent else self.amount)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percent else ''}"


def parse_limit(text: str) -> Limit:
    """`5%` or `20`; InvalidValue otherwise."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*", text, re.ASCII)
    if not match or (match[2] and float(match[1]) > 100) or (not match[2] and "." in match[1]):
        raise InvalidValue("max-removals", f"{text[:20]!r} is neither a number such as 20 nor a percentage such as 5%.")
    return Limit(float(match[1]), bool(match[2]))


@dataclass(frozen=True, slots=True)
class Options:
    """How an import is done; `skip_rows`: go on without rows that have problems; `mirror`: disable who is missing."""

    dry_run: bool = False
    skip_rows: bool = False
    set_passwords: bool = False
    mirror: bool = False
    max_removals: Limit = Limit(5, percent=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row; `line` is where its record starts, 0 for the file as a whole; `field` is a column."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.field}: {self.message}" if self.field else f"{place}{self.message}"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that an import changes, as texts of its column; of a `secret` one neither text is told."""

    field: str
    old: str
    new: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import does to one user or network: `added`, `changed` or `disabled`. `name` is empty for a network."""

    action: str
    network_id: str
    name: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome: counts of users (or networks), lines left out, and every problem. `written`: it is in the directory.

    With problems nothing was written, unless rows with problems were to be skipped: then `skipped` has their lines.
    """

    written: bool
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    disabled: int = 0
    skipped: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()


class Listener(Protocol):
    """Hears how an import goes on."""

    def step(self, name: str, total: int | None) -> None:
        """A step begins; `total` is how much `advance` will add up to, None when nobody knows."""

    def advance(self, count: int) -> None:
        """So many rows of the step are done."""

    def difference(self, difference: Difference) -> None:
        """What a dry run found."""


class Silent:
    """A listener that does nothing."""

    def step(self, name: str, total: int | None) -> None:
        """See Listener."""

    def advance(self, count: int) -> None:
        """See Listener."""

    def difference(self, difference: Difference) -> None:
        """See Listener."""
