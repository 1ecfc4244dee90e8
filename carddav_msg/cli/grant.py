"""`carddav-msg grant`: roles of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import complete_networks, json_option, network_argument, username_argument, yes_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.directory.rows import GrantRow
from carddav_msg.domain.user import ROLES
from carddav_msg.services.administration.grants import ALL_NETWORKS

F = TypeVar("F", bound=Callable[..., Any])


def _grant_options(command: F) -> F:
    for option in (
        click.option("--all-networks", is_flag=True, help="For all networks."),
        click.option("--on", "scope", metavar="NETWORK", shell_complete=complete_networks, help="For another network."),
        click.argument("role", type=click.Choice(ROLES)),
        username_argument,
        network_argument,
    ):
        command = option(command)
    return command


@click.group()
def grant() -> None:
    """Roles of users: add, list, remove."""


@grant.command()
@_grant_options
@pass_state
def add(state: State, network: str, username: str, role: str, scope: str | None, all_networks: bool) -> None:
    """Give USERNAME of NETWORK a role, for this network unless an option says otherwise."""
    given = state.services.administration.grants.add(network, username, role, _scope(network, scope, all_networks))
    output.done(f"{given.network_id}~{given.cloud_username} is {given.role} of {_shown(given.scope)} now.")


@grant.command(name="list")
@click.argument("network", required=False, shell_complete=complete_networks)
@json_option
@pass_state
def list_(state: State, network: str | None, as_json: bool) -> None:
    """List the grants that count in NETWORK, or all."""
    grants = state.services.administration.grants.all(network)
    if as_json:
        output.as_json([asdict(found) for found in grants])
        return
    output.table(
        ("User", "Role", "For"),
        [(f"{g.network_id}~{g.cloud_username}", g.role, _shown(g.scope)) for g in grants],
        empty="There are no grants.",
    )


@grant.command()
@_grant_options
@yes_option
@pass_state
def remove(
    state: State, network: str, username: str, role: str, scope: str | None, all_networks: bool, yes: bool
) -> None:
    """Take a role from USERNAME of NETWORK; asks first."""
    wanted = _scope(network, scope, all_networks)
    output.confirm(f"Take the role {role} of {_shown(wanted)} from {network}~{username}?", yes=yes)
    taken: GrantRow = state.services.administration.grants.remove(network, username, role, wanted)
    output.done(f"{taken.network_id}~{taken.cloud_username} is no longer {taken.role} of {_shown(taken.scope)}.")


def _scope(network: str, scope: str | None, all_networks: bool) -> str:
    if scope is not None and all_networks:
        raise click.UsageError("--on and --all-networks exclude each other.")
    return ALL_NETWORKS if all_networks else scope or network


def _shown(scope: str) -> str:
    return "all networks" if scope == ALL_NETWORKS else scope
