"""Content codings of answers (RFC 9110 §8.4): a multistatus is sent packed to who takes gzip.

No other coding: CardDAV clients ask for gzip and deflate, and what they load once is not worth another library.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from carddav_msg.dav.exchange import Answer

_GZIP: Final = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)
_WORTH_IT: Final = 1400  # octets; what fits a packet anyway does not come sooner
_LEVEL: Final = 1  # cards become a seventh of their size; at the highest level an eighth, in six times the time
_WITH_HEADER: Final = 31  # zlib's word for the gzip format with the largest window


def coded(given: Answer, accepted: str) -> Answer:
    """The answer as a client with this Accept-Encoding header gets it."""
    if given.status != 207 or not _takes_gzip(accepted):
        return given
    body = given.body
    if isinstance(body, list) and sum(map(len, body)) < _WORTH_IT:
        return given
    kept = tuple(header for header in given.headers if header[0] != "Content-Length")
    return replace(
        given, headers=(*kept, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")), body=_packed(body)
    )


def _takes_gzip(accepted: str) -> bool:
    found = _GZIP.search(accepted)
    return found is not None and (found[1] is None or found[1].strip("0.") != "")  # q=0: anything but that


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
