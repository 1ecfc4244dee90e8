"""Shared books of a network: who may read and write them."""

from __future__ import annotations

import time
from collections.abc import Callable

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import DirectoryBook, SharedBook
from carddav_msg.domain.access import DIRECTORY_SLUG, PERSONAL_SLUG, Book, BookKind
from carddav_msg.domain.identifiers import parse_slug
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import parse_text
from carddav_msg.errors import AlreadyExists, InvalidValue, NotFound
from carddav_msg.publishing.auditing import Values, entry
from carddav_msg.publishing.links import relink_readers
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.administration.lookup import network_named, user_named

ACCESS = ("read", "write")
ALLOWED_AT_MOST = 7 * 24 * 3600


class SharedBooks:
    """The shared books of one directory, each named by Network ID and its URL segment."""

    def __init__(self, directory: Directory, renderer: Renderer) -> None:
        self._directory = directory
        self._renderer = renderer

    def all(self, network_id: str) -> list[SharedBook]:
        """The shared books of a network, by their URL segments."""
        return self._directory.shared_books(network_named(self._directory, network_id).id)

    def views(self, network_id: str) -> list[DirectoryBook]:
        """The directory books of a network, which the server makes."""
        return self._directory.directory_books(network_named(self._directory, network_id).id)

    def find(self, network_id: str, slug: str) -> SharedBook:
        """A shared book; NotFound otherwise."""
        found = next((book for book in self.all(network_id) if book.slug == slug), None)
        if found is None:
            raise NotFound(
                f"There is no shared book {slug!r} in the network {network_id!r}; "
                f"`carddav-msg book list {network_id}` shows those there are."
            )
        return found

    def add(self, network_id: str, slug: str, *, title: str = "", description: str = "", everyone: str = "") -> Book:
        """A new shared book. `everyone` is what all users of the network may do: `""`, `read` or `write`."""
        network = network_named(self._directory, network_id)
        if parse_slug(slug) in (DIRECTORY_SLUG, PERSONAL_SLUG):
            raise InvalidValue("book", f"{slug!r} is the name of a book that the server makes.")
        if any(book.slug == slug for book in self._directory.shared_books(network.id)):
            raise AlreadyExists(f"There is a shared book {slug!r} already.")
        book = Book(
            id=0,
            network=network.id,
            kind=BookKind.SHARED,
            slug=slug,
            display_name=parse_text(title, "title") or slug,
            owner=0,
            access="",
            epoch=1,
            seq=0,
            floor=0,
            description=parse_text(description, "description"),
        )
        access = _access(everyone)

        def work(transaction: Transaction) -> Book:
            locked = transaction.lock_network(network.id, exclusive=True)
            stored = transaction.add_book(book, everyone=access)
            after = {"title": book.display_name, "everyone": access}
            transaction.record([entry(locked, "book added", _subject(locked, slug), after=after)])
            return stored

        return self._directory.transact(work)

    def share_with_everyone(self, network_id: str, slug: str, access: str) -> None:
        """What all users of the network may do with the book; `""` leaves it to the members."""
        found = self.find(network_id, slug)
        book = Book(
            id=found.book,
            network=found.network,
            kind=BookKind.SHARED,
            slug=found.slug,
            display_name=found.display_name,
            owner=0,
            access="",
            epoch=1,
            seq=0,
            floor=0,
            description=found.description,
        )
        everyone = _access(access)
        before, after = {"everyone": found.everyone}, {"everyone": everyone}
        action = "book shared" if everyone else "book unshared"
        self._locked(found, action, before, after, lambda transaction: transaction.save_book(book, everyone=everyone))

    def share(self, network_id: str, slug: str, name: str, access: str) -> str:
        """What one user of the network may do with the book; `""` takes the user off the members.

        Returns the Cloud Username.
        """
        found = self.find(network_id, slug)
        network = network_named(self._directory, network_id)
        user = user_named(self._directory, network, name)
        if not access and user.cloud_username not in dict(found.members):
            raise NotFound(f"The user {user.cloud_username!r} is not a member of the book {slug!r}.")
        member = _access(access)
        before = {user.cloud_username: dict(found.members).get(user.cloud_username, "")}
        after = {user.cloud_username: member}
        self._locked(
            found,
            "book shared" if member else "book unshared",
            before,
            after,
            lambda transaction: transaction.save_member(found.book, user.id, member),
        )
        return user.cloud_username

    def allow_deletions(self, network_id: str, slug: str, seconds: int) -> int:
        """Lets the mass-deletion guard pass everything in a book for a while; returns until when, microseconds UTC."""
        if not 0 < seconds <= ALLOWED_AT_MOST:
            raise InvalidValue("for", f"is not between a second and {ALLOWED_AT_MOST // 86400} days.")
        found = self.find(network_id, slug)
        until = time.time_ns() // 1000 + seconds * 1_000_000
        self._locked(
            found,
            "mass deletion allowed",
            {},
            {"seconds": seconds},
            lambda transaction: transaction.allow_deletions(found.book, until),
        )
        return until

    def remove(self, network_id: str, slug: str) -> SharedBook:
        """Removes a shared book with its cards; returns what it was."""
        found = self.find(network_id, slug)
        before = {"title": found.display_name, "everyone": found.everyone, "cards": found.cards}
        self._locked(found, "book removed", before, {}, lambda transaction: transaction.remove_book(found.book))
        return found

    def _locked(
        self, book: SharedBook, action: str, before: Values, after: Values, work: Callable[[Transaction], None]
    ) -> None:
        def locked(transaction: Transaction) -> None:
            network = transaction.lock_network(book.network, exclusive=True)
            readers = transaction.reader_views(network.id, [book.book])
            work(transaction)
            relink_readers(transaction, self._renderer, network, readers)
            transaction.record([entry(network, action, _subject(network, book.slug), before, after)])

        self._directory.transact(locked)


def _subject(network: Network, slug: str) -> str:
    return f"book {network.network_id}/{slug}"


def _access(text: str) -> str:
    if text and text not in ACCESS:
        raise InvalidValue("access", f"{text!r} is not one of {', '.join(ACCESS)}.")
    return text
