"""A request that was let in, and an answer; the vocabulary of this room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from wsgiref.types import WSGIEnvironment

from carddav_msg.dav.multistatus import CHUNK, href_segment
from carddav_msg.domain.access import Book, Principal
from carddav_msg.domain.hrefs import DavPath
from carddav_msg.services.authentication import Visitor

DAV: Final = "1, 3, addressbook, extended-mkcol"
"""The compliance classes that work (RFC 4918 §18, RFC 6352 §6.1, RFC 5689): no locks, hence no class 2."""

XML: Final = "application/xml; charset=utf-8"
VCARD: Final = "text/vcard;charset=utf-8"

_DEFAULT_PORT: Final = re.compile(r":(?:80|443)?\Z")
_MINIMAL: Final = re.compile(r'(?:^|,)\s*return\s*=\s*"?minimal"?\s*(?:[;,]|$)', re.IGNORECASE)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a known visitor. `prefix` is the mount point without a slash at its end, `body` is complete.

    `public_host` is a host (and port) that clients know us by besides the one they ask: a proxy may ask another one.
    """

    method: str
    prefix: str
    path: DavPath
    visitor: Visitor
    body: bytes
    environ: WSGIEnvironment
    public_host: str = ""

    @property
    def principal(self) -> Principal:
        return self.visitor.principal

    def header(self, name: str) -> str | None:
        """A header by its WSGI name without `HTTP_`; None when it was not sent."""
        value: str | None = self.environ.get("HTTP_" + name)
        return value

    @property
    def minimal(self) -> bool:
        """True when properties that don't exist need not be named (RFC 8144 §2.1), or with Apple's older header."""
        return self.prefers_minimal or (self.header("BRIEF") or "").strip().lower() == "t"

    @property
    def prefers_minimal(self) -> bool:
        """True when it says so in the way that is acknowledged with Preference-Applied (RFC 7240 §3)."""
        return bool(_MINIMAL.search(self.header("PREFER") or ""))

    def is_ours(self, host: str) -> bool:
        """True for a host (and port) that is ours: the one that was asked, the public one, or none at all."""
        return not host or _known(host) in (_known(self.header("HOST") or ""), _known(self.public_host))

    @property
    def root_href(self) -> str:
        return f"{self.prefix}/"

    @property
    def home_href(self) -> str:
        """The principal's home in the spelling of this request, if it has one; escaped for XML, as the other hrefs."""
        return f"{self.prefix}/{href_segment(self.path.principal or self.principal.login)}/"

    @property
    def book_href(self) -> str:
        return f"{self.home_href}{href_segment(self.path.book)}/"

    @property
    def href(self) -> str:
        """The resource itself, with a slash at its end unless it is a card."""
        segments = "/".join(map(href_segment, self.path.segments))
        return f"{self.prefix}/{segments}{'/' if 0 < len(self.path.segments) < 3 else ''}"


def _known(host: str) -> str:
    return _DEFAULT_PORT.sub("", host.strip().lower())


@dataclass(frozen=True, slots=True)
class BookRequest:
    """A request for a book that the principal may read, or for a card of it. `max_card_size` is in octets."""

    request: Request
    book: Book
    max_card_size: int

    @property
    def principal(self) -> Principal:
        return self.request.principal

    @property
    def href(self) -> str:
        """The book, with a slash at its end."""
        return f"{self.request.home_href}{href_segment(self.book.slug)}/"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and the chunks of the body. `reason` is for the log and set when the request was refused; `sync`
    is for counters: `full` or `delta` where it is one.
    """

    status: int
    headers: Headers = ()
    body: Iterable[bytes] = ()
    reason: str = ""
    sync: str = ""


def answer(status: int, body: bytes = b"", *headers: tuple[str, str], reason: str = "") -> Answer:
    """An answer whose body is at hand; 204 and 304 have none (RFC 9110 §8.6)."""
    if status in (204, 304):
        return Answer(status, (*headers, ("DAV", DAV)), [])
    # A list: the server sends it at once, and looks at anything else a piece at a time.
    return Answer(status, (*headers, ("DAV", DAV), ("Content-Length", str(len(body)))), [body], reason)


def streamed(pieces: Iterable[str | bytes], status: int = 207, *headers: tuple[str, str]) -> Answer:
    """A multistatus, or another answer with its headers, of the pieces of its text, sent while it is being read.

    The first rows are read before this returns, so that what fails at the beginning still becomes a status.
    """
    headers = headers or (("Content-Type", XML),)
    chunks = _chunks(pieces)
    first = next(chunks, b"")
    second = next(chunks, None)
    if second is None:
        return answer(status, first, *headers)
    return Answer(status, (*headers, ("DAV", DAV)), _rejoined(first, second, chunks))


def _rejoined(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _chunks(pieces: Iterable[str | bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece.encode() if isinstance(piece, str) else piece)
        size += len(waiting[-1])
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
