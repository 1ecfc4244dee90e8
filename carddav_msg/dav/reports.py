"""Reports on a book: sync-collection (RFC 6578 §3) and addressbook-multiget (RFC 6352 §8.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from carddav_msg.dav.exchange import Answer, BookRequest, Request, streamed
from carddav_msg.dav.multistatus import CLOSE, OPEN, gone, href_segment, sentence, sync_token, text
from carddav_msg.dav.properties import GETCONTENTLENGTH, GETLASTMODIFIED, card_template
from carddav_msg.dav.requests import ADDRESS_DATA, Multiget, SyncCollection
from carddav_msg.directory.rows import CardText, Entry
from carddav_msg.domain import hrefs
from carddav_msg.domain.identifiers import fold
from carddav_msg.errors import InvalidValue
from carddav_msg.services.addressbooks import AddressBooks, Delta

_BATCH: Final = 200
"""Changed cards that are read at a time when a sync asks for their texts too."""

_URL: Final = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)", re.IGNORECASE)


def answers(report: SyncCollection | Multiget) -> bool:
    """False for a report that asks for the time of change, which pages of cards don't carry."""
    return GETLASTMODIFIED not in report.props


def sync_collection(addressbooks: AddressBooks, asked: BookRequest, report: SyncCollection) -> Answer:
    """What changed since the token. InvalidSyncToken before anything is sent."""
    delta = addressbooks.changes(asked.request.principal, asked.book, report.token)
    template = card_template(asked, report.props, data=True)
    if ADDRESS_DATA in report.props or GETCONTENTLENGTH in report.props:
        responses = _changed_cards(addressbooks, asked, template, delta.entries)
    else:
        responses = _changed_entries(asked.request.book_href, template, delta.entries)
    return streamed(_sync_text(responses, delta))


def multiget(addressbooks: AddressBooks, asked: BookRequest, report: Multiget) -> Answer:
    """The named cards; an href that names no card of this book is answered with 404."""
    named, strange = [], []
    own = f"{asked.request.prefix}/{hrefs.encode(asked.request.path.principal)}/{hrefs.encode(asked.book.slug)}/"
    for href in report.hrefs:
        card = _card_of(asked.request, own, href)
        if card is None:
            strange.append(gone(sentence(href)))
        else:
            named.append(card)
    cards = addressbooks.cards(asked.request.principal, asked.book, named)
    template = card_template(asked, report.props, data=True)
    return streamed(_multiget_text(strange, _cards(asked.request.book_href, template, cards)))


def _sync_text(responses: Iterator[str], delta: Delta) -> Iterator[str]:
    yield OPEN
    yield from responses
    yield sync_token(str(delta.token))
    yield CLOSE


def _multiget_text(strange: list[str], responses: Iterator[str]) -> Iterator[str]:
    yield OPEN
    yield from responses
    yield from strange
    yield CLOSE


def _changed_entries(base: str, template: str, entries: Iterator[Entry]) -> Iterator[str]:
    for _, href, etag in entries:
        place = base + href_segment(href)
        yield gone(place) if etag is None else template % {"href": place, "etag": etag}


def _changed_cards(
    addressbooks: AddressBooks, asked: BookRequest, template: str, entries: Iterator[Entry]
) -> Iterator[str]:
    """A card that is deleted while the answer is sent comes as gone, and again with the next delta."""
    base = asked.request.book_href
    while batch := list(islice(entries, _BATCH)):
        yield from (gone(base + href_segment(entry.href)) for entry in batch if entry.etag is None)
        living = [entry.href for entry in batch if entry.etag is not None]
        if living:
            yield from _cards(base, template, addressbooks.cards(asked.request.principal, asked.book, living))


def _cards(base: str, template: str, cards: Iterator[CardText | str]) -> Iterator[str]:
    sized = "%(size)d" in template
    for card in cards:
        if isinstance(card, str):
            yield gone(base + href_segment(card))
            continue
        href, etag, body = card
        row: dict[str, object] = {"href": base + href_segment(href), "etag": etag, "data": text(body)}
        if sized:
            row["size"] = len(body.encode())
        yield template % row


def _card_of(request: Request, own: str, href: str) -> str | None:
    """The card that an href (a URL or an absolute path) of a multiget names in this book."""
    match = _URL.fullmatch(href)
    if not match or not match[1].startswith(request.root_href):
        return None
    place = match[1]
    try:
        if place.startswith(own):
            path = hrefs.parse(place[len(own) :])
            return path.segments[0] if len(path.segments) == 1 and not path.collection else None
        path = hrefs.parse(place[len(request.prefix) :])
    except InvalidValue:
        return None
    spelled_so = {fold(request.path.principal), fold(request.principal.login)}
    if len(path.segments) == 3 and not path.collection and path.book == request.path.book:
        return path.card if fold(path.principal) in spelled_so else None
    return None
