"""Importing users: three passes over one file, and nothing of it is kept when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.importing.columns import KNOWN, REQUIRED
from carddav_msg.services.importing.hashing import HashSettings, hash_passwords
from carddav_msg.services.importing.reading import Table
from carddav_msg.services.importing.rehearsal import Outcome, rehearse
from carddav_msg.services.importing.report import Listener, Options, Problem, Report
from carddav_msg.services.importing.staging import Run, run_name, stage
from carddav_msg.services.importing.validation import Seal
from carddav_msg.services.importing.writing import write


def import_users(
    directory: Directory,
    renderer: Renderer,
    keyring: Keyring,
    hash_settings: HashSettings,
    source: BinaryIO,
    options: Options,
    listener: Listener,
) -> Report:
    """See `Importing.import_users`."""
    table = Table(source, KNOWN, REQUIRED)
    try:
        if table.problems:
            return Report(written=False, problems=tuple(table.problems))
        with run_name(directory) as name:
            run = Run(name, options, keyring, Seal(), listener)
            stage(directory, table, run)
            if run.problems and (table.broken or not options.skip_rows):
                _rehearse(directory, run)  # names that clash belong to "all problems at once"
                return _refused(run)
            outcome = _rehearse(directory, run)
            if outcome.refusal or (run.problems and not options.skip_rows):
                return _refused(run, outcome.refusal)
            if to_hash := outcome.counts["to hash"]:
                hash_passwords(directory, run, hash_settings, to_hash)
            if options.dry_run:
                return _report(run, rehearse(directory, run, tell=True).counts, written=False)
            return _report(run, directory.transact(lambda transaction: write(transaction, renderer, run)), written=True)
    finally:
        table.close()


def _rehearse(directory: Directory, run: Run) -> Outcome:
    """Plays the import through until no further row has to be left out."""
    while True:
        outcome = rehearse(directory, run)
        if not outcome.problems:
            return outcome
        run.refuse(list(outcome.problems))
        if not run.options.skip_rows:
            return outcome


def _refused(run: Run, refusal: Problem | None = None) -> Report:
    report = _report(run, {}, written=False)
    return replace(report, skipped=(), problems=report.problems + ((refusal,) if refusal else ()))


def _report(run: Run, counts: dict[str, int], *, written: bool) -> Report:
    problems = sorted(run.problems, key=lambda problem: problem.line)
    if run.options.mirror and run.unknown:
        problems.append(Problem(0, "", "Nobody was disabled: of a row left out nobody can tell whom it means."))
    return Report(
        written=written,
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        unchanged=counts.get("unchanged", 0),
        disabled=counts.get("disabled", 0),
        skipped=tuple(sorted(run.skipped)),
        problems=tuple(problems),
    )
