"""`carddav-msg user devices`, `codes`, `revoke` and `unrevoke`: the phones of a user, and what lets them in."""

from __future__ import annotations

import time
from typing import Any

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import shown_time
from carddav_msg.cli.options import json_option, network_argument, username_argument
from carddav_msg.cli.state import State, pass_state
from carddav_msg.directory.signin import SignInCode
from carddav_msg.domain.identifiers import login_of
from carddav_msg.domain.user import User


@click.command()
@network_argument
@username_argument
@json_option
@pass_state
def devices(state: State, network: str, username: str, as_json: bool) -> None:
    """List the phones that USERNAME of NETWORK has signed in with, the one seen last first.

    A phone is named by what its template sends as %installid%; without that there is one device for each app, named
    app:CLOUDID.
    """
    found = state.services.administration.devices.all(network, username)
    if as_json:
        output.as_json(
            [
                {
                    "device": device.device,
                    "first_seen": shown_time(device.first_seen),
                    "last_seen": shown_time(device.last_seen),
                    "revoked": device.revoked,
                    "signed_out": device.signed_out,
                }
                for device in found
            ]
        )
        return
    output.table(
        ("Device", "First seen", "Last seen", "Revoked", "Signed out"),
        [(d.device, shown_time(d.first_seen), shown_time(d.last_seen), d.revoked, d.signed_out) for d in found],
        empty="No phone of this user has signed in yet.",
    )


@click.command()
@network_argument
@username_argument
@json_option
@pass_state
def codes(state: State, network: str, username: str, as_json: bool) -> None:
    """List the sign-in codes of USERNAME of NETWORK, the newest first; never the codes themselves."""
    administration = state.services.administration
    _, user = administration.users.find(network, username)
    found = [
        _code(code, user, administration.codes.rules.minutes) for code in administration.codes.all(network, username)
    ]
    if as_json:
        output.as_json(found)
        return
    output.table(
        ("Made", "State", "First used", "Waits until"),
        [(code["made"], code["state"], code["first_used"] or "", code["expires"]) for code in found],
        empty="There are no sign-in codes of this user; `carddav-msg user qr` makes one.",
    )


@click.command()
@network_argument
@username_argument
@click.option("--device", metavar="ID", help="Only this device, until it is let in again with unrevoke.")
@click.option("--codes", "only_codes", is_flag=True, help="Only the sign-in codes; phones stay signed in.")
@pass_state
def revoke(state: State, network: str, username: str, device: str | None, only_codes: bool) -> None:
    """Sign out the phones of USERNAME of NETWORK: all of them, with all sign-in codes, or one device.

    All of them may sign in anew with the password, so change that too when it is known to others. A single revoked
    device may not, whatever it signs in with.
    """
    if device is not None and only_codes:
        raise click.UsageError("--device and --codes exclude each other.")
    administration = state.services.administration
    found, person = administration.users.find(network, username)
    login = login_of(found.network_id, person.cloud_username)
    if device is not None:
        administration.devices.revoke(network, username, device)
        output.done(f"The device {device} of {login} is revoked.")
    elif only_codes:
        count = administration.codes.revoke(network, username)
        output.done(f"{_counted(count, 'sign-in code')} of {login} revoked.")
    else:
        count = administration.devices.revoke_all(network, username)
        output.done(f"{_counted(count, 'device')} of {login} signed out, and all sign-in codes revoked.")


@click.command()
@network_argument
@username_argument
@click.option("--device", metavar="ID", required=True, help="The device to let in again.")
@pass_state
def unrevoke(state: State, network: str, username: str, device: str) -> None:
    """Let a revoked device of USERNAME of NETWORK in again."""
    administration = state.services.administration
    found, person = administration.users.find(network, username)
    administration.devices.unrevoke(network, username, device)
    output.done(f"The device {device} of {login_of(found.network_id, person.cloud_username)} may sign in again.")


def _code(code: SignInCode, user: User, minutes: int) -> dict[str, Any]:
    now = time.time_ns() // 1000
    if code.revoked or code.session_epoch != user.session_epoch:
        state = "revoked"
    elif not code.first_used:
        state = "waits" if now <= code.expires else "expired"
    else:
        state = "enrols" if now <= code.first_used + minutes * 60 * 1_000_000 else "used"
    return {
        "made": shown_time(code.made),
        "state": state,
        "first_used": shown_time(code.first_used) if code.first_used else None,
        "expires": shown_time(code.expires),
    }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
