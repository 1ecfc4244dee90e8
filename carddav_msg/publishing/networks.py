"""A network changed: everything that follows from it."""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.directory.port import Transaction
from carddav_msg.domain.access import DIRECTORY_SLUG, Book, BookKind
from carddav_msg.domain.accountnodes import nodes_of_network
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network, effective_id
from carddav_msg.errors import InvalidValue
from carddav_msg.publishing.auditing import network_entry
from carddav_msg.publishing.links import BATCH, relink_network
from carddav_msg.publishing.renaming import rename_cards
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.users import publish_users

DEFAULT_VIEW = "everyone"


def add_network(transaction: Transaction, network: Network) -> Network:
    """Stores a new network with its first view; `effective_id` is filled in here."""
    stored = transaction.add_network(_effective(network))
    add_directory_book(transaction, stored, DEFAULT_VIEW, View())
    transaction.record([network_entry(None, stored)])
    return stored


def add_directory_book(transaction: Transaction, network: Network, view: str, rule: View) -> Book:
    """Stores the empty book of a new view."""
    book = Book(
        id=0,
        network=network.id,
        kind=BookKind.DIRECTORY,
        slug=DIRECTORY_SLUG,
        display_name=network.name or network.network_id,
        owner=0,
        access="",
        epoch=1,
        seq=0,
        floor=0,
    )
    return transaction.add_book(book, view=view, rule=rule)


def save_network(transaction: Transaction, renderer: Renderer, network: Network, old: Network) -> Network:
    """Stores a changed network that the caller has locked; when its users' cards say something else now, so do they.

    An old `network_id` stays as an alias for logins and paths, never on the wire.
    """
    changed = _effective(network)
    transaction.save_network(changed)
    transaction.record([network_entry(old, changed)])
    if (before := nodes_of_network(old)) != (now := nodes_of_network(changed)):
        transaction.clear_nodes(changed.id, 0, before - now, now)
    if changed.network_id != old.network_id:
        transaction.add_network_alias(changed.id, old.network_id)
    if changed.sip_host != old.sip_host:
        publish_network(transaction, renderer, changed)
    elif changed.effective_id != old.effective_id:
        rename_cards(transaction, renderer, changed, old.effective_id)
    if _linking(changed) != _linking(old):
        relink_network(transaction, renderer, changed)
    return changed


def remove_network(transaction: Transaction, network: Network, *, with_users: bool = False) -> None:
    """Removes a network; InvalidValue while it has users, unless they are to go with it.

    Everything of theirs hangs on the network's row, and nothing outside of it shows them.
    """
    if not with_users and transaction.users_after(network.id, "", 1):
        raise InvalidValue("network", f"{network.network_id!r} still has users; remove or move them first.")
    transaction.remove_network(network.id)
    transaction.record([network_entry(network, None)])


def publish_network(transaction: Transaction, renderer: Renderer, network: Network) -> int:
    """Brings every card of a network's users up to date, page by page; returns how many changed."""
    changed, after = 0, ""
    while users := transaction.users_after(network.id, after, BATCH):
        changed += publish_users(transaction, renderer, network, users)
        after = users[-1].cloud_username
    return changed


def _effective(network: Network) -> Network:
    wire = effective_id(network.network_id, single_tenant=network.single_tenant, cloud_ids=network.cloud_ids)
    return replace(network, effective_id=wire)


def _linking(network: Network) -> tuple[object, ...]:
    """What of a network decides whom cards stand for: the flags, and what numbers and SIP addresses are read with."""
    keys = (network.country, network.sip_host) if network.auto_link else ()
    return (network.auto_link, network.link_extensions, *keys)
