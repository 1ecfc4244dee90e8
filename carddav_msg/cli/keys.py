"""`carddav-msg keys`: the keys of the installation."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from carddav_msg.cli import output
from carddav_msg.cli.actor import actor
from carddav_msg.cli.failures import Failure
from carddav_msg.cli.options import json_option, yes_option
from carddav_msg.cli.progress import Meter
from carddav_msg.cli.state import State, pass_state
from carddav_msg.directory.signin import KeyUse
from carddav_msg.errors import Unavailable

if TYPE_CHECKING:
    from carddav_msg.credentials.keyring import Key

_PURPOSES: Final = ("sip", "device", "memory")
_LOST: Final = "If there is no copy of it anywhere: carddav-msg keys lost."


@click.group()
def keys() -> None:
    """Keys that protect secrets: init, check, rotate, retire, lost."""


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
        known, _ = _known_and_used(state, ())
    except Unavailable:  # nothing is known of a database without schema, and `serve` compares again
        known = {}
    if known:
        raise Failure(
            [f"The database was written with other keys; restore their file, new ones can't open it. {_LOST}"]
        )
    try:
        keyring.write(path, keyring.generate())
    except FileExistsError:
        raise Failure([f"There is a keys file at {path} already; it is never overwritten."]) from None
    output.done(f"Made the keys file {path}. Keep a copy of it, apart from copies of the database.")


@keys.command()
@json_option
@pass_state
def check(state: State, as_json: bool) -> None:
    """Compare the keys with those that the database was written with, and show what hangs on each.

    Exit code 1 when they don't fit.
    """
    from carddav_msg import bootstrap
    from carddav_msg.credentials import keyring

    have = bootstrap.load_keyring(state.settings)
    known, use = _known_and_used(state, [key.key_id for key in have.keys])
    problems = keyring.compare(have, known)
    columns = ("key_id", "purpose", "current", "retired", "known_to_database", "sip_passwords", "phones")
    rows = [
        (
            key.key_id,
            key.purpose,
            have.current(key.purpose) is key,
            key.retired,
            key.key_id in known,
            use[key.key_id].sip_passwords,
            use[key.key_id].phones,
        )
        for key in have.keys
    ]
    if as_json:
        output.as_json({"keys": [dict(zip(columns, row, strict=True)) for row in rows], "problems": problems})
    else:
        names = ("Key", "Purpose", "Current", "Retired", "Known to the database", "SIP passwords", "Phones")
        output.table(names, rows, empty="There are no keys.")
    if problems:
        raise Failure([*problems, f"Restore the keys file that belongs to this database. {_LOST}"])


@keys.command()
@click.option("--purpose", type=click.Choice(_PURPOSES), help="Only for this; without it a key for each purpose.")
@pass_state
def rotate(state: State, purpose: str | None) -> None:
    """Add new keys to the keys file. The old ones go on working until they are retired.

    Servers read the file when they start: give every machine the new file, then restart its server.
    """
    from carddav_msg.credentials import keyring

    path = _file(state)
    services = state.services
    new = [keyring.new_key(name) for name in ([purpose] if purpose else keyring.PURPOSES)]
    keyring.replace(path, keyring.Keyring((*services.keyring.keys, *new)))
    services.administration.keys.add(new)
    for key in new:
        output.done(f"Added the {key.purpose} key {key.key_id} to {path}.")
    output.warn("Copy the file to every machine, restart the servers, and keep a copy apart from the database.")


@keys.command()
@click.argument("key")
@click.option("--reseal", is_flag=True, help="Encrypt the SIP passwords of this key with the current one first.")
@yes_option
@pass_state
def retire(state: State, key: str, reseal: bool, yes: bool) -> None:
    """End the use of KEY, one that `keys rotate` has replaced. Before, restart all servers with the new file.

    Refused while SIP passwords need it. Of a device key, says how many phones will have to sign in anew, and asks.
    """
    from carddav_msg.credentials import keyring

    path = _file(state)
    services = state.services
    ring, administration = services.keyring, services.administration.keys
    found = next((one for one in ring.keys if one.key_id == key), None)
    if found is None:
        raise Failure([f"The keys file has no key {key}; `carddav-msg keys check` shows those there are."])
    if found.retired:
        output.done(f"The {found.purpose} key {key} is retired already.")
        return
    if ring.current(found.purpose) is found:
        raise Failure(
            [f"{key} is the {found.purpose} key in use; `carddav-msg keys rotate` makes the one to replace it."]
        )
    use = administration.use(key)
    if use.sip_passwords and not reseal:
        raise Failure([f"{use.sip_passwords} SIP passwords need the key {key}; --reseal encrypts them anew first."])
    if found.purpose == "device":
        output.confirm(f"{_phones(use.phones)} have a credential of {key} and must sign in anew. Retire it?", yes=yes)
    if use.sip_passwords:
        with Meter() as meter:
            meter.step("Encrypting SIP passwords", use.sip_passwords)
            administration.reseal(ring, key, meter.advance)
    administration.retire(found)
    keyring.replace(path, keyring.Keyring(tuple(kept for one in ring.keys for kept in _after_retiring(one, found))))
    output.done(f"The {found.purpose} key {key} is retired.")
    output.warn("Copy the file to every machine and restart the servers: until then they go on with the old one.")


@keys.command()
@yes_option
@pass_state
def lost(state: State, yes: bool) -> None:
    """Go on without keys that are lost for good: what only they open is removed from the database. Asks first.

    Makes new keys in their place. SIP passwords of a lost key have to be imported again, phones have to sign in anew.
    """
    from carddav_msg import bootstrap
    from carddav_msg.credentials import keyring
    from carddav_msg.services.administration.keys import Keys

    path = _file(state)
    have = keyring.parse_keys(path.read_text("utf-8"), str(path)) if path.exists() else ()
    known, use = _known_and_used(state, ())
    gone = [(key_id, purpose) for key_id, (purpose, _) in known.items() if key_id not in {key.key_id for key in have}]
    if not gone:
        raise Failure(["No key is lost: the keys file has all that the database was written with."])
    passwords = sum(use[key_id].sip_passwords for key_id, _ in gone)
    phones = sum(use[key_id].phones for key_id, _ in gone)
    names = ", ".join(f"{purpose} {key_id}" for key_id, purpose in gone)
    output.confirm(
        f"Give up {names}? That removes {passwords} SIP passwords, and {_phones(phones)} must sign in anew. "
        "If there is a copy of the keys file anywhere, restore that instead.",
        yes=yes,
    )
    working = {key.purpose for key in have if not key.retired}
    new = [keyring.new_key(purpose) for purpose in keyring.PURPOSES if purpose not in working]
    (keyring.replace if path.exists() else keyring.write)(path, keyring.Keyring((*have, *new)))
    directory = bootstrap.open_directory(state.settings).acting(actor(os.environ))
    try:
        removed = Keys(directory).give_up(gone, new)
    finally:
        directory.close()
    output.done(f"Gave up {len(gone)} keys and made {len(new)} new ones in {path}; {removed} SIP passwords are gone.")
    if removed:
        output.warn("Import the SIP passwords again: carddav-msg import users FILE --set-passwords")


def _after_retiring(key: Key, retired: Key) -> tuple[Key, ...]:
    """What stays of a key in the file: a retired device key still tells whose credentials it made."""
    if key is not retired:
        return (key,)
    return (replace(key, retired=True),) if key.purpose == "device" else ()


def _phones(count: int) -> str:
    return "1 phone" if count == 1 else f"{count} phones"


def _file(state: State) -> Path:
    if state.settings.keys:
        raise Failure(
            ["The keys come from CARDDAV_MSG_KEYS; run this where they are in a file, then set the variable."]
        )
    return Path(state.settings.keys_file)


def _known_and_used(state: State, more: Iterable[str]) -> tuple[dict[str, tuple[str, str]], dict[str, KeyUse]]:
    """The keys that the database knows (none while it does not exist), and what hangs on them and on `more`."""
    from carddav_msg import bootstrap

    if bootstrap.is_new_database(state.settings):
        return {}, dict.fromkeys(more, KeyUse())
    directory = bootstrap.open_directory(state.settings)
    try:
        if problem := directory.ready():
            raise Unavailable(problem)
        known = directory.key_checks()
        return known, {key_id: directory.key_use(key_id) for key_id in {*known, *more}}
    finally:
        directory.close()
