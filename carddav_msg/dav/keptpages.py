"""Long texts of answers, kept for all who ask the same of the same state of a book.

After a roll-out, or a change, each phone of a network loads the whole directory. The cards are read and written as XML
for the first of them; the others get what was sent to that one, with their own addresses in it.

Kept on disk, in files that have no name, so that a book of 100,000 cards costs no memory, and what is not asked for any
more is the operating system's to forget. The key has the state in it: nothing has to be taken back.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from tempfile import mkstemp
from typing import Final

from carddav_msg.dav.cardtext import CardText
from carddav_msg.dav.exchange import BookRequest

HERE: Final = "\0"
"""Stands in a kept text for the address of the book, in which the reader's name is; XML has no NUL."""
_HERE: Final = HERE.encode()
_ROOM: Final = 256 * 1024 * 1024  # octets on disk, of all texts of a process: a book of 100,000 cards has 150 MB
_TEXTS: Final = 512  # of which each has a descriptor
_WORTH_IT: Final = 64 * 1024  # octets; a shorter text is as quick to write again
_PIECE: Final = 64 * 1024


class _Text:
    """A text in a file without a name, which ends with its last reader."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = 0

    def __del__(self) -> None:
        os.close(self._descriptor)

    def write(self, data: bytes) -> None:
        """Appends; OSError when there is no room."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self.size += len(data)

    def pieces(self) -> Iterator[bytes]:
        """What was written, read beside others that read it."""
        for place in range(0, self.size, _PIECE):
            yield os.pread(self._descriptor, min(_PIECE, self.size - place), place)


def _new_text() -> _Text:
    descriptor, name = mkstemp(prefix="carddav-msg-")
    os.unlink(name)
    return _Text(descriptor)


class KeptPages:
    """The texts that were asked for last. Threads share it; nothing is opened before the first one."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._texts: OrderedDict[bytes, _Text] = OrderedDict()
        self._lock = threading.Lock()

    def pages(
        self, asked: BookRequest, text: CardText, which: tuple[str, ...], pages: Iterable[str]
    ) -> Iterator[bytes]:
        """The `pages`, or what was kept of them, and then they are not read: responses that `text`, with HERE as its
        base, writes for cards of the book that was asked. `which` says for which cards. Who may read the book is not
        asked here.
        """
        made_of = (asked.book.id, asked.book.epoch, asked.book.seq, text.form, which)
        key = blake2b(repr(made_of).encode(), digest_size=16).digest()
        base = asked.href.encode()
        with self._lock:
            kept = self._texts.get(key)
            if kept is not None:
                self._texts.move_to_end(key)
        pieces = self._made(key, pages) if kept is None else kept.pieces()
        return (piece.replace(_HERE, base) for piece in pieces)

    def _made(self, key: bytes, pages: Iterable[str]) -> Iterator[bytes]:
        """A new text. It is kept if somebody reads it to its end, and there is room; readers never wait for another."""
        waiting: list[bytes] = []
        text: _Text | None = None
        size, keeps = 0, True
        for page in pages:
            piece = page.encode()
            size += len(piece)
            keeps = keeps and size <= self._room // 8
            if keeps:
                waiting.append(piece)
                if size >= _WORTH_IT:
                    try:
                        text = text or _new_text()
                        text.write(b"".join(waiting))
                    except OSError:  # no room on disk: then it is not kept
                        keeps = False
                    waiting.clear()
            yield piece
        if text is not None and keeps:
            self._keep(key, text)

    def _keep(self, key: bytes, text: _Text) -> None:
        with self._lock:
            self._texts[key] = text
            taken = sum(one.size for one in self._texts.values())
            while taken > self._room or len(self._texts) > _TEXTS:
                taken -= self._texts.popitem(last=False)[1].size
