"""The lane: which request is answered here, which is refused here, and which goes on to the engine.

Refused here is whatever must not reach an engine that would harm a book with it: PUT on a book's URL, a new
`resourcetype`, `Depth: infinity`, methods nobody needs. An absent Depth counts as 0: what clients expect that omit it.
"""

from __future__ import annotations

from typing import Final

from carddav_msg.dav import reports, requests
from carddav_msg.dav.exchange import XML, Answer, BookRequest, Request, answer
from carddav_msg.dav.faults import fault, refusal
from carddav_msg.dav.multistatus import CLOSE, OPEN, empty_element, response
from carddav_msg.dav.propfind import propfind_book, propfind_card
from carddav_msg.dav.requests import Multiget, PropertyUpdate, Propfind, SyncCollection
from carddav_msg.dav.resources import delete_book, delete_card, get_card, put_card
from carddav_msg.domain.access import PERSONAL_SLUG, Book, Privilege, privileges
from carddav_msg.errors import CarddavMsgError, NotFound
from carddav_msg.services.addressbooks import AddressBooks

ALLOW: Final = ("Allow", "DELETE, GET, HEAD, MKCOL, OPTIONS, PROPFIND, PROPPATCH, PUT, REPORT")
_METHODS: Final = frozenset(ALLOW[1].split(", "))
_XML_BODIES: Final = frozenset({"PROPFIND", "PROPPATCH", "REPORT", "MKCOL"})
_BOOK, _CARD = 2, 3


class Lane:
    """Answers requests of visitors. One per process; holds nothing of a request."""

    def __init__(self, addressbooks: AddressBooks) -> None:
        self._addressbooks = addressbooks

    def answer(self, request: Request) -> Answer | None:
        """The answer, or None when the engine has to give it."""
        try:
            return self._dispatch(request)
        except CarddavMsgError as error:
            level = len(request.path.segments)
            return fault(error, book=request.book_href if level == _CARD else request.home_href, resource=request.href)

    def _dispatch(self, request: Request) -> Answer | None:
        method, level = request.method, len(request.path.segments)
        if method not in _METHODS:
            return refusal(405, "This method is not available.", ALLOW, reason="method")
        if level > _CARD or (level == _CARD and request.path.collection):
            if method in ("PUT", "MKCOL"):
                return refusal(409, "Cards live in address books, nothing lives below them.", reason="path")
            raise NotFound("There is nothing at this address.")
        body = requests.parse(request.body) if method in _XML_BODIES else requests.Other()
        if method == "PROPFIND":
            return self._propfind(request, body)
        if method == "REPORT":
            return self._report(request, body)
        if method == "PROPPATCH":
            return self._proppatch(request, body)
        if level < _CARD:
            return self._above_cards(request)
        return self._card(request)

    def _propfind(self, request: Request, body: requests.Body) -> Answer | None:
        depth = (request.header("DEPTH") or "0").strip().lower()
        if depth == "infinity":
            return refusal(
                403,
                "Ask for Depth 0 or 1.",
                condition="<propfind-finite-depth/>",
                reason="Depth: infinity",
            )
        if depth not in ("0", "1"):
            return refusal(400, "The header Depth is neither 0 nor 1.", reason="Depth")
        level = len(request.path.segments)
        if level < _BOOK:
            return None
        asked = self._asked(request)
        if not isinstance(body, Propfind):
            return None
        if level == _CARD:
            return propfind_card(self._addressbooks, asked, body.props)
        return propfind_book(self._addressbooks, asked, body.props, members=depth == "1")

    def _report(self, request: Request, body: requests.Body) -> Answer | None:
        if len(request.path.segments) != _BOOK or not isinstance(body, SyncCollection | Multiget):
            return None
        asked = self._asked(request)
        if not reports.answers(body):
            return None
        if isinstance(body, SyncCollection):
            return reports.sync_collection(self._addressbooks, asked, body)
        return reports.multiget(self._addressbooks, asked, body)

    def _proppatch(self, request: Request, body: requests.Body) -> Answer | None:
        if len(request.path.segments) == _CARD:
            return refusal(403, "The properties of a card can't be changed: change the card.", reason="PROPPATCH")
        if isinstance(body, PropertyUpdate) and "{DAV:}resourcetype" in body.props:
            return _protected(request, body)
        return None

    def _above_cards(self, request: Request) -> Answer | None:
        """Methods without an XML answer on the root, a home or a book."""
        method, level = request.method, len(request.path.segments)
        if method == "PUT" or (method == "MKCOL" and level < _BOOK):
            return refusal(405, "Cards are stored in address books, and address books in a home.", ALLOW, reason="path")
        if method == "DELETE":
            if level < _BOOK:
                return refusal(403, "A home can't be deleted.", reason="DELETE")
            return delete_book(self._addressbooks, self._asked(request))
        return None

    def _card(self, request: Request) -> Answer | None:
        method = request.method
        if method == "MKCOL":
            return refusal(
                403,
                "An address book holds cards only.",
                condition="<CR:addressbook-collection-location-ok/>",
                reason="MKCOL",
            )
        try:
            book = self._book(request)
        except NotFound:
            if method != "PUT":
                raise
            return refusal(409, "There is no such address book.", reason="NotFound")
        asked = BookRequest(request, book, self._addressbooks.max_card_size)
        if method == "PUT":
            return put_card(self._addressbooks, asked)
        if method == "DELETE":
            return delete_card(self._addressbooks, asked)
        return get_card(self._addressbooks, asked)

    def _asked(self, request: Request) -> BookRequest:
        return BookRequest(request, self._book(request), self._addressbooks.max_card_size)

    def _book(self, request: Request) -> Book:
        """The book of the path; NotFound when there is none that the principal may read."""
        book = request.visitor.book
        if book is None and request.path.book == PERSONAL_SLUG:
            book = self._addressbooks.book(request.principal, PERSONAL_SLUG)  # made at first use
        if book is None or not privileges(request.principal, book) & Privilege.READ:
            raise NotFound("There is no such address book.")
        return book


def _protected(request: Request, update: PropertyUpdate) -> Answer:
    """The refusal of a PROPPATCH that would change what a book is: all or nothing (RFC 4918 §9.2)."""
    others = "".join(empty_element(name) for name in update.props if name != "{DAV:}resourcetype")
    propstats = (
        "<propstat><prop><resourcetype/></prop><status>HTTP/1.1 403 Forbidden</status>"
        "<error><cannot-modify-protected-property/></error></propstat>"
    )
    if others:
        propstats += f"<propstat><prop>{others}</prop><status>HTTP/1.1 424 Failed Dependency</status></propstat>"
    body = f"{OPEN}{response(request.href, propstats)}{CLOSE}"
    return answer(207, body.encode(), ("Content-Type", XML), reason="resourcetype")
