"""The history of cards in shared and directory books: what was overwritten or deleted, and putting it back."""

from __future__ import annotations

from dataclasses import dataclass

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.access import DIRECTORY_SLUG, Book, BookKind
from carddav_msg.domain.audit import CardVersion
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.errors import AlreadyExists, NotFound, UidConflict
from carddav_msg.publishing.cards import Stored, put_card
from carddav_msg.publishing.directory_cards import put_directory_card
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.administration.lookup import network_named


@dataclass(frozen=True, slots=True)
class Restored:
    """A version that was put back: where, and whether the card was there before and is another one now."""

    network_id: str
    slug: str
    href: str
    created: bool
    changed: bool


class History:
    """The kept versions of one directory's cards."""

    def __init__(self, directory: Directory, renderer: Renderer) -> None:
        self._directory = directory
        self._renderer = renderer

    def versions(self, network_id: str, slug: str, name: str = "", limit: int = 100) -> list[CardVersion]:
        """Versions of the card with this href or UID (with `""`: of all cards) of a book, the newest first.

        The directory's are those of all its views.
        """
        network = network_named(self._directory, network_id)
        found = [
            version for book in self._books(network, slug) for version in self._directory.versions(book, name, limit)
        ]
        return sorted(found, key=lambda version: (version.at, version.id), reverse=True)[:limit]

    def restore(self, version: int) -> Restored:
        """Puts a version back, as a client would; a card that was deleted comes back under its href.

        Of a directory card what differs goes to the user. NotFound when there is no such version, or no such user any
        more; AlreadyExists when another card has the UID now; Forbidden for what the network's source owns.
        """

        def work(transaction: Transaction) -> Restored:
            kept = transaction.version(version)
            book = transaction.book(kept.book) if kept else None
            if kept is None or book is None:
                raise NotFound(f"There is no version {version}; `carddav-msg card history` shows those there are.")
            network = transaction.lock_network(book.network, exclusive=book.kind is BookKind.DIRECTORY)
            before = transaction.stored_card(book.id, kept.href)
            try:
                stored = self._put(transaction, book, kept)
            except UidConflict as conflict:
                raise AlreadyExists(_conflict(kept, conflict)) from None
            after = transaction.stored_card(book.id, kept.href)
            changed = before is None or after is None or before.text != after.text
            return Restored(network.network_id, book.slug, kept.href, stored.created, changed)

        return self._directory.transact(work)

    def _put(self, transaction: Transaction, book: Book, kept: CardVersion) -> Stored:
        body = kept.text.encode()
        if book.kind is not BookKind.DIRECTORY:
            return put_card(transaction, self._renderer, book, kept.href, body, Preconditions(), max_size=len(body))
        if transaction.stored_card(book.id, kept.href) is None:
            raise NotFound("The user of this card is not in the directory now; enable, list or add the user first.")
        return put_directory_card(
            transaction, self._renderer, book, kept.href, body, Preconditions(), max_size=len(body)
        )

    def _books(self, network: Network, slug: str) -> list[int]:
        if fold(slug) == DIRECTORY_SLUG:
            return [view.book for view in self._directory.directory_books(network.id)]
        for book in self._directory.shared_books(network.id):
            if book.slug == slug:
                return [book.book]
        raise NotFound(
            f"There is no shared book {slug!r} in the network {network.network_id!r}, and personal books have no "
            f"history; `carddav-msg book list {network.network_id}` shows those there are."
        )


def _conflict(kept: CardVersion, conflict: UidConflict) -> str:
    if conflict.href != kept.href:
        return (
            f"The card {conflict.href} has the UID {kept.uid} now; rename or delete it before restoring this version."
        )
    return (
        f"There is another card at {kept.href} now, with another UID; move or delete it before restoring this version."
    )
