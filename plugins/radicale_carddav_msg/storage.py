"""Storage plugin: paths of the engine → the home of the user who asks, its books, their cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from radicale import types
from radicale.config import Configuration
from radicale.item import Item
from radicale.storage import BaseCollection, BaseStorage

from carddav_msg.errors import ConfigurationError, Forbidden
from radicale_carddav_msg.collection import COLOR, DESCRIPTION, DISPLAY_NAME, TAG, AddressBook, Home
from radicale_carddav_msg.item import keep_client_bytes
from radicale_carddav_msg.visit import Visit, current, engine_errors


class Storage(BaseStorage):
    """The directory behind the engine. Radicale builds it twice per application: building it does next to nothing."""

    # Names are checked where they are stored; without these the engine answers 400 to hrefs with `: ' , *`.
    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        keep_client_bytes()

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: Callable[[str, str | None], AbstractContextManager[None]] | None = None,
        user_groups: set[str] = frozenset(),  # type: ignore[assignment]  # never changed; the engine's default is a set
    ) -> Iterator[types.CollectionOrItem]:
        """The object at a path and, unless depth is "0", its children: books of a home, cards of a book.

        The engine asks for each user's home before every request and looks at the first result only: the home comes
        before anything is read.
        """
        visit = current()
        children = depth != "0"
        segments = [segment for segment in path.split("/") if segment]
        if not segments:
            yield Home("")
            if children and visit.name:
                yield Home(visit.name)
        elif segments[0] == visit.name:
            yield from _in_home(visit, segments[1:], children)

    def create_collection(
        self, href: str, items: Iterable[Item] | None = None, props: Mapping[str, str] | None = None
    ) -> tuple[BaseCollection, dict[str, Item], list[str]]:
        """A further personal book (extended MKCOL, RFC 5689); every other collection is refused with 403."""
        visit = current()
        login, _, slug = href.strip("/").partition("/")
        with engine_errors():
            given = dict(props or {})
            if items is not None or given.pop("tag", "") != TAG or login != visit.name or "/" in slug:
                raise Forbidden("bind", "Only address books can be made here, and only in your own home.")
            texts = [given.pop(name, "") for name in (DISPLAY_NAME, DESCRIPTION, COLOR)]
            if given:
                raise Forbidden("write-properties", f"An address book has no {', '.join(sorted(given))}.")
            book = visit.addressbooks.create_book(visit.principal, slug, *texts)
        visit.books_changed()
        return AddressBook(visit, book), {}, []

    def move(self, item: Item, to_collection: BaseCollection, to_href: str) -> None:
        """Refused: the engine misreads `Destination` and `Overwrite`, and a card must not be lost between two books."""
        with engine_errors():
            raise Forbidden("unbind", "Cards can't be moved: store the card at its new place, then delete the old one.")

    @types.contextmanager
    def acquire_lock(self, mode: str, user: str = "", *args: object, **kwargs: object) -> Iterator[None]:
        """Locks nothing: each question is one read, each change one transaction of its own."""
        if user and user != current().name:
            raise ConfigurationError([f"The storage was asked for {user!r}, who is not the user that was let in."])
        yield

    def verify(self) -> bool:
        """Nothing to check here: the database guards itself, keys and schema are checked when it is opened."""
        return True


def _in_home(visit: Visit, segments: list[str], children: bool) -> Iterator[types.CollectionOrItem]:
    if not segments:
        yield Home(visit.name)
        if children:
            with engine_errors():
                books = list(visit.books.values())
            yield from (AddressBook(visit, book) for book in books)
        return
    with engine_errors():
        book = visit.books.get(segments[0])
    if book is None or len(segments) > 2:
        return
    collection = AddressBook(visit, book)
    if len(segments) == 2:
        item = collection.get(segments[1])
        if item:
            yield item
        return
    yield collection
    if children:
        yield from collection.listing()
