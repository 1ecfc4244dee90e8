"""`carddav-msg keys`: the keys of the installation."""

from __future__ import annotations

from pathlib import Path

import click

from carddav_msg.cli import output
from carddav_msg.cli.failures import Failure
from carddav_msg.cli.options import json_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.errors import Unavailable


@click.group()
def keys() -> None:
    """Keys that protect secrets: init, check."""


@keys.command()
@pass_state
def init(state: State) -> None:
    """Make the keys file of a new installation; one that exists is never overwritten."""
    from carddav_msg.credentials import keyring

    settings = state.settings
    if settings.keys:
        raise Failure(["The keys come from CARDDAV_MSG_KEYS, so no keys file is read; there is nothing to make."])
    path = Path(settings.keys_file)
    if path.exists():
        raise Failure([f"There is a keys file at {path} already; it is never overwritten."])
    try:
        known = _known(state)
    except Unavailable:  # nothing is known of a database without schema, and `serve` compares again
        known = {}
    if known:
        raise Failure(["The database was written with other keys; restore their file, new ones can't open it."])
    try:
        keyring.write(path, keyring.generate())
    except FileExistsError:
        raise Failure([f"There is a keys file at {path} already; it is never overwritten."]) from None
    output.done(f"Made the keys file {path}. Keep a copy of it, apart from copies of the database.")


@keys.command()
@json_option
@pass_state
def check(state: State, as_json: bool) -> None:
    """Compare the keys with those that the database was written with; exit code 1 when they don't fit."""
    from carddav_msg import bootstrap
    from carddav_msg.credentials import keyring

    have = bootstrap.load_keyring(state.settings)
    known = _known(state)
    problems = keyring.compare(have, known)
    rows = [(key.key_id, key.purpose, have.current(key.purpose) is key, key.key_id in known) for key in have.keys]
    if as_json:
        names = ("key_id", "purpose", "current", "known_to_database")
        output.as_json({"keys": [dict(zip(names, row, strict=True)) for row in rows], "problems": problems})
    else:
        output.table(("Key", "Purpose", "Current", "Known to the database"), rows, empty="There are no keys.")
    if problems:
        raise Failure([*problems, "Restore the keys file that belongs to this database."])


def _known(state: State) -> dict[str, tuple[str, str]]:
    """The keys that the database knows; none while it does not exist or has no schema yet."""
    from carddav_msg import bootstrap

    if bootstrap.is_new_database(state.settings):
        return {}
    directory = bootstrap.open_directory(state.settings)
    try:
        if problem := directory.ready():
            raise Unavailable(problem)
        return directory.key_checks()
    finally:
        directory.close()
