"""The lane: which request is answered here, which is refused here, and which goes on to the engine.

The engine is left MKCOL and PROPPATCH of books that have only properties we keep. Refused here is whatever would harm a
book: PUT on a book's URL, a new `resourcetype`, `Depth: infinity`, methods nobody needs. An absent Depth counts as 0:
what clients expect that omit it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final, NoReturn

from carddav_msg.dav import expansion, principals, principalsearch, reports, requests
from carddav_msg.dav.books import refused_making, refused_update
from carddav_msg.dav.exchange import Answer, BookRequest, Request, answer
from carddav_msg.dav.expansion import ExpandProperty
from carddav_msg.dav.faults import fault, refusal
from carddav_msg.dav.keptpages import KeptPages
from carddav_msg.dav.moves import move_card
from carddav_msg.dav.preconditions import states_of
from carddav_msg.dav.principalsearch import PrincipalSearch, SearchProperties
from carddav_msg.dav.propfind import propfind_book, propfind_card
from carddav_msg.dav.requests import Multiget, PropertyUpdate, Propfind, Query, SyncCollection
from carddav_msg.dav.resources import delete_book, delete_card, get_book, get_card, put_card
from carddav_msg.dav.selection import Selection, Which
from carddav_msg.domain.access import PERSONAL_SLUG, Book, Privilege, privileges
from carddav_msg.domain.synctoken import SyncToken
from carddav_msg.errors import CarddavMsgError, Forbidden, InvalidSyncToken, InvalidValue, NotFound
from carddav_msg.services.addressbooks import AddressBooks

ALLOW: Final = ("Allow", "ACL, DELETE, GET, HEAD, MKCOL, MOVE, OPTIONS, PROPFIND, PROPPATCH, PUT, REPORT")
_METHODS: Final = frozenset(ALLOW[1].split(", "))
_UNCONDITIONAL: Final = frozenset({"MKCOL", "PROPFIND", "PROPPATCH", "REPORT"})
"""Methods that test no preconditions themselves."""
_ROOT, _BOOK, _CARD = 0, 2, 3
_EVERYTHING: Final = Propfind(Selection((), Which.ALL))


class Lane:
    """Answers requests of visitors. One per process; of requests it holds what all readers of a book share."""

    def __init__(self, addressbooks: AddressBooks) -> None:
        self._addressbooks = addressbooks
        self._kept = KeptPages()

    def answer(self, request: Request) -> Answer | None:
        """The answer, or None when the engine has to give it."""
        try:
            return self._dispatch(request)
        except CarddavMsgError as error:
            level = len(request.path.segments)
            given = fault(error, book=request.book_href if level == _CARD else request.home_href, resource=request.href)
            if isinstance(error, InvalidSyncToken) and "Thunderbird/" in (request.header("USER_AGENT") or ""):
                # To any other status Thunderbird never syncs again (docs/adr/0005).
                return replace(given, status=400)
            return given

    def _dispatch(self, request: Request) -> Answer | None:
        method, level = request.method, len(request.path.segments)
        if method not in _METHODS:
            return refusal(405, "This method is not available.", ALLOW, reason="method")
        if level > _CARD or (level == _CARD and request.path.collection):
            if method in ("PUT", "MKCOL"):
                return refusal(409, "Cards live in address books, nothing lives below them.", reason="path")
            raise NotFound("There is nothing at this address.")
        if method in _UNCONDITIONAL and request.header("IF") is not None:
            self._check(request)
        if method == "PROPFIND":
            return _acknowledged(request, self._propfind(request))
        if method == "REPORT":
            return _acknowledged(request, self._report(request))
        if method == "PROPPATCH":
            return self._proppatch(request)
        if method == "ACL":
            self._refuse_rights(request)
        return self._card(request) if level == _CARD else self._above_cards(request)

    def _propfind(self, request: Request) -> Answer:
        depth = _depth(request)
        body = requests.parse(request.body) if request.body.strip() else _EVERYTHING
        if depth == "infinity":
            return refusal(
                403, "Ask with Depth: 0 or 1.", condition="<propfind-finite-depth/>", reason="Depth: infinity"
            )
        if not isinstance(body, Propfind):
            raise InvalidValue("body", "The body of a PROPFIND is a propfind element.")
        return self._properties(request, body.selection, members=depth == "1")

    def _properties(self, request: Request, selection: Selection, *, members: bool) -> Answer:
        """The resource and, with `members` (Depth 1), what is in it."""
        level = len(request.path.segments)
        if level == _ROOT:
            return principals.propfind_root(request, selection, members=members)
        if level < _BOOK:
            return principals.propfind_home(self._addressbooks, request, selection, members=members)
        asked = self._asked(request)
        if level == _CARD:
            return propfind_card(self._addressbooks, asked, selection)
        return propfind_book(self._addressbooks, self._kept, asked, selection, members=members)

    def _report(self, request: Request) -> Answer:
        depth, body, level = _depth(request), requests.parse(request.body), len(request.path.segments)
        if isinstance(body, requests.Other) and not body.name:
            raise InvalidValue("body", "A REPORT has a body that names the report.")
        if isinstance(body, SyncCollection) and level == _BOOK:
            # RFC 6578 §3.2 wants 0; Thunderbird and Apple's clients send 1, and mean the same.
            if depth == "infinity":
                raise InvalidValue(
                    "Depth", "A sync-collection report has Depth: 0; its sync-level says how deep it is."
                )
            return reports.sync_collection(self._addressbooks, self._kept, self._asked(request), body)
        if isinstance(body, Multiget) and level >= _BOOK:
            return reports.multiget(self._addressbooks, self._kept, self._asked(request), body)
        if isinstance(body, Query) and level >= _BOOK:
            return reports.query(self._addressbooks, self._asked(request), body, depth)
        if isinstance(body, ExpandProperty):
            if depth == "infinity":
                raise InvalidValue("Depth", "Ask with Depth: 0 or 1.")
            return self._properties(request, self._expanded(request, body), members=depth == "1")
        if isinstance(body, PrincipalSearch | SearchProperties) and level == _ROOT:
            if depth != "0":
                raise InvalidValue("Depth", "Principals are searched with Depth: 0.")
            if isinstance(body, SearchProperties):
                return principalsearch.search_properties()
            return principalsearch.search(self._addressbooks, request, body)
        if level >= _BOOK:
            self._book(request)  # a report on what is not there is 404, whichever it is
        return refusal(
            403, "This resource has no such report.", condition="<supported-report/>", reason="supported-report"
        )

    def _expanded(self, request: Request, asked: ExpandProperty) -> Selection:
        return expansion.selection_of(asked, partial(principals.described_at, request))

    def _proppatch(self, request: Request) -> Answer | None:
        level, body = len(request.path.segments), requests.parse(request.body)
        if level == _CARD:
            return refusal(403, "The properties of a card can't be changed: change the card.", reason="PROPPATCH")
        if not isinstance(body, PropertyUpdate):
            raise InvalidValue("body", "The body of a PROPPATCH is a propertyupdate element.")
        if level < _BOOK:
            return principals.proppatch_above_books(request, body)
        given = refused_update(request, body)
        if given:
            self._book(request)
        return given

    def _refuse_rights(self, request: Request) -> NoReturn:
        if len(request.path.segments) >= _BOOK:
            self._properties(request, Selection(), members=False)  # what is not there is 404
        raise Forbidden("write-acl", "Rights are not given by clients: ask the administrator.")

    def _above_cards(self, request: Request) -> Answer | None:
        """Methods without an XML answer on the root, a home or a book."""
        method, level = request.method, len(request.path.segments)
        if method == "PUT" or (method == "MKCOL" and (level < _BOOK or self._is_there(request))):
            return refusal(405, "Cards are stored in address books, and address books in a home.", ALLOW, reason="path")
        if method == "MKCOL":
            return refused_making(request)
        if method == "MOVE":
            return refusal(403, "Address books and homes can't be moved.", reason="MOVE")
        if method == "DELETE":
            if level < _BOOK:
                return refusal(403, "A home can't be deleted.", reason="DELETE")
            return delete_book(self._addressbooks, self._asked(request))
        if method in ("GET", "HEAD"):
            if level < _BOOK:
                return answer(200, principals.WELCOME, ("Content-Type", "text/plain;charset=utf-8"))
            return get_book(self._addressbooks, self._asked(request))
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
            asked = self._asked(request)
        except NotFound:
            if method != "PUT":
                raise
            return refusal(409, "There is no such address book.", reason="NotFound")
        if method == "PUT":
            return put_card(self._addressbooks, asked)
        if method == "DELETE":
            return delete_card(self._addressbooks, asked)
        if method == "MOVE":
            return move_card(self._addressbooks, asked)
        return get_card(self._addressbooks, asked)

    def _check(self, request: Request) -> None:
        """Tests an If header (RFC 4918 §10.4, RFC 6578 §5) against what is there now, which may be nothing."""
        try:
            book = self._book(request)
        except NotFound:
            states_of(request).check(None)
            return
        card = self._addressbooks.card(request.principal, book, request.path.card) if request.path.card else None
        states_of(request).check(card.etag if card else None, SyncToken(book.id, book.epoch, book.seq))

    def _is_there(self, request: Request) -> bool:
        """Whether there is a book that the principal may know of."""
        book = request.visitor.book
        return book is not None and bool(privileges(request.principal, book) & Privilege.READ)

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


def _depth(request: Request) -> str:
    depth = (request.header("DEPTH") or "0").strip().lower()
    if depth not in ("0", "1", "infinity"):
        raise InvalidValue("Depth", "The header Depth is 0, 1 or infinity.")
    return depth


def _acknowledged(request: Request, given: Answer) -> Answer:
    """The answer with the header that tells a preference was followed (RFC 7240 §3)."""
    if given.status != 207 or not request.prefers_minimal:
        return given
    return replace(given, headers=(*given.headers, ("Preference-Applied", "return=minimal")))
