"""Importing networks: few rows, so they are read into memory; one transaction writes them all or none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.identifiers import (
    fold,
    parse_cloud_id,
    parse_country,
    parse_host,
    parse_network_id,
    parse_sip_host,
)
from carddav_msg.domain.network import CREDENTIALS_IN_QUERY, REFRESH_DENIED, Network, effective_id
from carddav_msg.domain.user import parse_profile_field, parse_text
from carddav_msg.errors import AlreadyExists, InvalidValue
from carddav_msg.publishing.networks import add_network, save_network
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.importing.columns import parse_flag
from carddav_msg.services.importing.reading import Record, Table
from carddav_msg.services.importing.report import Change, Difference, Listener, Options, Problem, Report


def _list(parse: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def read(cell: str) -> tuple[str, ...]:
        return tuple(sorted({parse(part) for part in cell.split("|") if part.strip()}))

    return read


def _flag(name: str) -> Callable[[str], bool | None]:
    return lambda cell: parse_flag(cell, name)


def _choice(cell: str, name: str, choices: tuple[str, ...]) -> str | None:
    """One of a few words; an empty cell says nothing."""
    word = cell.strip().lower()
    if word and word not in choices:
        raise InvalidValue(name, f"is none of {', '.join(choices)}.")
    return word or None


COLUMNS: Final[dict[str, Callable[[str], Any]]] = {
    "network_id": parse_network_id,
    "name": lambda cell: parse_text(cell, "name"),
    "sip_host": lambda cell: parse_sip_host(cell) if cell.strip() else "",
    "domains": _list(parse_host),
    "cloud_ids": _list(parse_cloud_id),
    "country": parse_country,
    "single_tenant": _flag("single_tenant"),
    "staff": _flag("staff"),
    "auto_link": _flag("auto_link"),
    "link_extensions": _flag("link_extensions"),
    "omit_network_id": _flag("omit_network_id"),
    "contacts_nodes": _flag("contacts_nodes"),
    "refresh_denied": lambda cell: _choice(cell, "refresh_denied", REFRESH_DENIED),
    "credentials_in_query": lambda cell: _choice(cell, "credentials_in_query", CREDENTIALS_IN_QUERY),
    "source_name": lambda cell: parse_text(cell, "source_name"),
    "source_owned": lambda cell: frozenset(_list(parse_profile_field)(cell)),
}
"""Column → how its cell is read; each is a field of the network. None means "says nothing"."""
REQUIRED: Final = ("network_id",)


class _RollBack(Exception):
    """Ends a transaction of which nothing is to stay."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]


def import_networks(
    directory: Directory, renderer: Renderer, source: BinaryIO, options: Options, listener: Listener
) -> Report:
    """See `Importing.import_networks`."""
    table = Table(source, tuple(COLUMNS), REQUIRED)
    try:
        if table.problems:
            return Report(written=False, problems=tuple(table.problems))
        rows, problems = _read(table)
    finally:
        table.close()
    listener.step("Writing", len(rows))
    outcome: list[_Outcome] = []

    def keep() -> bool:
        found = [*problems, *outcome[-1].problems]
        return not options.dry_run and not table.broken and (options.skip_rows or not found)

    def work(transaction: Transaction) -> None:
        outcome.append(_write(transaction, renderer, directory, rows))
        if not keep():
            raise _RollBack

    with suppress(_RollBack):
        directory.transact(work)
    listener.advance(len(rows))
    problems = sorted([*problems, *outcome[-1].problems], key=lambda problem: problem.line)
    if table.broken or (problems and not options.skip_rows):
        return Report(written=False, problems=tuple(problems))
    if options.dry_run:
        for difference in outcome[-1].differences:
            listener.difference(difference)
    return _report(rows, outcome[-1], problems, written=keep())


def _report(rows: list[_Row], outcome: _Outcome, problems: list[Problem], *, written: bool) -> Report:
    added = sum(difference.action == "added" for difference in outcome.differences)
    changed = len(outcome.differences) - added
    return Report(
        written=written,
        added=added,
        changed=changed,
        unchanged=len(rows) - len(outcome.problems) - added - changed,
        skipped=tuple(sorted({problem.line for problem in problems})),
        problems=tuple(problems),
    )


def _read(table: Table) -> tuple[list[_Row], list[Problem]]:
    rows: list[_Row] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for record in table:
        if isinstance(record, Problem):
            problems.append(record)
            continue
        values, found = _values(record)
        key = fold(values.get("network_id", ""))
        if not found and key in lines:
            found = [
                Problem(record.line, "network_id", f"is that of line {lines[key]} (upper and lower case are the same).")
            ]
        if found:
            problems += found
        else:
            lines[key] = record.line
            rows.append(_Row(record.line, values))
    return rows, problems


def _values(record: Record) -> tuple[dict[str, Any], list[Problem]]:
    values, problems = {}, []
    for name, cell in record.cells.items():
        try:
            value = COLUMNS[name](cell)
            if value is not None:
                values[name] = value
        except InvalidValue as error:
            problems.append(Problem(record.line, name, error.message))
    return values, problems


def _write(transaction: Transaction, renderer: Renderer, directory: Directory, rows: list[_Row]) -> _Outcome:
    """Writes every row that can be written. A row that takes what a later one gives up is tried again after it."""
    known = {fold(network.network_id): network.id for network in directory.networks()}
    locked = {
        row: transaction.lock_network(row, exclusive=True)
        for row in sorted(known[key] for key in {fold(row.values["network_id"]) for row in rows} & known.keys())
    }
    differences: list[Difference] = []
    waiting, problems = list(rows), list[Problem]()
    while waiting:
        again, problems = [], []
        for row in waiting:
            old = locked.get(known.get(fold(row.values["network_id"]), 0))
            try:
                difference = _write_row(transaction, renderer, row, old)
            except (AlreadyExists, InvalidValue) as error:
                problems.append(_problem(row.line, error))
                again.append(row)
            else:
                differences += [difference] if difference else []
        if len(again) == len(waiting):
            break
        waiting = again
    return _Outcome(tuple(differences), tuple(problems))


def _write_row(transaction: Transaction, renderer: Renderer, row: _Row, old: Network | None) -> Difference | None:
    if old and old.network_id != row.values["network_id"]:
        raise InvalidValue("network_id", f"is spelled {old.network_id!r} here; rename it with `network set`.")
    blank = Network(id=0, network_id=row.values["network_id"], name="", effective_id="")
    new = replace(old or blank, **row.values)
    new = replace(
        new,
        name=new.name or new.network_id,
        effective_id=effective_id(new.network_id, single_tenant=new.single_tenant, cloud_ids=new.cloud_ids),
    )
    if new == old:
        return None
    if old is None:
        add_network(transaction, new)
    else:
        save_network(transaction, renderer, new, old)
    changes = tuple(
        Change(name, _shown(old, name) if old else "", _shown(new, name))
        for name in COLUMNS
        if (_shown(old, name) if old else "") != _shown(new, name) and name in (*row.values, "name")
    )
    return Difference("changed" if old else "added", new.network_id, "", changes)


def _problem(line: int, error: AlreadyExists | InvalidValue) -> Problem:
    return (
        Problem(line, error.field, error.message) if isinstance(error, InvalidValue) else Problem(line, "", str(error))
    )


def _shown(network: Network, name: str) -> str:
    value = getattr(network, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "|".join(sorted(value)) if isinstance(value, (tuple, frozenset)) else str(value)
