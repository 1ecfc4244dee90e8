"""A visit: what the three plugins know in common about the request that is being answered.

Radicale tells each plugin a part: the auth plugin sees the request, rights a path and a login, storage a path. The auth
plugin is asked first (`get_external_login`, on every request) and begins the visit; a ContextVar carries it on.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from carddav_msg.domain.access import Book, Principal
from carddav_msg.errors import CarddavMsgError, ConfigurationError, Forbidden, Unavailable
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.authentication import Authentication, Visitor


@dataclass(slots=True)
class Visit:
    """One request, begun by the auth plugin.

    `segment` is the first segment of its path, `media_type` that of its body. `name` is what the engine calls the
    visitor: the first segment of the paths of the home. `conditional` says that the request carries If-Match or
    If-None-Match; `found` are the etags of the cards, by book and href, that the engine tested it against. `failure` is
    the error of our own that the engine was told of, for who can answer it better.
    """

    authentication: Authentication
    addressbooks: AddressBooks
    host: str = ""
    address: str = ""
    segment: str = ""
    media_type: str = ""
    name: str = ""
    conditional: bool = False
    found: dict[tuple[int, str], str] = field(default_factory=dict)
    visitor: Visitor | None = None
    failure: CarddavMsgError | None = None
    _books: dict[str, Book] | None = field(default=None, repr=False)

    def let_in(self, visitor: Visitor, name: str) -> None:
        """The user has proved who they are."""
        self.visitor = visitor
        self.name = name

    @property
    def principal(self) -> Principal:
        """The user who asks; only for requests of an authenticated user."""
        if self.visitor is None:
            raise ConfigurationError(["The storage and rights of radicale_carddav_msg serve authenticated users only."])
        return self.visitor.principal

    @property
    def books(self) -> Mapping[str, Book]:
        """The books of the user's home by slug, read once: what the engine asks after that is answered from here."""
        if self._books is None:
            self._books = {book.slug: book for book in self.addressbooks.home(self.principal)}
        return self._books

    def books_changed(self) -> None:
        """The books have to be read again."""
        self._books = None


_current: ContextVar[Visit | None] = ContextVar("radicale_carddav_msg.visit", default=None)


def begin(visit: Visit) -> Visit:
    """Makes the visit the current one; the one before it on this thread is over."""
    _current.set(visit)
    return visit


def current() -> Visit:
    """The visit of the request that is being answered."""
    visit = _current.get()
    if visit is None:
        raise ConfigurationError(
            ["The rights and storage of radicale_carddav_msg need `type = radicale_carddav_msg.auth` in [auth] too."]
        )
    return visit


def failure() -> CarddavMsgError | None:
    """The error that the engine was told of in the last visit on this thread."""
    visit = _current.get()
    return visit.failure if visit else None


def end() -> None:
    """Forgets the visit."""
    _current.set(None)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turns our errors into the ValueError that the engine answers, and notes them in the visit.

    The engine looks for an error number in the text: EACCES becomes 403, another one 500, a text without one 400.
    """
    try:
        yield
    except CarddavMsgError as error:
        current().failure = error
        raise ValueError(f"{_error_number(error)}{error}") from None


def _error_number(error: CarddavMsgError) -> str:
    if isinstance(error, Forbidden):
        return f"[Errno {errno.EACCES}] "
    return f"[Errno {errno.EAGAIN}] " if isinstance(error, Unavailable) else ""
