"""Views of the directory: which users a directory book holds, which of their fields it hides, and who has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import DirectoryBook
from carddav_msg.domain.contact import MASKABLE, Contact, View, contact_of
from carddav_msg.domain.identifiers import fold, parse_slug
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User, parse_text
from carddav_msg.errors import AlreadyExists, InvalidValue
from carddav_msg.publishing import views as publishing
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.administration.lookup import network_named, user_named, view_named

T = TypeVar("T")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ViewOverview:
    """A view with the numbers of users who have it and of cards in it."""

    name: str
    rule: View
    users: int
    cards: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What one user sees: the view's name, how many contacts there are, and the contacts by Cloud Username."""

    user: User
    view: str
    total: int
    contacts: Iterator[tuple[User, Contact]]


class Views:
    """The views of one directory, each named by Network ID and its own name, without regard to case."""

    def __init__(self, directory: Directory, renderer: Renderer) -> None:
        self._directory = directory
        self._renderer = renderer

    def all(self, network_id: str) -> list[ViewOverview]:
        """The views of a network, the first made first: new users get that one."""
        network = network_named(self._directory, network_id)
        counts = self._directory.view_counts(network.id)
        views = self._directory.directory_books(network.id)
        return [ViewOverview(view.name, view.view, *counts.get(view.book, (0, 0))) for view in views]

    def find(self, network_id: str, name: str) -> ViewOverview:
        """A view; NotFound otherwise."""
        network = network_named(self._directory, network_id)
        wanted = view_named(self._directory.directory_books(network.id), network, name).name
        return next(view for view in self.all(network_id) if view.name == wanted)

    def name_of(self, user: User) -> str:
        """The name of the view that a user has."""
        views = self._directory.directory_books(user.network)
        return next((view.name for view in views if view.book == user.view), "")

    def add(self, network_id: str, name: str, rule: View) -> DirectoryBook:
        """A new view, which nobody has yet."""
        new = checked(rule)
        parse_slug(name, "view")

        def work(transaction: Transaction, network: Network, views: list[DirectoryBook]) -> DirectoryBook:
            if any(fold(view.name) == fold(name) for view in views):
                raise AlreadyExists(f"There is a view {name!r} already.")
            return publishing.add_view(transaction, self._renderer, network, name, new)

        return self._locked(network_id, work)

    def change(self, network_id: str, name: str, edit: Callable[[View], View]) -> int:
        """Applies `edit` to the rule as it is now; returns how many cards changed, came or went."""

        def work(transaction: Transaction, network: Network, views: list[DirectoryBook]) -> int:
            old = view_named(views, network, name)
            new = checked(edit(old.view))
            return 0 if new == old.view else publishing.save_view(transaction, self._renderer, network, old, new)

        return self._locked(network_id, work)

    def remove(self, network_id: str, name: str, *, move_to: str | None = None) -> int:
        """Removes a view; its users get the one named by `move_to`. Returns how many they are.

        InvalidValue for the last view, and for one that users have when `move_to` is None.
        """

        def work(transaction: Transaction, network: Network, views: list[DirectoryBook]) -> int:
            view = view_named(views, network, name)
            others = [other for other in views if other.book != view.book]
            if not others:
                raise InvalidValue("view", f"{view.name!r} is the only view of the network, and each user has one.")
            target = others[0] if move_to is None else view_named(views, network, move_to)
            if target.book == view.book:
                raise InvalidValue("view", f"{view.name!r} can't be removed and be where its users go.")
            moved = publishing.remove_view(transaction, self._renderer, network, view, target)
            if moved and move_to is None:  # rolls back
                raise InvalidValue("view", f"{_users(moved)} {view.name!r}; --move-to gives them another one.")
            return moved

        return self._locked(network_id, work)

    def preview(self, network_id: str, name: str, after: str = "") -> Preview:
        """What a user sees: those of the contacts whose Cloud Usernames come behind `after`, and the count of all."""
        network = network_named(self._directory, network_id)
        user = user_named(self._directory, network, name)
        view = next(view for view in self._directory.directory_books(network.id) if view.book == user.view)
        total = self._directory.view_counts(network.id)[view.book][1]
        return Preview(user, view.name, total, self._contacts(network, view.view, after))

    def _contacts(self, network: Network, rule: View, after: str) -> Iterator[tuple[User, Contact]]:
        while page := self._directory.users(network.id, after, _PAGE):
            for user in page:
                if contact := contact_of(user, network, rule):
                    yield user, contact
            after = page[-1].cloud_username

    def _locked(self, network_id: str, work: Callable[[Transaction, Network, list[DirectoryBook]], T]) -> T:
        row = network_named(self._directory, network_id).id

        def locked(transaction: Transaction) -> T:
            network = transaction.lock_network(row, exclusive=True)
            return work(transaction, network, transaction.directory_books(row))

        return self._directory.transact(locked)


def checked(rule: View) -> View:
    """The rule with every value in its normal form; InvalidValue for a field that can't be hidden."""
    for name in sorted(rule.hidden):
        if name not in MASKABLE:
            raise InvalidValue("hide", f"{name[:60]!r} is not one of {', '.join(MASKABLE)}.")
    departments = frozenset(filter(None, (parse_text(name, "department") for name in rule.departments)))
    return View(departments, rule.hidden)


def _users(count: int) -> str:
    return "1 user has the view" if count == 1 else f"{count:,} users have the view"
