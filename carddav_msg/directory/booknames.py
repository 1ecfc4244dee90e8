"""The names in a book, kept while the book is as it was: a user who types into a search asks again with each letter.

The database gives all names at once for three times what it takes to look through them; looking through them here
takes a tenth.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from carddav_msg.directory.port import HotReads
from carddav_msg.directory.rows import LONG_NAME, NAME_END
from carddav_msg.domain.access import Book

_ROOM: Final = 16 * 1024 * 1024  # octets of all names of a process: a book of 100,000 cards has 3 MB
_BOOKS: Final = 512
_CARDS: Final = 250_000
"""Cards of a book whose names are read in one piece; those of a larger one are not."""
_END: Final = NAME_END.encode()
_LONG: Final = LONG_NAME.encode()


@dataclass(frozen=True, slots=True)
class _Names:
    """The compared names of a book's cards in one text, and the cards' row numbers in the same order; `state` is the
    book's epoch and seq.
    """

    state: tuple[int, int]
    text: bytes
    cards: array[int]

    @property
    def size(self) -> int:
        return len(self.text) + len(self.cards) * self.cards.itemsize

    def having(self, wanted: bytes) -> Iterator[int]:
        """The cards whose names contain a text that is not empty."""
        card = place = 0
        while (found := self.text.find(wanted, place)) >= 0:
            card += self.text.count(_END, place, found)
            yield self.cards[card]
            place = self.text.find(_END, found)
            if place < 0:
                return


class BookNames:
    """The names of the books that were searched last. Threads share it."""

    def __init__(self, directory: HotReads) -> None:
        self._directory = directory
        self._names: OrderedDict[int, _Names] = OrderedDict()
        self._lock = threading.Lock()

    def having(self, book: Book, text: str) -> Iterator[int] | None:
        """The row numbers of the cards whose `fn_key` contains a text that is not empty, or is a long one that may.
        None when all cards have to be looked at.
        """
        with self._lock:
            names = self._names.get(book.id)
            if names is not None:
                self._names.move_to_end(book.id)
        if names is None or names.state != (book.epoch, book.seq):
            names = self._read(book)
            if names is None:
                return None
            self._keep(book.id, names)
        return chain(names.having(_LONG), names.having(text.encode()))

    def _read(self, book: Book) -> _Names | None:
        count, rows, text = self._directory.names(book.id, _CARDS)
        cards = array("q", map(int, rows.split(",") if rows else ()))
        if len(cards) != count or text.count(NAME_END) != max(0, count - 1):
            return None
        return _Names((book.epoch, book.seq), text.encode(), cards)

    def _keep(self, book: int, names: _Names) -> None:
        with self._lock:
            self._names[book] = names
            taken = sum(kept.size for kept in self._names.values())
            while taken > _ROOM or len(self._names) > _BOOKS:
                taken -= self._names.popitem(last=False)[1].size
