"""gzip of parts that were packed apart."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.formats import deflate

DATA = st.binary(max_size=300)


@given(parts=st.lists(DATA, max_size=5))
def test_any_parts_make_one_member(parts: list[bytes]) -> None:
    """Parts in a row are one gzip member with the sum and the length of all; each can be unpacked by itself."""
    whole = b"".join(parts)
    packed = [deflate.packed(part) for part in parts]
    member = deflate.HEAD + b"".join(packed) + deflate.tail(zlib.crc32(whole), len(whole))
    assert gzip.decompress(member) == whole
    assert [deflate.unpacked(part) for part in packed] == parts


@given(one=DATA, other=DATA, rest=st.binary(max_size=3000))
def test_a_difference_of_sums_goes_on_behind_the_same_bytes(one: bytes, other: bytes, rest: bytes) -> None:
    """The sum of a changed beginning is known from its difference alone, whatever follows."""
    before = zlib.crc32(one) ^ zlib.crc32(other)
    assert zlib.crc32(one + rest) ^ zlib.crc32(other + rest) == deflate.followed(before, len(rest))
