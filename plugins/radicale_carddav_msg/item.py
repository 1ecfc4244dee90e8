"""Cards on their way through the engine: text in, the same text out.

Radicale parses what it stores with vobject, and writes what vobject made of it. Here the bytes of the client are kept:
a `CardComponent` stands where the engine expects a vobject component, with the few things it asks one for.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import cached_property
from typing import TYPE_CHECKING

import radicale.item
from radicale.item import Item
from radicale.item.filter import TIMESTAMP_MAX, TIMESTAMP_MIN

from carddav_msg.directory.rows import CardRow, CardText
from carddav_msg.formats.vcard.contentlines import ContentLine, scan, split_components, unescape

if TYPE_CHECKING:
    from radicale_carddav_msg.collection import AddressBook

_LISTS = frozenset({"CATEGORIES", "NICKNAME"})


class MissingUid(str):
    """The UID of a card without one. It equals any: the store gives the card the UID it needs, so nothing conflicts."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


NO_UID = MissingUid("-")


class CardProperty:
    """A property of a card, as the engine's filters read it: unescaped text or texts, parameters by upper-case name."""

    __slots__ = ("params", "value")

    def __init__(self, line: ContentLine) -> None:
        self.value: str | list[str]
        self.value = split_components(line.value, ",") if line.name in _LISTS else unescape(line.value)
        self.params: dict[str, list[str]] = {}
        for name, values in line.params:
            self.params.setdefault(name, []).extend(values)


class CardComponent:
    """A card in the place of a `vobject.base.Component`. Whether it is a good card is for the store to say."""

    name = "VCARD"

    def __init__(self, text: str) -> None:
        self._text = text

    def serialize(self) -> str:
        """The text, not a character of it changed."""
        return self._text

    @cached_property
    def contents(self) -> dict[str, list[CardProperty]]:
        """The properties by lower-case name."""
        found: dict[str, list[CardProperty]] = {}
        for line in scan(self._text):
            if line.name:
                found.setdefault(line.name.lower(), []).append(CardProperty(line))
        return found

    def __getattr__(self, name: str) -> object:
        """`tel_list` are all properties of a name, `tel` is the first; the UID is always there."""
        if name.endswith("_list"):
            return self.contents.get(name.removesuffix("_list"), [])
        found = self.contents.get(name)
        if found:
            return found[0]
        if name == "uid":
            return _NO_UID_PROPERTY
        raise AttributeError(name)


_NO_UID_PROPERTY = CardProperty(ContentLine("", "", "UID", (), ""))
_NO_UID_PROPERTY.value = NO_UID


def keep_client_bytes() -> None:
    """Makes the engine's PUT keep the text: replaces the one function through which it parses bodies. Idempotent."""
    radicale.item.read_components = _read_components


def _read_components(s: str) -> list[CardComponent]:
    return [CardComponent(s)]


class CardItem(Item):
    """A card as it is served; never parsed on its way out."""

    def __init__(self, collection: AddressBook, card: CardRow | CardText) -> None:
        super().__init__(
            collection=collection,
            href=card.href,
            last_modified=http_date(card.modified) if isinstance(card, CardRow) else None,
            text=card.text,
            etag=card.etag,
            uid=card.uid if isinstance(card, CardRow) else None,
            name="VCARD",
            component_name="",
            time_range=(TIMESTAMP_MIN, TIMESTAMP_MAX),
        )

    @property
    def vobject_item(self) -> CardComponent:
        """What the filters of an addressbook-query look into."""
        return CardComponent(self.serialize())


class ListedItem(CardItem):
    """A line of a listing: its text is read when somebody asks for more than the etag."""

    def __init__(self, collection: AddressBook, href: str, etag: str) -> None:
        super().__init__(collection, CardText(href, etag, ""))
        self._listed_in = collection

    @cached_property
    def _row(self) -> CardRow:
        return self._listed_in.row(self.href or "")

    def serialize(self) -> str:
        return self._row.text

    @property
    def uid(self) -> str:
        return self._row.uid

    @property
    def last_modified(self) -> str | None:
        return http_date(self._row.modified)

    @last_modified.setter
    def last_modified(self, value: str | None) -> None:
        """Set by the constructor of the base, which knows no better."""


def http_date(microseconds: int) -> str:
    """A time in microseconds UTC as an HTTP-date (RFC 9110 §5.6.7)."""
    return formatdate(microseconds // 1_000_000, usegmt=True)
