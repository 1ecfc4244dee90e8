"""PROPFIND of books and cards (RFC 4918 §9.1), Depth 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator

from carddav_msg.dav.exchange import XML, Answer, BookRequest, answer, streamed
from carddav_msg.dav.multistatus import CLOSE, OPEN, href_segment
from carddav_msg.dav.properties import (
    GETCONTENTLENGTH,
    GETLASTMODIFIED,
    book_response,
    card_template,
    http_date,
)
from carddav_msg.directory.rows import CardRow
from carddav_msg.errors import NotFound
from carddav_msg.services.addressbooks import AddressBooks

Row = dict[str, object]


def propfind_book(addressbooks: AddressBooks, asked: BookRequest, props: tuple[str, ...], *, members: bool) -> Answer:
    """The book, and with `members` (Depth 1) its cards."""
    own = book_response(asked, props)
    if not members:
        return answer(207, f"{OPEN}{own}{CLOSE}".encode(), ("Content-Type", XML))
    return streamed(_with_members(own, card_template(asked, props, data=False), _rows(addressbooks, asked, props)))


def propfind_card(addressbooks: AddressBooks, asked: BookRequest, props: tuple[str, ...]) -> Answer:
    """One card."""
    card = addressbooks.card(asked.request.principal, asked.book, asked.request.path.card)
    if card is None:
        raise NotFound("There is no such card.")
    row = _card_row(card) | {"href": asked.request.href}
    text = OPEN + card_template(asked, props, data=False) % row + CLOSE
    return answer(207, text.encode(), ("Content-Type", XML))


def _with_members(own: str, template: str, rows: Iterator[Row]) -> Iterator[str]:
    yield OPEN
    yield own
    for row in rows:
        yield template % row
    yield CLOSE


def _rows(addressbooks: AddressBooks, asked: BookRequest, props: tuple[str, ...]) -> Iterator[Row]:
    """What the template needs of each card: the card itself is read only for its size and time."""
    base = asked.request.book_href
    if GETCONTENTLENGTH in props or GETLASTMODIFIED in props:
        cards = addressbooks.texts(asked.request.principal, asked.book)
        return (_card_row(card) | {"href": base + href_segment(card.href)} for card in cards)
    entries = addressbooks.listing(asked.request.principal, asked.book)
    return ({"href": base + href_segment(href), "etag": etag} for _, href, etag in entries)


def _card_row(card: CardRow) -> Row:
    return {"etag": card.etag, "size": card.size, "modified": http_date(card.modified)}
