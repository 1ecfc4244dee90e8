"""Packed documents: the same to the byte as plain ones, however they are cut, shared and interrupted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.errors import Unavailable
from carddav_msg.services.contacts.bodies import PART, Bodies, Body
from carddav_msg.services.contacts.entries import Entry


def entries(users: list[int]) -> list[Entry]:
    """An entry for each user, 0 for those that stand for nobody; they don't pack well."""
    return [
        Entry(user, json.dumps({"place": place, "text": sha256(b"%d" % place).hexdigest()}))
        for place, user in enumerate(users)
    ]


def unpacked(pieces: Iterator[bytes]) -> bytes:
    """What a reader gets that stops behind the first member and checks its sum and its length."""
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = reader.decompress(b"".join(pieces))
    assert reader.eof
    assert not reader.unused_data
    return text


def places(text: bytes) -> list[int]:
    """The entries of a document, by place."""
    return [entry["place"] for entry in json.loads(text)["contacts"]]


@given(
    count=st.sampled_from([0, 1, 2, 3, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1, 3 * PART + 7]),
    own=st.integers(0, 3 * PART + 7),
    size=st.sampled_from([1, 2, PART, 1000]),
)
def test_an_own_entry_is_cut_out_anywhere(count: int, own: int, size: int) -> None:
    """Wherever the own entry stands, the rest is there; a second viewer of the same body gets the other rest."""
    all_ = entries([place + 1 if place % 3 else 0 for place in range(count)])
    body = Body(all_[start : start + size] for start in range(0, count, size))
    assert places(unpacked(body.gzip(own + 1))) == [p for p in range(count) if p != own or p % 3 == 0]
    assert places(unpacked(body.gzip())) == list(range(count))


def test_readers_at_different_speeds_share_the_work() -> None:
    """A reader that stops after its first piece holds up nobody, and each page is read once."""
    read: list[int] = []

    def pages() -> Iterator[list[Entry]]:
        for start in range(0, 100 * PART, 2 * PART):
            read.append(start)
            yield entries(list(range(start + 1, start + 1 + 2 * PART)))

    body = Body(pages())
    slow = body.gzip(5)
    first = next(slow)
    assert len(read) == 1
    quick = unpacked(body.gzip(7))
    assert len(read) == 50
    rest = b"".join(slow)
    assert len(read) == 50
    assert len(places(unpacked(iter([first, rest])))) == len(places(quick)) == 100 * PART - 1


@pytest.mark.parametrize("error", [Unavailable("gone"), MemoryError()], ids=["database", "memory"])
def test_a_body_that_broke_is_never_taken_for_a_whole_one(error: BaseException) -> None:
    """Whatever ends it in between, all who read the body learn it, and the next one gets a new body."""

    def broken() -> Iterator[list[Entry]]:
        yield entries([1] * 3 * PART)
        raise error

    bodies = Bodies()
    body = bodies.body(b"key", broken)
    with pytest.raises(type(error)):
        list(body.gzip())
    with pytest.raises(Unavailable):
        list(body.gzip())
    again = bodies.body(b"key", lambda: iter([entries([1, 2])]))
    assert places(unpacked(again.gzip())) == [0, 1]


def test_bodies_are_kept_in_bounded_memory() -> None:
    """Which was not asked for the longest goes first, when the next one is asked for."""
    made: list[bytes] = []

    def body(key: bytes) -> None:
        def pages() -> Iterator[list[Entry]]:
            made.append(key)
            return iter([entries(list(range(1, 500)))])

        list(bodies.body(key, pages).gzip())

    bodies = Bodies()
    body(b"size")
    bodies = Bodies(room=int(2.5 * bodies.body(b"size", lambda: iter(())).octets))
    made.clear()
    for key in (b"one", b"two", b"one", b"three", b"four", b"one", b"two"):
        body(key)
    assert made == [b"one", b"two", b"three", b"four", b"two"]
