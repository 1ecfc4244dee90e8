"""`carddav-msg audit`: who changed what."""

from __future__ import annotations

import csv
import difflib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import moment, shown_time
from carddav_msg.cli.options import complete_networks, json_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.audit import AuditEntry

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN: Final = 50
_WIDTH: Final = 120
_COLUMNS: Final = ("at", "actor", "face", "address", "action", "subject", "before", "after")


def _filters(command: F) -> F:
    for option in (
        click.option(
            "--since", callback=moment, default="", metavar="2h|DATE", help="Only what changed since then (UTC)."
        ),
        click.option("--subject", default="", metavar="TEXT", help="Only things whose names contain this."),
        click.option("--user", default="", metavar="LOGIN", help="Only what this login or account did."),
        click.option("--network", shell_complete=complete_networks, help="Only what concerns this network."),
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Who changed what, when and from where: list, export. `audit_days` says how long that is kept."""


@audit.command(name="list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), help=f"At most so many (default: {_SHOWN}, as JSON all).")
@json_option
@pass_state
def list_(
    state: State, network: str | None, user: str, subject: str, since: int, limit: int | None, as_json: bool
) -> None:
    """List changes with what was there before (-) and after (+), the newest first."""
    entries = _entries(state, network, user, subject, since)
    if as_json:
        output.json_lines(map(_as_json, itertools.islice(entries, limit)))
        return
    limit = limit or _SHOWN
    shown = 0
    for entry in itertools.islice(entries, limit):
        _show(entry)
        shown += 1
    if not shown:
        output.warn("Nothing of this kind was changed.")
    elif next(entries, None) is not None:
        output.warn("There are more: --limit shows more at once.")


@audit.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "form", type=click.Choice(("jsonl", "csv")), default="jsonl", show_default=True)
@_filters
@pass_state
def export(state: State, target: str, form: str, network: str | None, user: str, subject: str, since: int) -> None:
    """Write changes to FILE, which is replaced when all is written, or to standard output (-), the newest first."""
    entries = _entries(state, network, user, subject, since)
    with click.open_file(target, "w", encoding="utf-8", atomic=target != "-") as file:
        if form == "csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(_cells(entry) for entry in entries)
        else:
            for entry in entries:
                file.write(json.dumps(_as_json(entry), ensure_ascii=False) + "\n")


def _entries(state: State, network: str | None, user: str, subject: str, since: int) -> Iterator[AuditEntry]:
    return state.services.administration.audit.entries(network_id=network, actor=user, subject=subject, since=since)


def _show(entry: AuditEntry) -> None:
    actor = entry.actor
    place = f"{actor.face}, {actor.address}" if actor.address else actor.face
    click.echo(f"{shown_time(entry.at)}  {actor.name} ({place})  {entry.action}: {entry.subject}")
    for line in _difference(_parsed(entry.before), _parsed(entry.after)):
        click.secho(f"    {line}", fg="red" if line[0] == "-" else "green")


def _difference(before: object, after: object) -> Iterator[str]:
    """Lines of a diff: of fields that differ, or of two vCards."""
    if isinstance(before, str) and isinstance(after, str):
        lines = difflib.ndiff(_unfolded(before), _unfolded(after))
        yield from (_cut(line) for line in lines if line[0] in "-+")
        return
    old, new = (value if isinstance(value, dict) else {} for value in (before, after))
    for name in dict.fromkeys([*old, *new]):
        for mark, values in (("-", old), ("+", new)):
            if name in values:
                yield _cut(f"{mark} {name}: {_shown(values[name])}")


def _unfolded(card: str) -> list[str]:
    return card.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").splitlines()


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _shown(value: object) -> str:
    """A field's value; of records in a list only what is filled."""
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items() if part) or "none"
    return json.dumps(value, ensure_ascii=False)


def _parsed(text: str) -> object:
    """The fields that an entry holds as JSON, or the vCard as it is."""
    return json.loads(text) if text.startswith("{") else text


def _as_json(entry: AuditEntry) -> dict[str, object]:
    values = dict(zip(_COLUMNS, _cells(entry), strict=True))
    return values | {"before": _parsed(entry.before) or None, "after": _parsed(entry.after) or None}


def _cells(entry: AuditEntry) -> Iterable[str]:
    actor = entry.actor
    head = (shown_time(entry.at), actor.name, actor.face, actor.address)
    return (*head, entry.action, entry.subject, entry.before, entry.after)
