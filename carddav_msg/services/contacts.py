"""Web Service Contacts: the stored fragments of the books a user may read, and when they last changed (DESIGN §3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from carddav_msg.directory.port import HotReads
from carddav_msg.domain.access import Book, BookKind, Principal, Privilege, privileges
from carddav_msg.formats import contacts_json

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

    def state(self, principal: Principal) -> State:
        """The state of a user's contacts, in one statement and without a look at any contact."""
        books = tuple(
            book
            for book in self._directory.home(principal.id)
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
        pieces: list[str] = []
        for piece in contacts_json.document(self._fragments(state)):
            pieces.append(piece)
            if len(pieces) >= self._page_size:
                yield "".join(pieces).encode("utf-8", "replace")
                pieces.clear()
        yield "".join(pieces).encode("utf-8", "replace")

    def _fragments(self, state: State) -> Iterator[str]:
        for book in state.books:
            for user, fragment in self._of_book(book):
                if self._own_entry or user != state.user:
                    yield fragment

    def _of_book(self, book: Book) -> Iterator[tuple[int, str]]:
        """(user or 0, fragment) of each card once; one that changes while we read may come in its old or new form."""
        after, sent = 0, set[str]()
        while page := self._directory.fragments(book.id, after, self._page_size):
            for seq, user, fragment in page:
                # A card that was changed since the answer began turns up again, behind the number read before.
                if seq <= book.seq or _contact_id(fragment) not in sent:
                    yield user, fragment
            if len(page) < self._page_size:
                return
            sent.update(_contact_id(fragment) for _, _, fragment in page)
            after = page[-1][0]


def _contact_id(fragment: str) -> str:
    """The first member of a fragment, its `contactId`: a comma and a quote can't stand unescaped inside of it."""
    return fragment.partition(',"')[0]


def _digest(value: object) -> bytes:
    return blake2b(repr(value).encode(), digest_size=16).digest()
