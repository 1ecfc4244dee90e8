"""`carddav-msg export`: CSV that `import` takes again, without secrets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from carddav_msg.cli.options import complete_networks
from carddav_msg.cli.state import State, pass_state

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.network import Network


@click.group()
def export() -> None:
    """Write CSV that can be imported again: networks, users."""


_output = click.option(
    "--output",
    "-o",
    "target",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    metavar="FILE",
    help="Write to a file, which is replaced when all is written, instead of standard output.",
)


@export.command()
@_output
@pass_state
def networks(state: State, target: str) -> None:
    """Write all networks."""
    from carddav_msg.services.importing.networks import COLUMNS

    found = state.services.administration.networks.all()
    _write(target, tuple(COLUMNS), ([_shown(getattr(network, name)) for name in COLUMNS] for network in found))


@export.command()
@click.argument("network", nargs=-1, shell_complete=complete_networks)
@_output
@pass_state
def users(state: State, network: tuple[str, ...], target: str) -> None:
    """Write the users of each NETWORK, or of all."""
    from carddav_msg.services.importing.columns import COLUMNS

    found = state.services.administration.networks
    chosen = [found.find(name) for name in network] if network else found.all()
    _write(target, ("network_id", *COLUMNS, "role"), _users(state.services, chosen))


def _users(services: Services, networks: Iterable[Network]) -> Iterator[list[str]]:
    from carddav_msg.services.importing.columns import COLUMNS

    for network in networks:
        admins = {
            grant.cloud_username
            for grant in services.administration.grants.all(network.network_id)
            if grant.role == "admin" and grant.network_id == grant.scope == network.network_id
        }
        for user in services.administration.users.each(network):
            role = "network_admin" if user.cloud_username in admins else "user"
            yield [network.network_id, *(column.show(user) for column in COLUMNS.values()), role]


def _write(target: str, columns: tuple[str, ...], rows: Iterable[list[str]]) -> None:
    with click.open_file(target, "w", encoding="utf-8", atomic=target != "-") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "|".join(sorted(value)) if isinstance(value, (tuple, frozenset)) else str(value)
