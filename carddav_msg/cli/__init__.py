"""The `carddav-msg` command: parses, calls a service, shows what came of it. One module for each noun."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from carddav_msg import __version__
from carddav_msg.cli.allowlist import allowlist
from carddav_msg.cli.audit import audit
from carddav_msg.cli.book import book
from carddav_msg.cli.card import card
from carddav_msg.cli.completion import PROGRAM, completion
from carddav_msg.cli.config import config as config_group
from carddav_msg.cli.database import migrate, rebuild, restored
from carddav_msg.cli.doctor import doctor
from carddav_msg.cli.export import export
from carddav_msg.cli.failures import Commands
from carddav_msg.cli.grant import grant
from carddav_msg.cli.importing import import_group
from carddav_msg.cli.keys import keys
from carddav_msg.cli.metrics import serve_metrics
from carddav_msg.cli.network import network
from carddav_msg.cli.portal import portal
from carddav_msg.cli.server import serve
from carddav_msg.cli.state import State
from carddav_msg.cli.user import user
from carddav_msg.cli.view import view
from carddav_msg.cli.why import timeline, why


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The TOML file with the settings (default: the one that CARDDAV_MSG_CONFIG names).",
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def commands(ctx: click.Context, config: Path | None) -> None:
    """One user directory for CardDAV, Web Service Contacts, External Provisioning and External Authentication."""
    state = State(config)
    ctx.obj = state
    ctx.call_on_close(state.close)


for _command in (
    allowlist,
    audit,
    book,
    card,
    completion,
    config_group,
    doctor,
    export,
    grant,
    import_group,
    keys,
    migrate,
    network,
    portal,
    rebuild,
    restored,
    serve,
    serve_metrics,
    user,
    view,
    why,
):
    commands.add_command(_command)
user.add_command(timeline)


def main() -> None:
    """The entry point. A terminal that can't show a character gets an escape, not a failure."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # real streams when run as a program
    commands(prog_name=PROGRAM)
