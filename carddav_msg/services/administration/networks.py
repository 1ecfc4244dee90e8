"""Networks: adding, changing, renaming and removing tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.identifiers import (
    parse_cloud_id,
    parse_country,
    parse_host,
    parse_network_id,
    parse_sip_host,
)
from carddav_msg.domain.network import Network, effective_id
from carddav_msg.domain.user import parse_profile_field, parse_text
from carddav_msg.errors import InvalidValue
from carddav_msg.formats.elements import element_name
from carddav_msg.publishing import networks as publishing
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.administration.lookup import network_named

OWNED_NODES = frozenset(
    {"username", "password", "cloud_username", "cloud_password", "cloud_login", "networkid", "smsnumbers"}
)
"""Nodes (in lower case) that provisioning takes from the user alone; a test compares with `services.provisioning`."""


class Networks:
    """The networks of one directory."""

    def __init__(self, directory: Directory, renderer: Renderer) -> None:
        self._directory = directory
        self._renderer = renderer

    def all(self) -> list[Network]:
        """All networks, by Network ID."""
        return self._directory.networks()

    def find(self, network_id: str) -> Network:
        """The network of a Network ID, or of an old one; NotFound otherwise."""
        return network_named(self._directory, network_id)

    def add(self, network: Network) -> Network:
        """Stores a new network with its directory and returns it with its row."""
        new = checked(network)
        return self._directory.transact(lambda transaction: publishing.add_network(transaction, new))

    def change(self, network_id: str, edit: Callable[[Network], Network]) -> Network:
        """Applies `edit` to the network as it is now, re-renders what that changes, and returns the new state.

        A new Network ID keeps the old one as an alias for logins and paths.
        """
        row = self.find(network_id).id

        def work(transaction: Transaction) -> Network:
            old = transaction.lock_network(row, exclusive=True)
            new = checked(edit(old))
            return publishing.save_network(transaction, self._renderer, new, old) if new != old else old

        return self._directory.transact(work)

    def remove(self, network_id: str, *, with_users: bool = False) -> Network:
        """Removes a network with its books; InvalidValue while it has users, unless they are to go with it."""
        row = self.find(network_id).id

        def work(transaction: Transaction) -> Network:
            network = transaction.lock_network(row, exclusive=True)
            publishing.remove_network(transaction, network, with_users=with_users)
            return network

        return self._directory.transact(work)


def checked(network: Network) -> Network:
    """The network with every value in its normal form and the effective Network ID that follows; InvalidValue."""
    network_id = parse_network_id(network.network_id)
    cloud_ids = _sorted(parse_cloud_id(cloud_id) for cloud_id in network.cloud_ids)
    return replace(
        network,
        network_id=network_id,
        name=parse_text(network.name, "name") or network_id,
        effective_id=effective_id(network_id, single_tenant=network.single_tenant, cloud_ids=cloud_ids),
        sip_host=parse_sip_host(network.sip_host) if network.sip_host.strip() else "",
        domains=_sorted(parse_host(domain) for domain in network.domains),
        cloud_ids=cloud_ids,
        country=parse_country(network.country),
        source_name=parse_text(network.source_name, "source_name"),
        source_owned=frozenset(parse_profile_field(name) for name in network.source_owned),
        account={_account_node(name): parse_text(value, name) for name, value in sorted(network.account.items())},
    )


def _account_node(name: str) -> str:
    if element_name(name).lower() in OWNED_NODES:
        raise InvalidValue("account", f"{name!r} comes from each user and can't be set for a network.")
    return name


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
