"""`carddav-msg migrate` and `rebuild`: the database as a whole."""

from __future__ import annotations

import click

from carddav_msg.cli import output
from carddav_msg.cli.state import State, pass_state


@click.command()
@pass_state
def migrate(state: State) -> None:
    """Bring the database to the schema of this release.

    Servers of the release before may go on meanwhile."""
    from carddav_msg import bootstrap  # heavy, and alembic is only imported here

    before, after = bootstrap.migrate(state.settings)
    if before == after:
        output.done(f"The database has schema {after} already.")
    elif before is None:
        output.done(f"Made the schema {after} in the new database.")
    else:
        output.done(f"Brought the database from schema {before} to {after}.")


@click.command()
@pass_state
def rebuild(state: State) -> None:
    """Render every card again.

    That is due after some upgrades and changes of settings; `serve` starts it by itself then."""
    changed = state.services.administration.rebuild()
    output.done("1 card changed." if changed == 1 else f"{changed:,} cards changed.")
