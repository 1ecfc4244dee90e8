"""Web Service Contacts, `/contacts`: polled by every app every three minutes (reference §5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Final

from flask import Blueprint, Request, Response
from flask.globals import request_ctx
from werkzeug.http import http_date

from carddav_msg import metrics
from carddav_msg.bootstrap import Services
from carddav_msg.domain.access import BookKind
from carddav_msg.services.authentication import Face, Hints, Visitor
from carddav_msg.services.contacts import State
from carddav_msg.web import crossorigin, parameters
from carddav_msg.web.answers import Format
from carddav_msg.web.errors import log
from carddav_msg.web.observing import let_in
from carddav_msg.web.parameters import Parameters
from carddav_msg.web.queries import QueryPasswords
from carddav_msg.web.routes import CREDENTIALS, JSON, LATER, THROTTLED, TOO_LARGE, UNCLEAR, Answer, Route, bind
from carddav_msg.web.unchanged import may_be_repeated

CONTACTS: Final = Route(
    "/contacts",
    "Web Service Contacts: the contacts of a user",
    (
        Answer(200, "The contacts.", (JSON,)),
        Answer(304, "The caller has them already.", ()),
        UNCLEAR,
        Answer(401, "The credentials are not accepted, or none came.", (JSON,)),
        Answer(403, "Not without https.", (JSON,)),
        TOO_LARGE,
        THROTTLED,
        LATER,
    ),
    methods=("GET", "POST"),
    parameters=CREDENTIALS,
    basic=True,
)
ROUTES: Final = (CONTACTS,)


def blueprint(services: Services) -> Blueprint:
    """The face."""
    face = Blueprint("contacts", __name__)
    queries = QueryPasswords(Face.CONTACTS)
    crossorigin.allow(face, services.settings.cors_origins)

    def note_visit(visitor: Visitor, sent: Parameters, state: State, kind: str) -> None:
        """Notes that somebody has these contacts now."""
        directory = next((book for book in state.books if book.kind is BookKind.DIRECTORY), None)
        let_in(
            services.observations,
            Face.CONTACTS,
            visitor,
            sent,
            book=directory.id if directory else 0,
            seq=directory.seq if directory else 0,
        )
        metrics.sync(Face.CONTACTS, kind)
        status = 304 if kind == "unchanged" else 200
        log.debug("face=%s status=%d user=%s", Face.CONTACTS, status, ascii(visitor.principal.login))

    def repeated(visitor: Visitor, sent: Parameters, state: State) -> None:
        """What is to be done again for each 304 that is repeated."""
        queries.check(visitor, sent)
        note_visit(visitor, sent, state, "unchanged")

    def contacts() -> Response:
        request = request_ctx.request
        sent = parameters.read(request, CONTACTS)
        visitor = services.authentication.enter(
            sent.login, sent.password, Face.CONTACTS, slug=None, hints=sent.hints, address=sent.address
        )
        queries.check(visitor, sent)
        state = services.contacts.state(visitor.principal, visitor.home)
        unchanged = not_modified(request, state)
        if unchanged:
            response = Response(status=304)
            del response.headers["Content-Type"]
            if state.settled:
                may_be_repeated(
                    request.environ,
                    visitor,
                    partial(repeated, visitor, replace(sent, password="", hints=Hints()), state),
                )
        else:
            packed = takes_gzip(request)
            body = services.contacts.gzipped(state) if packed else services.contacts.document(state)
            response = Response(iter(()) if request.method == "HEAD" else _begun(body), content_type=Format.JSON.value)
            if packed:
                response.headers["Content-Encoding"] = "gzip"
        note_visit(visitor, sent, state, "unchanged" if unchanged else "full")
        response.headers["ETag"] = f'W/"{state.tag}"'
        response.headers["Last-Modified"] = http_date(state.date)
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["Vary"] = "Authorization, Accept-Encoding"
        return response

    bind(face, CONTACTS, contacts)
    return face


def not_modified(request: Request, state: State) -> bool:
    """True when the caller has this state already (RFC 9110 §13.2.2: If-None-Match first, and alone when it is there).

    A POST is how some apps send their credentials: it asks for the same document, so the same rule serves it.
    """
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(state.tag)
    since = request.if_modified_since
    return state.settled and since is not None and int(since.timestamp()) == state.date


def takes_gzip(request: Request) -> bool:
    """True when the caller named gzip, or everything, and not with quality 0 (RFC 9110 §12.5.3)."""
    return "Accept-Encoding" in request.headers and request.accept_encodings.quality("gzip") > 0


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, with the first one read already: a database that can't answer is a 503, not a body cut short."""
    first = next(pieces)
    return chain((first,), pieces)
