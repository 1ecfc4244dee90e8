"""Reading a request body: complete, bounded, with or without a length (RFC 9112 §6)."""

from __future__ import annotations

from contextlib import suppress
from wsgiref.types import WSGIEnvironment

from carddav_msg.dav.exchange import Answer
from carddav_msg.dav.faults import refusal

_PIECE = 64 * 1024
_DISCARDED = 32 * 1024 * 1024


def read_body(environ: WSGIEnvironment, limit: int) -> bytes | Answer:
    """The whole body, or the answer to one that is too large (413), cut off or of an unreadable length (400, 411)."""
    announced = environ.get("CONTENT_LENGTH") or ""
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    if not announced and not chunked:
        return b""
    if chunked:
        # Only a server that marks the end of its input can be read to the end (ours does, and de-chunks).
        if not environ.get("wsgi.input_terminated"):
            return refusal(411, "Send the request with a Content-Length.", reason="no length")
        length = None
    else:
        if not (announced.isascii() and announced.isdigit()):
            return refusal(400, "The header Content-Length is not a number.", reason="Content-Length")
        length = int(announced) if len(announced) < 19 else limit + 1
        if length > limit:
            return _too_large(environ, limit)
    try:
        body = _read(environ, limit + 1 if length is None else length)
    except OSError as error:  # what servers raise for a broken chunk or a connection that ended
        return refusal(400, "The request body could not be read.", reason=type(error).__name__)
    if len(body) > limit:
        return _too_large(environ, limit)
    if length is not None and len(body) < length:
        return refusal(400, "The request body is shorter than its Content-Length.", reason="body cut off")
    return body


def _read(environ: WSGIEnvironment, most: int) -> bytes:
    stream = environ["wsgi.input"]
    body: bytes = stream.read(most)
    while body and len(body) < most:
        piece = stream.read(min(_PIECE, most - len(body)))
        if not piece:
            break
        body += piece
    return body


def _discard(environ: WSGIEnvironment) -> None:
    """Reads on for a while: a client that is still sending when the connection is closed never sees the answer."""
    left = _DISCARDED
    with suppress(OSError):
        while left > 0 and (piece := environ["wsgi.input"].read(_PIECE)):
            left -= len(piece)


def _too_large(environ: WSGIEnvironment, limit: int) -> Answer:
    _discard(environ)
    return refusal(
        413,
        f"The request body is larger than {limit} bytes.",
        condition="<CR:max-resource-size/>",
        reason="body too large",
    )
