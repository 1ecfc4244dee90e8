"""What is in a document of contacts: the cards of some books, each person once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from carddav_msg.directory.port import HotReads
from carddav_msg.domain.access import Book

_FIRST: Final = 200
"""Rows of the first page: what a phone waits for before the first byte."""


class Entry(NamedTuple):
    """A contact: the user it stands for, or 0, and its JSON."""

    user: int
    fragment: str


def pages(directory: HotReads, books: Sequence[Book], size: int) -> Iterator[list[Entry]]:
    """The contacts of these books in their order, in pages of at most `size`.

    A user who has cards in several books is one contact, that of the first book: apps know people by Cloud Username and
    Network ID, and would list the same colleague twice. A card that changes while we read comes in its old or new form.
    """
    met = _Users()
    for book in books:
        for page in _of_book(directory, book, size):
            yield [entry for entry in page if not entry.user or met.is_new(entry.user)]


def _of_book(directory: HotReads, book: Book, size: int) -> Iterator[list[Entry]]:
    """The cards of a book; those that stand for nobody once, the others perhaps twice."""
    after, sent, limit = 0, set[str](), min(size, _FIRST)
    while rows := directory.fragments(book.id, after, limit):
        yield [
            Entry(user, fragment)
            for seq, user, fragment in rows
            # A card that was changed since the answer began turns up again, behind the number read before.
            if user or seq <= book.seq or _contact_id(fragment) not in sent
        ]
        if len(rows) < limit:
            return
        limit = size
        sent.update(_contact_id(fragment) for _, user, fragment in rows if not user)
        after = rows[-1][0]


def _contact_id(fragment: str) -> str:
    """The first member of a fragment, its `contactId`: a comma and a quote can't stand unescaped inside of it."""
    return fragment.partition(',"')[0]


class _Users:
    """A set of users, a bit each: a set of numbers would take a hundred times as much."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def is_new(self, user: int) -> bool:
        """True the first time."""
        place, bit = user >> 3, 1 << (user & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        new = not self._bits[place] & bit
        self._bits[place] |= bit
        return new
