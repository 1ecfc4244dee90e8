"""PROPFIND of books and cards (RFC 4918 §9.1), Depth 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator

from carddav_msg.dav.exchange import XML, Answer, BookRequest, answer, streamed
from carddav_msg.dav.multistatus import CLOSE, OPEN, href_segment
from carddav_msg.dav.properties import book_response, card_template, http_date
from carddav_msg.dav.requests import Selection
from carddav_msg.directory.rows import CardRow
from carddav_msg.errors import NotFound
from carddav_msg.services.addressbooks import AddressBooks

Row = dict[str, object]


def propfind_book(addressbooks: AddressBooks, asked: BookRequest, selection: Selection, *, members: bool) -> Answer:
    """The book, and with `members` (Depth 1) its cards."""
    own = book_response(asked, selection)
    if not members:
        return answer(207, f"{OPEN}{own}{CLOSE}".encode(), ("Content-Type", XML))
    template = card_template(asked, selection, data=False)
    return streamed(_with_members(own, template, _rows(addressbooks, asked, template)))


def propfind_card(addressbooks: AddressBooks, asked: BookRequest, selection: Selection) -> Answer:
    """One card."""
    card = addressbooks.card(asked.principal, asked.book, asked.request.path.card)
    if card is None:
        raise NotFound("There is no such card.")
    row = card_row(card, asked.request.href)
    text = OPEN + card_template(asked, selection, data=False) % row + CLOSE
    return answer(207, text.encode(), ("Content-Type", XML))


def of_whole_card(template: str) -> bool:
    """True when a template has more of a card than its href and etag."""
    return any(f"%({key})" in template for key in ("size", "modified", "data"))


def card_row(card: CardRow, href: str) -> Row:
    """What the template of a card is filled with, but its text; `href` is escaped for XML."""
    return {"href": href, "etag": card.etag, "size": card.size, "modified": http_date(card.modified)}


def _with_members(own: str, template: str, rows: Iterator[Row]) -> Iterator[str]:
    yield OPEN
    yield own
    for row in rows:
        yield template % row
    yield CLOSE


def _rows(addressbooks: AddressBooks, asked: BookRequest, template: str) -> Iterator[Row]:
    """What the template needs of each card: the card itself is read only for its size and time."""
    base = asked.href
    if of_whole_card(template):
        return (
            card_row(card, base + href_segment(card.href)) for card in addressbooks.texts(asked.principal, asked.book)
        )
    entries = addressbooks.listing(asked.principal, asked.book)
    return ({"href": base + href_segment(href), "etag": etag} for _, href, etag in entries)
