"""A view of the directory changed, or who has which: cards come and go, and what readers see decides links."""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import DirectoryBook
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.publishing.auditing import NOTHING, Values, entry, user_entry
from carddav_msg.publishing.links import relink_readers
from carddav_msg.publishing.networks import add_directory_book, publish_network
from carddav_msg.publishing.renderer import Renderer


def add_view(transaction: Transaction, renderer: Renderer, network: Network, name: str, rule: View) -> DirectoryBook:
    """Stores a new view of a locked network and fills its book; nobody has it yet."""
    book = add_directory_book(transaction, network, name, rule)
    publish_network(transaction, renderer, network)
    _record(transaction, network, "view added", name, after=_shown(rule))
    return DirectoryBook(book.id, name, rule)


def save_view(transaction: Transaction, renderer: Renderer, network: Network, old: DirectoryBook, rule: View) -> int:
    """Gives a view of a locked network another rule; returns how many cards changed, came or went."""
    readers = _readers(transaction, network)
    transaction.save_view(old.book, rule)
    changed = publish_network(transaction, renderer, network)
    _record(transaction, network, "view changed", old.name, _shown(old.view), _shown(rule))
    return changed + relink_readers(transaction, renderer, network, readers)


def remove_view(
    transaction: Transaction, renderer: Renderer, network: Network, view: DirectoryBook, to: DirectoryBook
) -> int:
    """Removes a view of a locked network; its users have the view `to` from then on. Returns how many they are."""
    readers = _readers(transaction, network)
    moved = transaction.move_readers(view.book, to.book)
    transaction.remove_book(view.book)
    after = {"moved to": to.name, "users": moved} if moved else NOTHING
    _record(transaction, network, "view removed", view.name, _shown(view.view), after)
    relink_readers(transaction, renderer, network, readers)
    return moved


def change_view(transaction: Transaction, renderer: Renderer, network: Network, user: User, view: int) -> User:
    """Gives a user of a locked network another view of the directory; returns the user as stored.

    No card says who sees it, so no directory card is rendered; but what the cards of a book show of their users is what
    all of its readers see.
    """
    new = replace(user, view=view)
    names = {found.book: found.name for found in transaction.directory_books(network.id)}
    readers = _readers(transaction, network)
    transaction.save_users([new])
    before, after = {"view": names.get(user.view, "")}, {"view": names[view]}
    transaction.record([user_entry(network, new, "user changed", before, after)])
    relink_readers(transaction, renderer, network, readers)
    return new


def _readers(transaction: Transaction, network: Network) -> dict[int, frozenset[View]]:
    return transaction.reader_views(network.id, [book for book, *_ in transaction.client_books(network.id)])


def _shown(rule: View) -> Values:
    return {"departments": sorted(rule.departments), "hidden": sorted(rule.hidden)}


def _record(
    transaction: Transaction,
    network: Network,
    action: str,
    name: str,
    before: Values = NOTHING,
    after: Values = NOTHING,
) -> None:
    transaction.record([entry(network, action, f"view {network.network_id}/{name}", before, after)])
