"""The contacts of a user: what they are made of, when that last changed, and the document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from carddav_msg.directory.port import HotReads
from carddav_msg.domain.access import Book, BookKind, Principal, Privilege, privileges
from carddav_msg.formats import contacts_json
from carddav_msg.services.contacts import entries
from carddav_msg.services.contacts.bodies import Bodies
from carddav_msg.services.contacts.entries import Entry

SETTLED_AFTER = 15
"""Seconds. A change is dated when its transaction begins, and that may wait for locks (10 s) before it is seen."""
_SHIFTS = 65_536


@dataclass(frozen=True, slots=True)
class State:
    """What a user's contacts are made of at one moment.

    `tag` is the opaque part of a weak entity tag. `date` (Unix seconds) is a validator to be compared for equality; it
    proves nothing unless `settled`, since further changes may get the same date.
    """

    user: int
    books: tuple[Book, ...]
    tag: str
    date: int
    settled: bool


class Contacts:
    """The contacts of users.

    `books` are the kinds of books whose cards are contacts (`directory`, `shared`, `personal`) or names of shared ones.
    """

    def __init__(
        self,
        directory: HotReads,
        *,
        own_entry: bool,
        books: Sequence[str],
        page_size: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._own_entry = own_entry
        self._books = frozenset(books)
        self._page_size = page_size
        self._clock = clock
        self._bodies = Bodies()

    def state(self, principal: Principal, home: Sequence[Book] | None = None) -> State:
        """The state of a user's contacts, without a look at any contact; one statement, or none with the home."""
        books = tuple(
            book
            for book in (self._directory.home(principal.id) if home is None else home)
            if self._is_chosen(book) and privileges(principal, book) & Privilege.READ
        )
        made_of = (
            principal.id,
            self._own_entry,
            contacts_json.DOCUMENT_VERSION,
            [(book.id, book.epoch) for book in books],
        )
        changed = max((book.modified for book in books), default=0) // 1_000_000
        settled = self._clock() >= changed + SETTLED_AFTER
        # Seconds alone would miss that a book was taken from the user, that the user sees another view, or that a
        # setting changed: none of that dates a book. So what the contacts are made of moves the date, too.
        shift = int.from_bytes(_digest(made_of)[:2], "big") % _SHIFTS
        return State(
            user=principal.id,
            books=books,
            tag=_digest((made_of, [book.seq for book in books])).hex(),
            date=max(0, changed - shift - (0 if settled else 1)),
            settled=settled,
        )

    def _is_chosen(self, book: Book) -> bool:
        """A kind of books was chosen, or this shared book by its name."""
        return book.kind in self._books or (book.kind is BookKind.SHARED and book.slug in self._books)

    def document(self, state: State) -> Iterator[bytes]:
        """The JSON document of a state, in pieces of one page of rows."""
        own = 0 if self._own_entry else state.user
        return contacts_json.document(
            [entry.fragment for entry in page if not own or entry.user != own] for page in self._pages(state)
        )

    def gzipped(self, state: State) -> Iterator[bytes]:
        """The same document packed, most of it once for all who see the same books."""
        key = _digest([(book.id, book.epoch, book.seq) for book in state.books])
        return self._bodies.body(key, lambda: self._pages(state)).gzip(0 if self._own_entry else state.user)

    def _pages(self, state: State) -> Iterator[list[Entry]]:
        return entries.pages(self._directory, state.books, self._page_size)


def _digest(value: object) -> bytes:
    return blake2b(repr(value).encode(), digest_size=16).digest()
