"""Collections of the engine: the root and a user's home, and an address book as it was when it was found."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import overload

from radicale.app.report import test_filter
from radicale.item import Item
from radicale.storage import BaseCollection

from carddav_msg.directory.rows import CardRow
from carddav_msg.domain.access import Book
from carddav_msg.domain.preconditions import ANY, Preconditions
from carddav_msg.domain.synctoken import ctag
from carddav_msg.errors import Forbidden, InvalidSyncToken, NotFound, UnsupportedCard
from radicale_carddav_msg.item import CardItem, ListedItem, MissingUid, http_date
from radicale_carddav_msg.visit import Visit, engine_errors

TAG = "VADDRESSBOOK"
DISPLAY_NAME = "D:displayname"
DESCRIPTION = "CR:addressbook-description"
COLOR = "{http://inf-it.com/ns/ab/}addressbook-color"


class _KeptTag(str):
    """The type of a book as `get_meta` gives it: `set_meta` can tell it from the same type sent by a client."""

    __slots__ = ()


_TAG = _KeptTag(TAG)
# As in the lane: no type at all, today's, and two older names that Evolution and old phones send. And text/plain, which
# Radicale's own server makes of no type.
_CARD_TYPES = frozenset({"", "text/plain", "text/vcard", "text/x-vcard", "text/directory"})


class _Collection(BaseCollection, ABC):
    """What the two kinds have in common."""

    @abstractmethod
    def _properties(self) -> Mapping[str, str]: ...

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...

    @overload
    def get_meta(self, key: str) -> str | None: ...

    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        properties = self._properties()
        return properties if key is None else properties.get(key)


class Home(_Collection):
    """The home of the user who asks, or the root above it (path ""). It keeps no properties and no cards."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def path(self) -> str:
        return self._path

    def _properties(self) -> Mapping[str, str]:
        return {DISPLAY_NAME: self._path} if self._path else {}

    def set_meta(self, props: Mapping[str, str]) -> None:
        with engine_errors():
            raise Forbidden("write-properties", "The properties of a home can't be changed.")

    def get_all(self) -> Iterable[Item]:
        return ()

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        return ((href, None) for href in hrefs)


