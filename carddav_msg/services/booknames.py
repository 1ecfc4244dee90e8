"""The names in a book, kept while the book is as it was: a user who types into a search asks again with each letter.

The database gives all names at once for what it takes to look through them; looking through them here takes a tenth.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from carddav_msg.directory.port import HotReads
from carddav_msg.directory.rows import NAME_END
from carddav_msg.domain.access import Book

_ROOM: Final = 16 * 1024 * 1024  # octets of all names of a process: a book of 100,000 cards has 3 MB
_END: Final = NAME_END.encode()


@dataclass(frozen=True, slots=True)
class _Names:
    """The compared names of a book's cards in one text, and the cards' row numbers in the same order."""

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
        self._names: OrderedDict[tuple[int, int, int], _Names] = OrderedDict()
        self._lock = threading.Lock()

    def having(self, book: Book, text: str) -> Iterator[int]:
        """The row numbers of the cards whose `fn_key` contains a text that is not empty."""
        state = (book.id, book.epoch, book.seq)
        with self._lock:
            names = self._names.get(state)
            if names is not None:
                self._names.move_to_end(state)
        if names is None:
            names = self._read(book.id)
            self._keep(state, names)
        return names.having(text.encode())

    def _read(self, book: int) -> _Names:
        cards, text = self._directory.names(book)
        return _Names(text.encode(), array("q", map(int, cards.split(",") if cards else ())))

    def _keep(self, state: tuple[int, int, int], names: _Names) -> None:
        with self._lock:
            self._names[state] = names
            taken = sum(kept.size for kept in self._names.values())
            while taken > _ROOM:
                taken -= self._names.popitem(last=False)[1].size
