"""`carddav-msg why` and `user timeline`: what stands between two users, and what was seen of one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import shown_time
from carddav_msg.cli.options import complete_usernames, json_option, network_argument, username_argument
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.observations import Observation
from carddav_msg.services.explaining import Event


@click.command()
@network_argument
@click.argument("viewer", shell_complete=complete_usernames)
@click.argument("target", shell_complete=complete_usernames)
@click.option("--all", "everything", is_flag=True, help="Show what is fine, too.")
@json_option
@pass_state
def why(state: State, network: str, viewer: str, target: str, everything: bool, as_json: bool) -> None:
    """Say why VIEWER of NETWORK does not see TARGET in chat: the causes in their order, each with its fix.

    What phones did is known for `observation_days`; visits are written within seconds, the same ones once an hour.
    """
    found = state.services.explaining.why(network, viewer, target)
    if as_json:
        output.as_json(
            {
                "viewer": found.viewer,
                "target": found.target,
                "causes": [finding.check for finding in found.causes],
                "findings": [asdict(finding) for finding in found.findings],
            }
        )
        return
    if not found.causes:
        output.done(f"Nothing is known here that keeps {found.viewer} from seeing {found.target}.")
    shown = found.findings if everything or not found.causes else found.causes
    output.table(("Check", "", "What is seen", "What to do"), [(f.check, f.ok, f.text, f.fix) for f in shown], empty="")


@click.command()
@network_argument
@username_argument
@json_option
@pass_state
def timeline(state: State, network: str, username: str, as_json: bool) -> None:
    """Show what was last seen of USERNAME in NETWORK on each face and what was changed, the oldest first."""
    events = state.services.explaining.timeline(network, username)
    if as_json:
        output.as_json([_as_json(event) for event in events])
        return
    output.table(
        ("When", "What", "How", "By"),
        [(shown_time(event.at), *_cells(event)) for event in events],
        empty="Nothing was seen of the user, and nothing was changed.",
    )


def _cells(event: Event) -> tuple[str, str, str]:
    if event.entry is not None:
        actor = event.entry.actor
        return event.entry.action, event.entry.after or event.entry.before, f"{actor.name} ({actor.face})"
    assert event.observation is not None
    seen = event.observation
    what = f"{seen.face}: {f'refused, {seen.reason}' if seen.reason else 'let in'}"
    return what, _told(seen), seen.agent


def _told(seen: Observation) -> str:
    """What is known of a visit beside its outcome."""
    parts = [("as", seen.login), ("device", seen.device), ("app", seen.cloud_id), ("Network ID", seen.network_id)]
    return ", ".join(f"{name} {value}" for name, value in parts if value)


def _as_json(event: Event) -> dict[str, Any]:
    if event.entry is not None:
        entry = event.entry
        values = {"action": entry.action, "before": entry.before, "after": entry.after, "actor": entry.actor.name}
        return {"at": shown_time(event.at), "kind": "change", **values}
    assert event.observation is not None
    values = {
        name: value
        for name, value in asdict(event.observation).items()
        if value and name not in ("user", "at", "book", "seq")
    }
    return {"at": shown_time(event.at), "kind": "visit", **values}
