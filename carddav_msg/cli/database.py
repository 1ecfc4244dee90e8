"""`carddav-msg migrate`, `rebuild` and `restored`: the database as a whole."""

from __future__ import annotations

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import yes_option
from carddav_msg.cli.progress import Meter
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
@click.option("--due", is_flag=True, help="Only what is not rendered by this release and with these settings yet.")
@pass_state
def rebuild(state: State, due: bool) -> None:
    """Render every card again, and get those that differ to all clients.

    That is due after some upgrades and changes of settings; `serve` starts it by itself then. Without --due, settings
    that were in force before come into force again: servers with other ones refuse changes until they are restarted.
    """
    with Meter() as meter:
        changed = state.services.administration.rebuild(meter, everything=not due)
    output.done("1 card changed." if changed == 1 else f"{changed:,} cards changed.")


@click.command()
@yes_option
@pass_state
def restored(state: State, yes: bool) -> None:
    """Make every client sync anew, once a backup of the database was restored; asks first.

    Clients hold sync tokens of changes that are lost now. With them they would miss what changes next, or keep what no
    longer exists. This gives every address book a new epoch: old tokens are refused, and each client compares its cards
    with the server's once. What a client had written after the backup and the server lost is gone from the client too.
    Restart the servers afterwards.
    """
    administration = state.services.administration
    output.confirm("Was a backup of the database restored, so that every client has to sync anew?", yes=yes)
    books = administration.restored()
    output.done(f"{'1 address book has' if books == 1 else f'{books:,} address books have'} a new epoch.")
