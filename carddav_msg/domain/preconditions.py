"""Preconditions of a write (RFC 9110 §13.1, RFC 4918 §10.4, RFC 6578 §5), tested in the writing transaction."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from carddav_msg.domain.synctoken import SyncToken, ctag
from carddav_msg.errors import PreconditionFailed

ANY = "*"


class Resource(enum.Enum):
    """Of which resource a condition speaks. Of others nothing is known here: no condition on them holds."""

    CARD = enum.auto()
    BOOK = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of an If header: the resource has this `state`, an entity tag with its quotes or a state token.

    The only state tokens there are here are the sync tokens of books: there are no locks.
    """

    state: str
    resource: Resource = Resource.CARD
    negated: bool = False

    def holds(self, etag: str | None, book: SyncToken | None) -> bool:
        """Whether it does for a card with this etag in a book in this state."""
        states: tuple[str | None, ...] = ()
        if self.resource is Resource.CARD:
            states = (etag,)
        elif self.resource is Resource.BOOK and book:
            states = (f'"{ctag(book.book, book.epoch, book.seq)}"', str(book))
        return (self.state in states) is not self.negated


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Entity tags with their quotes, as sent; `*` means any. None = the header is absent.

    Of the lists of `states` one must hold, with all its conditions.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    states: tuple[tuple[Condition, ...], ...] | None = None

    def check(self, etag: str | None, book: SyncToken | None = None) -> None:
        """Raises PreconditionFailed unless the preconditions hold for a card with this etag (None = no such card) in a
        book in this state."""
        if self.states is not None and not any(all(c.holds(etag, book) for c in some) for some in self.states):
            raise PreconditionFailed("What the If header says of the card or its address book is not so.")
        if self.if_match is not None and not _matches(self.if_match, etag):
            raise PreconditionFailed("The card has changed since it was read, or is gone.")
        if self.if_none_match is not None and _matches(self.if_none_match, etag):
            raise PreconditionFailed("There is a card already.")


def _matches(tags: tuple[str, ...], etag: str | None) -> bool:
    return etag is not None and (ANY in tags or etag in tags)
