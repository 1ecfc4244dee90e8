"""Documents of contacts, packed once for all viewers of the same books.

A document is a row of parts that are packed apart. A viewer's own entry is in one of them at most: that one is packed
again without it, and all others go out as they are.
"""

from __future__ import annotations

import threading
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from carddav_msg.errors import Unavailable
from carddav_msg.formats import contacts_json, deflate
from carddav_msg.services.contacts.entries import Entry

PART: Final = 128
"""Entries in a part. A document is 7 % larger than in one piece (64: 13 %); a part is packed again in half a ms."""
_PIECE: Final = 16 * 1024
_ROOM: Final = 8 * 1024 * 1024
_OVERHEAD: Final = 400


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries, packed: whom they stand for, where each ends, and (CRC-32, octets) of the document up to here."""

    packed: bytes
    users: array[int]
    ends: array[int]
    checksum: int
    size: int


class Body:
    """A packed document. Whoever needs a part that is not there yet makes it, for all others too: a slow phone keeps
    nobody waiting, and no more is read than somebody wants.
    """

    def __init__(self, pages: Iterable[Iterable[Entry]]) -> None:
        self._source = _parts(pages)
        self._parts: list[Part] = []
        self._complete = False
        self._lock = threading.Lock()
        self.is_broken = False
        self.octets = _OVERHEAD
        """About how much memory it takes."""

    def gzip(self, without: int = 0) -> Iterator[bytes]:
        """The document without the entry of a user, as one gzip member in pieces.

        Unavailable when the database can't answer; the body is broken then, for whoever has it.
        """
        waiting, length = [deflate.HEAD], 0
        lost = difference = place = checksum = size = 0
        for part in self._made():
            packed = part.packed
            if without and without in part.users:
                rest, place = _without(part, without, first=not size), part.size
                difference = zlib.crc32(rest, checksum) ^ part.checksum
                lost = part.size - size - len(rest)
                packed = deflate.packed(rest)
            waiting.append(packed)
            length += len(packed)
            if length >= _PIECE or not size:  # the first one goes out at once
                yield b"".join(waiting)
                waiting, length = [], 0
            checksum, size = part.checksum, part.size
        checksum ^= deflate.followed(difference, size - place)
        yield b"".join([*waiting, deflate.tail(checksum, size - lost)])

    def _made(self) -> Iterator[Part]:
        number = 0
        while (part := self._part(number)) is not None:
            yield part
            number += 1

    def _part(self, number: int) -> Part | None:
        if number >= len(self._parts) and not self._complete:
            with self._lock:
                if number >= len(self._parts) and not self._complete:
                    self._make()
        return self._parts[number] if number < len(self._parts) else None

    def _make(self) -> None:
        if self.is_broken:
            raise Unavailable("The contacts could not be read to their end.")
        try:
            part = next(self._source, None)
        except BaseException:  # after whatever failed in it, a generator would say that it is at its end
            self.is_broken = True
            raise
        if part is None:
            self._complete = True
        else:
            self._parts.append(part)
            self.octets += len(part.packed) + part.users.itemsize * len(part.users) * 2 + _OVERHEAD


class Bodies:
    """The bodies that were asked for last, by what they are made of, in `room` octets and those that are being made."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._bodies: OrderedDict[bytes, Body] = OrderedDict()
        self._lock = threading.Lock()

    def body(self, key: bytes, pages: Callable[[], Iterable[Iterable[Entry]]]) -> Body:
        """The body that is kept under a key, or a new one of these pages."""
        with self._lock:
            body = self._bodies.pop(key, None)
            if body is None or body.is_broken:
                body = Body(pages())
            self._bodies[key] = body
            taken = sum(one.octets for one in self._bodies.values())
            while taken > self._room:
                taken -= self._bodies.popitem(last=False)[1].octets
        return body


def _parts(pages: Iterable[Iterable[Entry]]) -> Iterator[Part]:
    text = bytearray(contacts_json.BEGIN)
    users, ends = array("q"), array("I")
    checksum = size = 0
    comma = b""
    for page in pages:
        for user, fragment in page:
            if len(users) == PART:
                checksum, size = zlib.crc32(text, checksum), size + len(text)
                yield Part(deflate.packed(text), users, ends, checksum, size)
                text.clear()
                users, ends = array("q"), array("I")
            text += comma
            text += fragment.encode("utf-8", "replace")
            comma = contacts_json.COMMA
            users.append(user)
            ends.append(len(text))
    text += contacts_json.END
    yield Part(deflate.packed(text), users, ends, zlib.crc32(text, checksum), size + len(text))


def _without(part: Part, user: int, *, first: bool) -> bytes:
    """The text of a part without a user's entry; `first` says that the document begins with the part."""
    text, entry = deflate.unpacked(part.packed), part.users.index(user)
    begin, end = part.ends[entry - 1] if entry else 0, part.ends[entry]
    if first and not entry:
        # Only the very first entry has no comma in front of it: the one behind it is the first one now.
        begin, end = len(contacts_json.BEGIN), end + (len(contacts_json.COMMA) if len(part.users) > 1 else 0)
    return text[:begin] + text[end:]