class AddressBook(_Collection):
    """An address book as it was when it was found.

    The engine asks for token, tag and properties after it has let go of its lock, and for the cards at another time:
    they all belong to the number that `book` was read with, what changed later comes with the next sync.
    """

    def __init__(self, visit: Visit, book: Book) -> None:
        self._visit = visit
        self._books = visit.addressbooks
        self._principal = visit.principal
        self._book = book

    @property
    def path(self) -> str:
        return f"{self._visit.name}/{self._book.slug}"

    @property
    def etag(self) -> str:
        return f'"{ctag(self._book.id, self._book.epoch, self._book.seq)}"'

    @property
    def last_modified(self) -> str:
        return http_date(self._book.modified)

    def _properties(self) -> Mapping[str, str]:
        texts = {DISPLAY_NAME: self._book.display_name, DESCRIPTION: self._book.description, COLOR: self._book.color}
        return {"tag": _TAG, **{name: text for name, text in texts.items() if text}}

    def set_meta(self, props: Mapping[str, str]) -> None:
        """Stores all properties or none (PROPPATCH).

        Raises ValueError for a property that is not kept, and for a resource type, even the right one: the engine would
        store the rest of that request and then answer 400.
        """
        given = dict(props)
        with engine_errors():
            if not isinstance(given.pop("tag", None), _KeptTag):
                raise Forbidden("write-properties", "An address book stays one: its resource type can't be changed.")
            texts = [given.pop(name, "") for name in (DISPLAY_NAME, DESCRIPTION, COLOR)]
            if given:
                raise Forbidden("write-properties", f"An address book has no {', '.join(sorted(given))}.")
            self._book = self._books.set_properties(self._principal, self._book, *texts)
        self._visit.books_changed()

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """The token of this state and, read as the engine asks for them, the hrefs that changed since the old one."""
        try:
            delta = self._books.changes(self._principal, self._book, old_token)
        except InvalidSyncToken as error:
            raise ValueError(str(error)) from None
        return str(delta.token), (href for _, href, _ in delta.entries)

    def get(self, href: str) -> Item | None:
        """One card; what was found is what a write with a precondition replaces."""
        with engine_errors():
            card = self._books.card(self._principal, self._book, href)
        if card:
            self._visit.found[self._book.id, href] = card.etag
        return CardItem(self, card) if card else None

    def listing(self) -> Iterator[Item]:
        """All cards by href and etag; the rest is read when it is asked for."""
        with engine_errors():
            for page in self._books.listing(self._principal, self._book):
                yield from (ListedItem(self, href, etag or "") for _, href, etag in page)

    def row(self, href: str) -> CardRow:
        """A card of the listing; an empty one when it has gone since."""
        row = self._rows.get(href) or self._books.card(self._principal, self._book, href)
        return row or CardRow(href, "", "", "", self._book.modified, 0)

    @cached_property
    def _rows(self) -> dict[str, CardRow]:
        return {row.href: row for row in self._books.texts(self._principal, self._book)}

    def get_all(self) -> Iterator[Item]:
        with engine_errors():
            for row in self._books.texts(self._principal, self._book):
                yield CardItem(self, row)

    def get_multi(self, hrefs: Iterable[str]) -> Iterator[tuple[str, Item | None]]:
        with engine_errors():
            for page in self._books.cards(self._principal, self._book, list(hrefs)):
                yield from (
                    (card, None) if isinstance(card, str) else (card.href, CardItem(self, card)) for card in page
                )

    def get_filtered(self, filters: Iterable[ET.Element]) -> Iterator[tuple[Item, bool]]:
        """The cards that match, tested here with the engine's own filter: it would hold them all before it tests.

        A filter without conditions matches every card (RFC 6352 §10.5); the engine takes it for one that matches none.
        """
        conditions = [element for element in filters if len(element)]
        for item in self.get_all():
            if all(test_filter(TAG, item, element) for element in conditions):
                yield item, True

    def has_uid(self, uid: str) -> bool:
        if isinstance(uid, MissingUid):
            return False
        with engine_errors():
            return any(row.uid == uid for row in self._books.texts(self._principal, self._book))

    def upload(self, href: str, item: Item) -> tuple[Item, Item | None]:
        """Stores the text of the client; the engine answers 400 or 403 to what can't be kept, and has checked rights.

        The engine sends the etag of what this returns. When what is served differs from what was written that is the
        etag of what was written, which no card has: the client reads the card again (RFC 6352 §6.3.2.3).
        """
        text = item.serialize()
        with engine_errors():
            if self._visit.media_type not in _CARD_TYPES:
                raise UnsupportedCard("The content type is not that of a vCard: send text/vcard.")
            stored = self._books.put(self._principal, self._book, href, text.encode(), self._preconditions(href))
        return Item(collection=self, href=href, text=text, etag=stored.etag), None

    def delete(self, href: str | None = None) -> None:
        """Deletes a card, or the book itself. A card that has gone in the meantime is deleted."""
        with engine_errors():
            if href is None:
                self._books.delete_book(self._principal, self._book)
                self._visit.books_changed()
                return
            with suppress(NotFound):
                self._books.delete(self._principal, self._book, href, self._preconditions(href))

    def _preconditions(self, href: str) -> Preconditions:
        """What the engine tested a moment ago, for the transaction to test again: the card is as it was found.

        Only for requests with a precondition: of others the last one wins, as clients that send none expect.
        """
        if not self._visit.conditional:
            return Preconditions()
        etag = self._visit.found.get((self._book.id, href))
        return Preconditions(if_match=(etag,)) if etag else Preconditions(if_none_match=(ANY,))
