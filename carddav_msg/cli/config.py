"""`carddav-msg config`: what the settings are."""

from __future__ import annotations

from dataclasses import fields

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import json_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.settings import Settings


@click.group()
def config() -> None:
    """Settings: show."""


@config.command()
@json_option
@pass_state
def show(state: State, as_json: bool) -> None:
    """Show every setting that counts now, from file, environment or default; secrets are masked."""
    masked = state.settings.masked()
    if as_json:
        output.as_json(masked)
        return
    defaults = {item.name: item.default for item in fields(Settings)}
    output.table(
        ("Setting", "Value", ""),
        [
            (name, _shown(value), "" if getattr(state.settings, name) == defaults[name] else "changed")
            for name, value in masked.items()
        ],
        empty="",
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
