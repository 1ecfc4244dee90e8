"""gzip made of parts that are compressed apart, so that answers which differ in one part share the others.

A gzip member is one deflate stream (RFC 1952 §2.2), which is a sequence of blocks (RFC 1951 §3.2.3). Each part here
ends at a byte and looks back at nothing before it, so any parts in a row are a stream. A file may also have several
members (RFC 1952 §2.2), but OkHttp for one reads the first only.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Final

HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""What a gzip member begins with: deflate, no name, no time (RFC 1952 §2.3)."""
_LAST_BLOCK: Final = b"\x03\x00"
_LEVEL: Final = 5  # contacts shrink to a tenth with it; more costs much and saves little
_POLYNOMIAL: Final = 0xEDB88320


def packed(data: bytes | bytearray) -> bytes:
    """One part: blocks of a deflate stream, none of them the last one."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


def unpacked(part: bytes) -> bytes:
    """What was packed into a part."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(part)


def tail(checksum: int, size: int) -> bytes:
    """What ends a member whose parts held `size` bytes with this CRC-32 in all (RFC 1952 §2.3.1)."""
    return _LAST_BLOCK + checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def followed(difference: int, size: int) -> int:
    """What becomes of the difference (xor) of two CRC-32 when the same `size` bytes follow both.

    The CRC is linear: each byte that follows multiplies the difference by x^8, whatever the byte is.
    """
    for power in _powers():
        if size & 1:
            difference = _product(difference, power)
        size >>= 1
        if not size:
            break
    return difference


@cache
def _powers() -> tuple[int, ...]:
    """x^8, x^16, x^32 … modulo the polynomial, for sizes up to 2^48; the highest bit is the lowest power."""
    powers = [1 << 23]
    while len(powers) < 48:
        powers.append(_product(powers[-1], powers[-1]))
    return tuple(powers)


def _product(one: int, other: int) -> int:
    """The product of two polynomials modulo that of CRC-32."""
    product = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ _POLYNOMIAL if other & 1 else other >> 1
    return product
