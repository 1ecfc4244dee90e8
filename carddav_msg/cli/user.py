"""`carddav-msg user`: the people of a network."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import (
    asked_secret,
    json_option,
    network_argument,
    secret_from_stdin,
    username_argument,
    yes_option,
)
from carddav_msg.cli.person import edited, given, person_options, photo_of, profile_lines
from carddav_msg.cli.phones import codes, devices, revoke, unrevoke
from carddav_msg.cli.qr import qr
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.contact import identity_of
from carddav_msg.domain.identifiers import login_of
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Profile, User

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 500

_PASSWORD_OPTIONS = (
    click.option(
        "--password",
        metavar="TEXT",
        help="The password. Beware: everybody on this machine can read it in the list of processes.",
    ),
    click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input."),
    click.option("--no-password", is_flag=True, help="No password: sign-in with one is refused."),
)
_sip_password_stdin = click.option(
    "--sip-password-stdin",
    is_flag=True,
    help="Read the SIP password from standard input (after the password, if that comes from there too).",
)


def _password_options(command: F) -> F:
    for option in reversed(_PASSWORD_OPTIONS):
        command = option(command)
    return command


@click.group()
def user() -> None:
    """Users: add, list, show, set, passwd, enable, disable, remove; their phones: qr, devices, codes, revoke."""


for _command in (codes, devices, qr, revoke, unrevoke):
    user.add_command(_command)


@user.command()
@network_argument
@click.argument("username")
@click.option("--display-name", required=True, metavar="NAME", help="The name that others see.")
@_password_options
@_sip_password_stdin
@person_options
@click.option("--disabled", is_flag=True, help="Add the user disabled: on no face until enabled.")
@pass_state
def add(
    state: State,
    /,
    network: str,
    username: str,
    password: str | None,
    password_stdin: bool,
    no_password: bool,
    sip_password_stdin: bool,
    disabled: bool,
    **values: Any,
) -> None:
    """Add USERNAME to NETWORK. The Cloud Username goes on the wire exactly as it is spelled here.

    Without an option for it, the password is asked for, twice and unseen.
    """
    users = state.services.administration.users
    found = state.services.administration.networks.find(network)
    new = User(id=0, network=found.id, uid="", cloud_username=username, profile=Profile(""), enabled=not disabled)
    new = edited(new, values)
    secret = _password(password, password_stdin, no_password)
    stored = users.add(
        found.network_id,
        new,
        password=secret,
        sip_password=secret_from_stdin("SIP password") if sip_password_stdin else None,
        photo=photo_of(values),
        view=values["view"],
    )
    output.done(f"Added {login_of(found.network_id, stored.cloud_username)} ({stored.profile.display_name}).")


@user.command(name="list")
@network_argument
@click.option("--after", default="", metavar="USERNAME", help="Begin behind this Cloud Username.")
@click.option("--limit", type=click.IntRange(min=1), help=f"At most so many (default: {_SHOWN}, as JSON all).")
@json_option
@pass_state
def list_(state: State, network: str, after: str, limit: int | None, as_json: bool) -> None:
    """List the users of NETWORK by Cloud Username."""
    found = state.services.administration.networks.find(network)
    users = state.services.administration.users.each(found, after)
    if as_json:
        output.json_lines(_as_json(found, user) for user in itertools.islice(users, limit))
        return
    limit = limit or _SHOWN
    shown = list(itertools.islice(users, limit + 1))
    output.table(
        ("Cloud Username", "Name", "Extension", "Enabled", "Listed", "Messaging"),
        [
            (
                u.cloud_username,
                u.profile.display_name,
                _extension(u),
                u.enabled,
                u.listed,
                u.messaging,
            )
            for u in shown[:limit]
        ],
        empty=f"There are no users in the network {found.network_id}{' behind this one' if after else ' yet'}.",
    )
    if len(shown) > limit:
        last = shlex.quote(shown[limit - 1].cloud_username)
        output.warn(f"There are more: --after {last} goes on, --limit shows more at once.")


@user.command()
@network_argument
@username_argument
@json_option
@pass_state
def show(state: State, network: str, username: str, as_json: bool) -> None:
    """Show all that is known of USERNAME in NETWORK; of secrets only whether they are set."""
    administration = state.services.administration
    found_network, found = administration.users.find(network, username)
    secrets = administration.users.secrets_set(found)
    view = administration.views.name_of(found)
    if as_json:
        output.as_json(
            _as_json(found_network, found)
            | {"view": view}
            | {"password_set": secrets.password, "sip_password_set": secrets.sip_password}
        )
        return
    identity = identity_of(found, found_network)
    output.pairs(
        [
            ("Login", login_of(found_network.network_id, found.cloud_username)),
            ("Cloud Username", found.cloud_username),
            ("Network ID on the wire", identity.network_id if identity else "none: disabled or without messaging"),
            ("External id", found.external_id),
            ("Enabled", found.enabled),
            ("Listed", found.listed),
            ("Messaging", found.messaging),
            ("View", view),
            ("Password set", secrets.password),
            ("SIP username", found.sip_username),
            ("SIP password set", secrets.sip_password),
            ("SMS numbers", ", ".join(f"{sms.carrier}:{sms.number}" for sms in found.sms_numbers)),
            *profile_lines(found.profile),
        ]
    )


@user.command(name="set")
@network_argument
@username_argument
@click.option("--cloud-username", metavar="NAME", help="A new Cloud Username; logins with the old one go on working.")
@click.option("--display-name", metavar="NAME", help="The name that others see.")
@_sip_password_stdin
@click.option("--no-sip-password", is_flag=True, help="Take the SIP password away.")
@person_options
@pass_state
def set_(
    state: State, /, network: str, username: str, sip_password_stdin: bool, no_sip_password: bool, **values: Any
) -> None:
    """Change what the options name of USERNAME in NETWORK; all else stays. '' empties a text."""
    if sip_password_stdin and no_sip_password:
        raise click.UsageError("--sip-password-stdin and --no-sip-password exclude each other.")
    if not (sip_password_stdin or no_sip_password or given(values)):
        raise click.UsageError("Nothing to change was given.")
    users = state.services.administration.users
    found, _ = users.find(network, username)
    sip_password = "" if no_sip_password else None
    if sip_password_stdin:
        sip_password = secret_from_stdin("SIP password")
        if not sip_password:
            raise click.UsageError("The SIP password is empty; --no-sip-password takes it away.")
    changed = users.change(
        network,
        username,
        lambda old: edited(old, values),
        photo=photo_of(values),
        sip_password=sip_password,
        view=values["view"],
    )
    output.done(f"Changed {login_of(found.network_id, changed.cloud_username)}.")


@user.command()
@network_argument
@username_argument
@_password_options
@click.option("--end-sessions", is_flag=True, help="Sign all devices out: they have to be provisioned again.")
@pass_state
def passwd(
    state: State,
    network: str,
    username: str,
    password: str | None,
    password_stdin: bool,
    no_password: bool,
    end_sessions: bool,
) -> None:
    """Set the login password of USERNAME in NETWORK; asks for it, twice and unseen, without an option."""
    users = state.services.administration.users
    found, person = users.find(network, username)
    secret = _password(password, password_stdin, no_password)
    users.set_password(network, username, secret, end_sessions=end_sessions)
    login = login_of(found.network_id, person.cloud_username)
    ended = " All devices are signed out." if end_sessions else ""
    output.done((f"{login} has no password now." if secret is None else f"{login} has a new password.") + ended)


@user.command()
@network_argument
@username_argument
@pass_state
def enable(state: State, network: str, username: str) -> None:
    """Bring USERNAME of NETWORK back on all faces."""
    _switch(state, network, username, enabled=True)


@user.command()
@network_argument
@username_argument
@pass_state
def disable(state: State, network: str, username: str) -> None:
    """Take USERNAME of NETWORK off all faces and sign all devices out; nothing is deleted."""
    _switch(state, network, username, enabled=False)


@user.command()
@network_argument
@username_argument
@yes_option
@pass_state
def remove(state: State, network: str, username: str, yes: bool) -> None:
    """Remove USERNAME of NETWORK with personal books; asks first."""
    users = state.services.administration.users
    found, person = users.find(network, username)
    login = login_of(found.network_id, person.cloud_username)
    output.confirm(f"Remove {login} ({person.profile.display_name}) with the personal address books?", yes=yes)
    users.remove(network, username)
    output.done(f"Removed {login}.")


def _switch(state: State, network: str, username: str, *, enabled: bool) -> None:
    users = state.services.administration.users
    found, person = users.find(network, username)
    login = login_of(found.network_id, person.cloud_username)
    word = "enabled" if enabled else "disabled"
    if person.enabled == enabled:
        output.done(f"{login} is {word} already.")
        return
    users.change(network, username, lambda old: replace(old, enabled=enabled))
    output.done(f"{login} is {word} now.")


def _password(password: str | None, from_stdin: bool, none: bool) -> str | None:
    """The password that the options give, or the one typed; None for none."""
    if (password is not None) + from_stdin + none > 1:
        raise click.UsageError("--password, --password-stdin and --no-password exclude each other.")
    if none:
        return None
    if from_stdin:
        return secret_from_stdin("password")
    if password is not None:
        return password
    return asked_secret("password", instead="--password-stdin or --no-password")


def _extension(user: User) -> str:
    return next((number.entered for number in user.profile.numbers if number.kind == "extension"), "")


def _as_json(network: Network, user: User) -> dict[str, Any]:
    values = asdict(user)
    for row in ("id", "network", "view", "session_epoch"):
        del values[row]
    identity = identity_of(user, network)
    return {
        "login": login_of(network.network_id, user.cloud_username),
        "network_id": network.network_id,
        **values,
        "messaging_identity": asdict(identity) if identity else None,
    }
