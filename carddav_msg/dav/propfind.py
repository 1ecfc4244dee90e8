"""PROPFIND of books and cards (RFC 4918 §9.1), Depth 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator

from carddav_msg.dav.exchange import XML, Answer, BookRequest, answer, streamed
from carddav_msg.dav.keptpages import HERE, KeptPages
from carddav_msg.dav.multistatus import CLOSE, OPEN
from carddav_msg.dav.properties import book_response, card_text
from carddav_msg.dav.selection import Selection
from carddav_msg.errors import NotFound
from carddav_msg.services.addressbooks import AddressBooks


def propfind_book(
    addressbooks: AddressBooks, kept: KeptPages, asked: BookRequest, selection: Selection, *, members: bool
) -> Answer:
    """The book, and with `members` (Depth 1) its cards."""
    own = book_response(asked, selection)
    if not members:
        return answer(207, f"{OPEN}{own}{CLOSE}".encode(), ("Content-Type", XML))
    return streamed(_with_members(own, _members(addressbooks, kept, asked, selection)))


def propfind_card(addressbooks: AddressBooks, asked: BookRequest, selection: Selection) -> Answer:
    """One card."""
    card = addressbooks.card(asked.principal, asked.book, asked.request.path.card)
    if card is None:
        raise NotFound("There is no such card.")
    text = f"{OPEN}{card_text(asked, selection, data=False).card(card)}{CLOSE}"
    return answer(207, text.encode(), ("Content-Type", XML))


def _with_members(own: str, members: Iterator[bytes]) -> Iterator[str | bytes]:
    yield OPEN
    yield own
    yield from members
    yield CLOSE


def _members(addressbooks: AddressBooks, kept: KeptPages, asked: BookRequest, selection: Selection) -> Iterator[bytes]:
    """The cards themselves are read only for their sizes and times."""
    text = card_text(asked, selection, data=False, base=HERE)
    if text.of_whole_card:
        pages = map(text.card, addressbooks.texts(asked.principal, asked.book))
    else:
        pages = map(text.entries, addressbooks.listing(asked.principal, asked.book))
    return kept.pages(asked, text, ("members",), pages)
