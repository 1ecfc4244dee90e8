"""`carddav-msg import`: networks and users from CSV files.

Exit codes: 0 when the file is in the directory (or a dry run found nothing wrong), 1 when nothing was written because
of problems, 3 when rows with problems were left out and the rest was written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO, Final, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import json_option
from carddav_msg.cli.progress import Meter
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.identifiers import login_of
from carddav_msg.errors import InvalidValue
from carddav_msg.services.importing.report import Change, Difference, Limit, Listener, Options, Report, parse_limit

F = TypeVar("F", bound=Callable[..., Any])
PROBLEMS: Final = 1
SKIPPED: Final = 3
_NAMES: Final = ("display_name", "name")
_WORDS: Final = {"added": "add", "changed": "change", "disabled": "disable"}


def _file_options(command: F) -> F:
    """What both imports take."""
    for option in (
        json_option,
        click.option(
            "--on-error",
            type=click.Choice(("abort", "skip-row")),
            default="abort",
            show_default=True,
            help="With a problem in a row: write nothing, or go on without the row (exit code 3).",
        ),
        click.option("--dry-run", is_flag=True, help="Show what would be different, and write nothing."),
        click.argument("file", type=click.File("rb")),
    ):
        command = option(command)
    return command


def _limit(ctx: click.Context, param: click.Parameter, text: str) -> Limit:
    try:
        return parse_limit(text)
    except InvalidValue as error:
        raise click.BadParameter(error.message) from None


@click.group(name="import")
def import_group() -> None:
    """Bring in CSV files: networks, users. Columns and rules: docs/import.md."""


@import_group.command()
@_file_options
@pass_state
def networks(state: State, file: BinaryIO, dry_run: bool, on_error: str, as_json: bool) -> None:
    """Add and change the networks of FILE (- reads standard input)."""
    options = Options(dry_run=dry_run, skip_rows=on_error == "skip-row")
    _run(state, "network", options, as_json, lambda told: state.services.importing.import_networks(file, options, told))


@import_group.command()
@_file_options
@click.option("--set-passwords", is_flag=True, help="Set the passwords of users who exist already too.")
@click.option(
    "--mode",
    type=click.Choice(("update", "mirror")),
    default="update",
    show_default=True,
    help="mirror: disable users of the file's networks who are missing from it.",
)
@click.option(
    "--max-removals",
    callback=_limit,
    default="5%",
    show_default=True,
    metavar="N|N%",
    help="With --mode mirror: refuse to disable more users than this.",
)
@pass_state
def users(
    state: State,
    file: BinaryIO,
    dry_run: bool,
    on_error: str,
    as_json: bool,
    set_passwords: bool,
    mode: str,
    max_removals: Limit,
) -> None:
    """Add and change the users of FILE (- reads standard input)."""
    options = Options(
        dry_run=dry_run,
        skip_rows=on_error == "skip-row",
        set_passwords=set_passwords,
        mirror=mode == "mirror",
        max_removals=max_removals,
    )
    _run(state, "user", options, as_json, lambda told: state.services.importing.import_users(file, options, told))


class _Told(Meter):
    """Shows progress, and the differences of a dry run as they are found."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._told = 0

    def difference(self, difference: Difference) -> None:
        """Writes one difference."""
        self.stop()
        if self._as_json:
            click.echo(",\n  " if self._told else '{"differences": [\n  ', nl=False)
            click.echo(json.dumps(_difference(difference), ensure_ascii=False), nl=False)
        else:
            click.echo(_line(difference))
        self._told += 1

    def end(self, report: Report) -> None:
        """Writes the report as JSON, behind the differences."""
        opening = "\n], " if self._told else '{"differences": [], '
        click.echo(opening + json.dumps(asdict(report), ensure_ascii=False)[1:])


def _run(state: State, noun: str, options: Options, as_json: bool, work: Callable[[Listener], Report]) -> None:
    with _Told(as_json=as_json) as told:
        report = work(told)
    if as_json:
        told.end(report)
    for problem in report.problems:
        output.warn(str(problem))
    refused = bool(report.problems) and not (
        report.written or (options.dry_run and options.skip_rows and report.skipped)
    )
    if refused:
        output.warn(f"{_count(len(report.problems), 'problem')}; nothing was written.")
    elif not as_json:
        output.done(_summary(report, noun, dry_run=options.dry_run))
    if report.skipped and not refused:
        lines = ", ".join(map(str, report.skipped[:20])) + (", …" if len(report.skipped) > 20 else "")
        output.warn(f"{_count(len(report.skipped), 'row')} left out: line {lines}.")
    if refused or report.skipped:
        click.get_current_context().exit(PROBLEMS if refused else SKIPPED)


def _summary(report: Report, noun: str, *, dry_run: bool) -> str:
    parts = [f"{report.added:,} added", f"{report.changed:,} changed", f"{report.unchanged:,} unchanged"]
    if report.disabled:
        parts.append(f"{report.disabled:,} disabled")
    total = report.added + report.changed + report.unchanged
    return f"{'Dry run, nothing was written: ' if dry_run else ''}{_count(total, noun)}: {', '.join(parts)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _line(difference: Difference) -> str:
    name = login_of(difference.network_id, difference.name) if difference.name else difference.network_id
    if difference.action == "added":  # all of it is new: the name will do
        changes = "".join(_quoted(change.new) for change in difference.changes if change.field in _NAMES)
    else:
        changes = "; ".join(map(_change, difference.changes))
    return f"{_WORDS[difference.action]} {name}{': ' if changes else ''}{changes}"


def _change(change: Change) -> str:
    if change.secret:
        return f"{change.field}: changed"
    return f"{change.field}: {_quoted(change.old)} → {_quoted(change.new)}"


def _quoted(text: str) -> str:
    """In quotes, with line ends and control characters escaped."""
    return json.dumps(text, ensure_ascii=False) if text else "(empty)"


def _difference(difference: Difference) -> dict[str, object]:
    values = {"action": difference.action, "network_id": difference.network_id}
    changes = {
        change.field: {"changed": True} if change.secret else {"old": change.old, "new": change.new}
        for change in difference.changes
    }
    return values | ({"cloud_username": difference.name} if difference.name else {}) | {"changes": changes}
