"""Web Service Contacts, `/contacts`: polled by every app every three minutes (reference §5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from flask import Blueprint, Request, Response, request
from werkzeug.http import http_date

from carddav_msg.bootstrap import Services
from carddav_msg.services.authentication import Face
from carddav_msg.services.contacts import State
from carddav_msg.web import parameters
from carddav_msg.web.answers import Format
from carddav_msg.web.errors import log


def blueprint(services: Services) -> Blueprint:
    """The face."""
    face = Blueprint("contacts", __name__)

    @face.route("/contacts", methods=["GET", "POST"])
    def contacts() -> Response:
        sent = parameters.read(request, basic=True)
        visitor = services.authentication.enter(sent.login, sent.password, Face.CONTACTS, hints=sent.hints)
        state = services.contacts.state(visitor.principal)
        unchanged = not_modified(request, state)
        log.debug("face=%s status=%d user=%s", Face.CONTACTS, 304 if unchanged else 200, ascii(visitor.principal.login))
        if unchanged:
            response = Response(status=304)
            del response.headers["Content-Type"]
        else:
            body = _begun(services.contacts.document(state))
            response = Response(body, content_type=Format.JSON.value)
        response.headers["ETag"] = f'W/"{state.tag}"'
        response.headers["Last-Modified"] = http_date(state.date)
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["Vary"] = "Authorization"
        return response

    return face


def not_modified(request: Request, state: State) -> bool:
    """True when the caller has this state already (RFC 9110 §13.2.2: If-None-Match first, and alone when it is there).

    A POST is how some apps send their credentials: it asks for the same document, so the same rule serves it.
    """
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(state.tag)
    since = request.if_modified_since
    return state.settled and since is not None and int(since.timestamp()) == state.date


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, with the first one read already: a database that can't answer is a 503, not a body cut short."""
    first = next(pieces)
    return chain((first,), pieces)
