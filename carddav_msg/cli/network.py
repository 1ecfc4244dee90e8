"""`carddav-msg network`: tenants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

import click

from carddav_msg.cli import output
from carddav_msg.cli.failures import Failure
from carddav_msg.cli.options import json_option, network_argument, yes_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.network import CREDENTIALS_IN_QUERY, REFRESH_DENIED, Network
from carddav_msg.domain.user import PROFILE_FIELDS

F = TypeVar("F", bound=Callable[..., Any])
_FIELD = click.Choice((*PROFILE_FIELDS, ""))

_OPTIONS = (
    click.option("--name", help="What people call it."),
    click.option("--sip-host", metavar="HOST[:PORT]", help="Where its phones register."),
    click.option(
        "--domain",
        "domains",
        multiple=True,
        help="A domain that selects it; repeat for several, they replace the old ones. '' takes all away.",
    ),
    click.option(
        "--cloud-id", "cloud_ids", multiple=True, help="The Cloud ID of an app that its users have; like --domain."
    ),
    click.option(
        "--country", metavar="CC", help="Two letters: where numbers without + are read, when they are entered."
    ),
    click.option(
        "--single-tenant/--no-single-tenant",
        default=None,
        help="Its app is for it alone: its only Cloud ID is the Network ID on the wire.",
    ),
    click.option("--staff/--no-staff", default=None, help="It holds staff of the provider, who are nobody's tenant."),
    click.option(
        "--auto-link/--no-auto-link",
        default=None,
        help="Make cards that share a number, e-mail or SIP address with exactly one user messaging contacts.",
    ),
    click.option(
        "--link-extensions/--no-link-extensions",
        default=None,
        help="With --auto-link, let a bare extension be enough in shared books.",
    ),
    click.option("--source-name", metavar="NAME", help="What people call the source that feeds fields of its users."),
    click.option(
        "--source-owned",
        multiple=True,
        type=_FIELD,
        help="A field of its users that the source feeds: no administrator edits it with CardDAV. Like --domain.",
    ),
    click.option(
        "--omit-network-id/--no-omit-network-id",
        default=None,
        help="Leave networkId out of provisioning, the vendor's implicit rule for single-tenant apps.",
    ),
    click.option(
        "--credentials-in-query",
        type=click.Choice(CREDENTIALS_IN_QUERY),
        help="What to do with a password in the query of a URL, which ends up in logs of others.",
    ),
    click.option(
        "--contacts-nodes/--no-contacts-nodes",
        default=None,
        help="Tell apps in the account where their contacts are (wsContacts…), so that the portal need not.",
    ),
    click.option(
        "--refresh-denied",
        type=click.Choice(REFRESH_DENIED),
        help="What a phone gets at refresh whose user was disabled or removed, or that was revoked (unverified).",
    ),
    click.option(
        "--set-node", "set_nodes", multiple=True, metavar="NAME=VALUE", help="A further node of its Account XML."
    ),
    click.option("--unset-node", "unset_nodes", multiple=True, metavar="NAME", help="Take such a node away."),
)


def _network_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def network() -> None:
    """Networks (tenants): add, list, show, set, remove."""


@network.command()
@click.argument("network")
@_network_options
@pass_state
def add(state: State, /, network: str, **values: Any) -> None:
    """Add the network NETWORK, whose Network ID goes on the wire exactly as it is spelled here."""
    new = Network(id=0, network_id=network, name="", effective_id=network)
    stored = state.services.administration.networks.add(_edited(new, values))
    output.done(f"Added the network {stored.network_id}; its Network ID on the wire is {stored.effective_id}.")


@network.command(name="list")
@json_option
@pass_state
def list_(state: State, as_json: bool) -> None:
    """List all networks."""
    networks = state.services.administration.networks.all()
    if as_json:
        output.as_json([_as_json(network) for network in networks])
        return
    output.table(
        ("Network ID", "Name", "On the wire", "SIP host", "Cloud IDs"),
        [(n.network_id, n.name, n.effective_id, n.sip_host, _listed(n.cloud_ids)) for n in networks],
        empty="There are no networks yet; `carddav-msg network add` or `carddav-msg import networks` makes some.",
    )


@network.command()
@network_argument
@json_option
@pass_state
def show(state: State, network: str, as_json: bool) -> None:
    """Show all that is known of NETWORK."""
    found = state.services.administration.networks.find(network)
    if as_json:
        output.as_json(_as_json(found))
        return
    books = state.services.administration.books.all(found.network_id)
    output.pairs(
        [
            ("Network ID", found.network_id),
            ("On the wire", found.effective_id),
            ("Name", found.name),
            ("SIP host", found.sip_host),
            ("Domains", _listed(found.domains)),
            ("Cloud IDs", _listed(found.cloud_ids)),
            ("Country", found.country),
            ("Single-tenant", found.single_tenant),
            ("Staff", found.staff),
            ("Automatic links", found.auto_link),
            ("By extension too", found.link_extensions),
            ("networkId left out", found.omit_network_id),
            ("Contacts in the account", found.contacts_nodes),
            ("Refresh denied with", found.refresh_denied),
            ("Password in a query", found.credentials_in_query),
            ("Source", found.source_name),
            ("Fed by the source", _listed(sorted(found.source_owned))),
            *((f"Account node {name}", value) for name, value in sorted(found.account.items())),
            ("Shared books", _listed([book.slug for book in books])),
        ]
    )


@network.command(name="set")
@network_argument
@click.option("--network-id", help="A new Network ID; logins with the old one go on working.")
@_network_options
@pass_state
def set_(state: State, /, network: str, network_id: str | None, **values: Any) -> None:
    """Change what the options name of NETWORK; all else stays. '' empties a text."""
    if network_id is None and all(value in (None, ()) for value in values.values()):
        raise click.UsageError("Nothing to change was given.")

    def edit(old: Network) -> Network:
        return _edited(replace(old, network_id=network_id or old.network_id), values)

    changed = state.services.administration.networks.change(network, edit)
    output.done(f"Changed the network {changed.network_id}; its Network ID on the wire is {changed.effective_id}.")


@network.command()
@network_argument
@click.option("--with-users", is_flag=True, help="Remove its users too; without this, --yes refuses to.")
@yes_option
@pass_state
def remove(state: State, network: str, with_users: bool, yes: bool) -> None:
    """Remove NETWORK with its books; asks first."""
    administration = state.services.administration
    found = administration.networks.find(network)
    populated = next(administration.users.each(found), None) is not None
    if populated and yes and not with_users:
        raise Failure([f"The network {found.network_id} has users; --with-users removes them too."])
    what = " with all its users, their cards and books" if populated else ""
    output.confirm(f"Remove the network {found.network_id}{what}?", yes=yes)
    administration.networks.remove(found.network_id, with_users=populated)
    output.done(f"Removed the network {found.network_id}{what}.")


def _edited(network: Network, values: Mapping[str, Any]) -> Network:
    """The network with what was given on the command line."""
    changes: dict[str, Any] = {
        name: value
        for name, value in values.items()
        if value not in (None, ()) and name not in ("set_nodes", "unset_nodes")
    }
    for name in ("domains", "cloud_ids"):
        if name in changes:
            changes[name] = tuple(value for value in changes[name] if value)
    if "source_owned" in changes:
        changes["source_owned"] = frozenset(value for value in changes["source_owned"] if value)
    account = {name: value for name, value in network.account.items() if name not in values["unset_nodes"]}
    for node in values["set_nodes"]:
        name, equals, value = node.partition("=")
        if not equals:
            raise click.BadParameter(f"{node!r} is not NAME=VALUE.", param_hint="--set-node")
        account[name] = value
    return replace(network, **changes, account=account)


def _as_json(network: Network) -> dict[str, Any]:
    values = asdict(replace(network, account=dict(network.account)))
    del values["id"]
    return values


def _listed(values: tuple[str, ...] | list[str]) -> str:
    return ", ".join(values)
