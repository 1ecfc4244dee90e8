"""GET, HEAD, PUT and DELETE of cards, GET and DELETE of books (RFC 9110 §9.3, RFC 6352 §6.3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from carddav_msg.dav.cardtext import http_date
from carddav_msg.dav.exchange import DAV, VCARD, Answer, BookRequest, answer, streamed
from carddav_msg.dav.faults import refusal
from carddav_msg.dav.preconditions import none_match, preconditions_of, preconditions_to_read
from carddav_msg.dav.versions import served
from carddav_msg.domain.synctoken import SyncToken, ctag
from carddav_msg.errors import NotFound, UnsupportedCard
from carddav_msg.services.addressbooks import AddressBooks

# The two older names are what Evolution and old phones send.
_CARD_TYPES: Final = frozenset({"", "text/vcard", "text/x-vcard", "text/directory"})


def get_card(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """The card as it is stored, or in the version that is asked for by name; the guard sends no body to HEAD."""
    request = asked.request
    card = addressbooks.card(request.principal, asked.book, request.path.card)
    if card is None:
        raise NotFound("There is no such card.")
    preconditions_to_read(request).check(card.etag, _state(asked))
    sent = served(card.text, card.etag, request.header("ACCEPT"))
    validators = (
        ("ETag", sent.etag),
        ("Last-Modified", http_date(card.modified)),
        ("Vary", "Accept"),
        ("Cache-Control", "private, no-cache"),
    )
    if not none_match(request, sent.etag):
        return answer(304, b"", *validators)
    content_type = ("Content-Type", sent.content_type)
    return answer(200, sent.text.encode(), content_type, ("X-Content-Type-Options", "nosniff"), *validators)


def get_book(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """All cards as they are stored, one after the other (RFC 6350 §3.1): what a browser saves as a file."""
    etag = f'"{ctag(asked.book.id, asked.book.epoch, asked.book.seq)}"'
    preconditions_to_read(asked.request).check(etag, _state(asked))
    modified = ("Last-Modified", http_date(asked.book.modified))
    validators = (("ETag", etag), modified, ("Cache-Control", "private, no-cache"))
    if not none_match(asked.request, etag):
        return answer(304, b"", *validators)
    headers = (("Content-Type", VCARD), ("X-Content-Type-Options", "nosniff"), *validators)
    if asked.request.method == "HEAD":
        return Answer(200, (*headers, ("DAV", DAV)))
    return streamed(_file(addressbooks, asked), 200, *headers)


def _file(addressbooks: AddressBooks, asked: BookRequest) -> Iterator[str]:
    for card in addressbooks.texts(asked.principal, asked.book):
        yield card.text if card.text.endswith("\n") else f"{card.text}\r\n"


def put_card(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """Stores the card. The ETag is told only when what is served is what was sent (RFC 6352 §6.3.2.3)."""
    request = asked.request
    if request.environ.get("HTTP_CONTENT_RANGE"):
        return refusal(400, "A part of a card can't be stored: send the whole card.", reason="Content-Range")
    if request.header("CONTENT_ENCODING") not in (None, "", "identity"):
        return refusal(415, "Send the card without a content coding.", reason="Content-Encoding")
    media_type = str(request.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if media_type not in _CARD_TYPES:
        raise UnsupportedCard("The content type is not that of a vCard: send text/vcard.")
    stored = addressbooks.put(request.principal, asked.book, request.path.card, request.body, preconditions_of(request))
    tag = (("ETag", stored.etag),) if stored.etag else ()
    return answer(201 if stored.created else 204, b"", *tag)


def delete_card(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """Deletes the card."""
    request = asked.request
    addressbooks.delete(request.principal, asked.book, request.path.card, preconditions_of(request))
    return answer(204)


def delete_book(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """Deletes the book with its cards."""
    preconditions_of(asked.request).check(f'"{ctag(asked.book.id, asked.book.epoch, asked.book.seq)}"', _state(asked))
    addressbooks.delete_book(asked.request.principal, asked.book)
    return answer(204)


def _state(asked: BookRequest) -> SyncToken:
    return SyncToken(asked.book.id, asked.book.epoch, asked.book.seq)
