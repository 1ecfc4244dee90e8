"""A view of the directory changed, or who has which: cards come and go, and what readers see decides links."""

from __future__ import annotations

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import DirectoryBook
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.publishing.auditing import NOTHING, Values, entry, user_entry
from carddav_msg.publishing.links import relink_network
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
    transaction.save_view(old.book, rule)
    changed = publish_network(transaction, renderer, network)
    _record(transaction, network, "view changed", old.name, _shown(old.view), _shown(rule))
    return changed + _relink(transaction, renderer, network)


def remove_view(
    transaction: Transaction, renderer: Renderer, network: Network, view: DirectoryBook, to: DirectoryBook
) -> int:
    """Removes a view of a locked network; its users have the view `to` from then on. Returns how many they are."""
    moved = transaction.move_readers(view.book, to.book)
    transaction.remove_book(view.book)
    after = {"moved to": to.name, "users": moved} if moved else NOTHING
    _record(transaction, network, "view removed", view.name, _shown(view.view), after)
    if moved:
        _relink(transaction, renderer, network)
    return moved


def changed_view(transaction: Transaction, renderer: Renderer, network: Network, user: User, before: str) -> None:
    """A user of a locked network has another view since a moment, the one named `before` until then.

    No card says who sees it, so nothing is rendered; but a card that all readers' views agree on may stand for somebody
    else now.
    """
    names = {view.book: view.name for view in transaction.directory_books(network.id)}
    transaction.record([user_entry(network, user, "user changed", {"view": before}, {"view": names[user.view]})])
    _relink(transaction, renderer, network)


def _relink(transaction: Transaction, renderer: Renderer, network: Network) -> int:
    return relink_network(transaction, renderer, network) if network.auto_link else 0


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
