"""gzip of an answer while it is streamed (RFC 9110 §8.4.1.3), for who takes it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from flask import Request

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 5  # contacts shrink to a tenth with it; more costs much and saves little


def takes_gzip(request: Request) -> bool:
    """True when the caller named gzip, or everything, and not with quality 0 (RFC 9110 §12.5.3)."""
    return "Accept-Encoding" in request.headers and request.accept_encodings.quality("gzip") > 0


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces compressed, each as soon as there is something of it."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()
