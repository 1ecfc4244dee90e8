"""Reports on books and cards: sync-collection (RFC 6578 §3), addressbook-multiget and -query (RFC 6352 §8.6, §8.7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from carddav_msg.dav.cardtext import CardText
from carddav_msg.dav.exchange import Answer, BookRequest, Request, streamed
from carddav_msg.dav.keptpages import HERE, KeptPages
from carddav_msg.dav.multistatus import CLOSE, OPEN, gone, href_segment, insufficient, sentence, sync_token
from carddav_msg.dav.properties import card_text
from carddav_msg.dav.requests import Multiget, Query, SyncCollection
from carddav_msg.directory.rows import CardRow
from carddav_msg.domain import hrefs
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.search import matches
from carddav_msg.errors import InvalidValue, NotFound
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.services.addressbooks import AddressBooks, Delta

_BATCH: Final = 200
"""Changed cards that are read at a time when a sync asks for their texts too."""

# What needs no decoding; a name of dots alone may be none.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*").fullmatch
_URL: Final = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)", re.IGNORECASE)


def sync_collection(addressbooks: AddressBooks, kept: KeptPages, asked: BookRequest, report: SyncCollection) -> Answer:
    """What changed since the token. InvalidSyncToken before anything is sent."""
    delta = addressbooks.changes(asked.principal, asked.book, report.token, report.limit)
    whole = not report.token and report.limit is None
    text = card_text(asked, report.selection, data=True, base=HERE if whole else "")
    pages = _changed_cards(addressbooks, asked, text, delta) if text.of_whole_card else map(text.entries, delta.pages)
    responses = kept.pages(asked, text, ("sync",), pages) if whole else pages
    given = streamed(_sync_text(responses, delta, asked.request.href))
    return replace(given, sync="delta" if report.token else "full")


def multiget(addressbooks: AddressBooks, kept: KeptPages, asked: BookRequest, report: Multiget) -> Answer:
    """The named cards; an href that names none of this book, or not the card that was asked, is answered with 404."""
    named, strange = [], []
    request = asked.request
    own = f"{request.prefix}/{hrefs.encode(request.path.principal)}/{hrefs.encode(asked.book.slug)}/"
    for href in report.hrefs:
        plain = href.startswith(own) and _PLAIN(href, len(own))
        card = href[len(own) :] if plain else _card_of(request, own, href)
        if card is None or (request.path.card and card != request.path.card):
            strange.append(gone(sentence(href)))
        else:
            named.append(card)
    text = card_text(asked, report.selection, data=True, base=HERE)
    cards = addressbooks.cards(asked.principal, asked.book, named)
    return streamed(_document(kept.pages(asked, text, ("cards", *named), map(text.cards, cards)), strange))


def query(addressbooks: AddressBooks, asked: BookRequest, report: Query, depth: str) -> Answer:
    """The cards that match. With Depth 0 the book alone is searched, which is no card (RFC 6352 §8.6)."""
    cards: Iterable[CardRow] = ()
    if asked.request.path.card:
        card = addressbooks.card(asked.principal, asked.book, asked.request.path.card)
        if card is None:
            raise NotFound("There is no such card.")
        if matches(report.filter, scan(card.text)):
            cards = [card]
    elif depth != "0":
        cards = addressbooks.search(asked.principal, asked.book, report.filter)
    responses = map(card_text(asked, report.selection, data=True).card, cards)
    return streamed(_document(_limited(responses, report.limit, asked.request.href), ()))


def _limited(responses: Iterator[str], limit: int | None, href: str) -> Iterator[str]:
    """At most `limit` of the responses; if there are more, also one that says so (RFC 6352 §8.6.1)."""
    for count, response in enumerate(responses):
        if count == limit:
            yield insufficient(href)
            return
        yield response


def _document(responses: Iterable[str | bytes], more: Iterable[str]) -> Iterator[str | bytes]:
    yield OPEN
    yield from responses
    yield from more
    yield CLOSE


def _sync_text(responses: Iterable[str | bytes], delta: Delta, href: str) -> Iterator[str | bytes]:
    yield OPEN
    yield from responses
    if delta.truncated:
        yield insufficient(href)
    yield sync_token(str(delta.token))
    yield CLOSE


def _changed_cards(addressbooks: AddressBooks, asked: BookRequest, text: CardText, delta: Delta) -> Iterator[str]:
    """A card that is deleted while the answer is sent is left out: the next delta says that it is gone.

    An initial answer must not list deletions (RFC 6578 §3.4).
    """
    entries = delta.entries
    while batch := list(islice(entries, _BATCH)):
        yield from (gone(asked.href + href_segment(href)) for _, href, etag in batch if etag is None)
        living = [href for _, href, etag in batch if etag is not None]
        if living:
            for page in addressbooks.cards(asked.principal, asked.book, living):
                yield text.cards([card for card in page if not isinstance(card, str)])


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
