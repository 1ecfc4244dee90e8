"""The mass-deletion guard: a client that empties a shared book in the belief that it is its own is stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from carddav_msg.directory.port import Transaction
from carddav_msg.domain.access import Book
from carddav_msg.errors import Forbidden

log = logging.getLogger(__name__)

_TIME: Final = 10 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class DeletionGuard:
    """How much one user may delete in a shared book.

    Refused is the deletion that makes it more than `cards` and more than `percent` of the book by one user in ten
    minutes, counted in the database, unless `book allow-delete` allows it for a while.
    """

    cards: int
    percent: int

    def check(self, transaction: Transaction, book: Book) -> None:
        """Raises Forbidden when one more deletion by the actor is too many."""
        deleted = transaction.deleted_lately(book.id, transaction.now - _TIME) + 1
        if deleted <= self.cards or transaction.deletions_allowed_until(book.id) > transaction.now:
            return
        before = transaction.count_cards(book.id) + deleted - 1
        if deleted * 100 > before * self.percent:
            log.warning("The mass-deletion guard refused a deletion by %s in book %d.", transaction.actor.name, book.id)
            raise Forbidden(
                "unbind",
                f"You have deleted {deleted - 1} of {before} cards of {book.display_name!r} within ten minutes. "
                "If that is meant, an operator allows it: carddav-msg book allow-delete.",
            )
