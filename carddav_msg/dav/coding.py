"""Content codings of answers (RFC 9110 §8.4): a multistatus is sent packed to who takes gzip.

No other coding: CardDAV clients ask for gzip and deflate, and what they load once is not worth another library.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from carddav_msg.dav.exchange import Answer

_WORTH_IT: Final = 1400  # octets; what fits a packet anyway does not come sooner
_LEVEL: Final = 1  # cards become a seventh of their size; at the highest level an eighth, in six times the time
_WITH_HEADER: Final = 31  # zlib's word for the gzip format with the largest window


def coded(given: Answer, accepted: str) -> Answer:
    """The answer as a client with this Accept-Encoding header gets it."""
    body = given.body
    short = isinstance(body, list) and sum(map(len, body)) < _WORTH_IT
    if given.status != 207 or short or not _takes_gzip(accepted):
        return given
    kept = tuple(header for header in given.headers if header[0] != "Content-Length")
    return replace(
        given, headers=(*kept, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")), body=_packed(body)
    )


def _takes_gzip(accepted: str) -> bool:
    """True when it is named, or everything, and not with a weight of nothing (§8.4.1.3, §12.5.3)."""
    weights = parse_accept_header(accepted, Accept)
    return weights.quality("gzip") > 0 or weights.quality("x-gzip") > 0


def _packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WITH_HEADER)
    begun = False
    for chunk in chunks:
        piece = packer.compress(chunk)
        if not begun:
            piece += packer.flush(zlib.Z_SYNC_FLUSH)  # a phone sees at once that something comes
            begun = True
        if piece:
            yield piece
    yield packer.flush()
