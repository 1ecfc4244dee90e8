"""The first pass: the file is read once, as a stream, and its rows are staged; every problem is collected."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import StagedRow
from carddav_msg.domain.network import Network
from carddav_msg.services.importing.reading import Table
from carddav_msg.services.importing.report import Listener, Options, Problem
from carddav_msg.services.importing.validation import Seal, load_values, names_of, read_row

BATCH: Final = 500
_DAY: Final = 86_400


@dataclass(slots=True)
class Run:
    """One import under way. What grows here grows with the problems and the renames of a file, never with its rows.

    `skipped` are lines that are left out; `spared` says whom such rows mean: (network, column, key). `unknown` is True
    when a row was left out of which nobody can tell whom it means. `rows` counts what was staged.
    """

    name: str
    options: Options
    keyring: Keyring
    seal: Seal
    listener: Listener
    rows: int = 0
    networks: dict[int, Network] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    skipped: set[int] = field(default_factory=set)
    spared: set[tuple[int, str, str]] = field(default_factory=set)
    unknown: bool = False

    def refuse(self, problems: list[Problem]) -> None:
        """Notes what is wrong with rows, which are left out from now on."""
        self.problems += problems
        self.skipped.update(problem.line for problem in problems if problem.line)


@contextmanager
def run_name(directory: Directory) -> Iterator[str]:
    """The name of a new run; at the end its rows are discarded, and at the start those of runs that died long ago."""
    now = time.time()

    def name_at(seconds: float) -> str:
        return f"{int(seconds):012d}"

    name = f"{name_at(now)}-{os.urandom(6).hex()}"
    directory.transact(lambda transaction: transaction.discard_staged_before(name_at(now - _DAY)))
    try:
        yield name
    finally:
        directory.transact(lambda transaction: transaction.discard_staged(name))


def stage(directory: Directory, table: Table, run: Run) -> None:
    """Reads the file and stages its rows; problems go to the run."""
    run.listener.step("Reading", None)
    known: dict[str, Network | None] = {}
    batch: list[StagedRow] = []
    for record in table:
        if isinstance(record, Problem):
            run.refuse([record])
            run.unknown = True
            continue
        cell = record.cells["network_id"].strip()
        if cell not in known:
            known[cell] = directory.network(cell) if cell else None
        network = known[cell]
        row = read_row(record, network, run.keyring, run.seal)
        if isinstance(row, StagedRow):
            batch.append(row)
            if len(batch) == BATCH:
                _store(directory, run, batch)
        else:
            run.refuse(row)
            names = names_of(record, network) if network else set()
            run.spared |= names
            run.unknown = run.unknown or not names
    _store(directory, run, batch)
    run.networks = {network.id: network for network in known.values() if network}
    conflicts = directory.transact(lambda transaction: transaction.staged_conflicts(run.name))
    run.refuse([Problem(line, "", f"The row {sentence}") for line, sentence in conflicts])


def _store(directory: Directory, run: Run, batch: list[StagedRow]) -> None:
    rows = tuple(batch)
    batch.clear()
    if not rows:
        return
    names = {row.line: row for row in rows}
    for line, first in directory.transact(lambda transaction: transaction.stage(run.name, rows)):
        name = load_values(names.pop(line)).columns["cloud_username"]
        sentence = f"{name!r} is the user of line {first} already; upper and lower case are the same."
        run.refuse([Problem(line, "cloud_username", sentence)])
    run.rows += len(names)
    run.listener.advance(len(rows))
