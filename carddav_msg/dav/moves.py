"""MOVE of a card within a home (RFC 4918 §9.9).

`Destination` is parsed before it is decoded, so that any name may be in it; `Overwrite` is T where it is not sent.
Books stay where they are: their address is how phones know them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from carddav_msg.dav.exchange import Answer, BookRequest, Request, answer
from carddav_msg.dav.faults import refusal
from carddav_msg.dav.multistatus import href_segment
from carddav_msg.dav.preconditions import preconditions_of
from carddav_msg.domain import hrefs
from carddav_msg.domain.hrefs import DavPath
from carddav_msg.domain.identifiers import fold
from carddav_msg.errors import Forbidden, InvalidValue
from carddav_msg.services.addressbooks import AddressBooks


def move_card(addressbooks: AddressBooks, asked: BookRequest) -> Answer:
    """Moves the card to its destination: 201 when that is new, 204 when another card was replaced there."""
    request = asked.request
    overwrite = (request.header("OVERWRITE") or "T").strip().upper()
    if overwrite not in ("T", "F"):
        raise InvalidValue("Overwrite", "The header Overwrite is T or F.")
    target = _destination(request)
    if isinstance(target, Answer):
        return target
    if not _is_own(addressbooks, request, target.principal):
        raise Forbidden("bind", "The destination is in the home of another user.")
    if len(target.segments) < 3:
        return refusal(403, "A card is moved to the address of a card, not to that of a collection.", reason="MOVE")
    if len(target.segments) > 3 or target.collection:
        return refusal(409, "Cards live in address books, nothing lives below them.", reason="MOVE")
    book = asked.book if target.book == asked.book.slug else addressbooks.book(request.principal, target.book)
    if book is None:
        return refusal(409, "There is no such address book to move the card to.", reason="MOVE")
    if book.id == asked.book.id and target.card == request.path.card:
        return refusal(403, "The card is at its destination already.", reason="MOVE")
    created = addressbooks.move(
        request.principal,
        asked.book,
        request.path.card,
        book,
        target.card,
        overwrite=overwrite == "T",
        preconditions=preconditions_of(request),
    )
    place = f"{request.prefix}/{'/'.join(map(href_segment, target.segments))}".replace("&amp;", "&")
    return answer(201, b"", ("Location", place)) if created else answer(204)


def _destination(request: Request) -> DavPath | Answer:
    """The path that the header names, decoded segment by segment; 502 for what is not of this server."""
    header = (request.header("DESTINATION") or "").strip()
    try:
        url = urlsplit(header)
    except ValueError:
        url = urlsplit("")
    if not url.path.startswith("/") or url.query or url.fragment or (url.scheme and not url.netloc):
        raise InvalidValue("Destination", "The header Destination is a URL or an absolute path.")
    here = url.scheme in ("", "http", "https") and request.is_ours(url.netloc)
    if not here or not url.path.startswith(request.root_href):
        return refusal(502, "The destination is on another server.", reason="MOVE")
    return hrefs.parse(url.path[len(request.prefix) :])


def _is_own(addressbooks: AddressBooks, request: Request, segment: str) -> bool:
    spelled_so = (fold(request.path.principal), fold(request.principal.login))
    return not segment or fold(segment) in spelled_so or addressbooks.is_home(request.principal, segment)
