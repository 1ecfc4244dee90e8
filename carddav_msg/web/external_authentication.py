"""External Authentication, `/auth`: the vendor's SSO server asks whether credentials are right (reference §3)."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response
from flask.globals import request_ctx
from werkzeug.exceptions import Forbidden

from carddav_msg.bootstrap import Services, sources
from carddav_msg.domain.proxies import NOT_LISTED
from carddav_msg.formats import auth_response
from carddav_msg.formats.auth_response import AuthResponseShape
from carddav_msg.services.authentication import Face
from carddav_msg.web import parameters
from carddav_msg.web.answers import Format, answer, format_of
from carddav_msg.web.errors import by_doctor, log
from carddav_msg.web.observing import let_in
from carddav_msg.web.queries import QueryPasswords
from carddav_msg.web.routes import CREDENTIALS, LATER, THROTTLED, TOO_LARGE, UNCLEAR, Answer, Route, bind

AUTHENTICATION: Final = Route(
    "/auth",
    "External Authentication: whether credentials are right",
    (
        Answer(200, "They are; the verified numbers."),
        UNCLEAR,
        Answer(401, "They are not accepted."),
        Answer(403, "Not from this address, or not without https."),
        TOO_LARGE,
        THROTTLED,
        LATER,
    ),
    methods=("GET", "POST"),
    parameters=CREDENTIALS,
)
ROUTES: Final = (AUTHENTICATION,)


def blueprint(services: Services, shape: AuthResponseShape) -> Blueprint:
    """The face; `shape` has the names in its answer."""
    face = Blueprint("external_authentication", __name__)
    queries = QueryPasswords(Face.EXTERNAL_AUTHENTICATION)
    closed = services.settings.auth_access == "closed"
    allowed = sources(services.settings, "auth_allowed_sources")

    def authenticate() -> Response:
        request = request_ctx.request
        if closed and (request.remote_addr or "") not in allowed:
            raise Forbidden(NOT_LISTED)
        sent = parameters.read(request, AUTHENTICATION)
        visitor = services.authentication.enter(
            sent.login,
            sent.password,
            Face.EXTERNAL_AUTHENTICATION,
            hints=sent.hints,
            address=sent.address,
            phone=sent.device,
            visits=not by_doctor(),  # with SIP credentials, which are no probe's
        )
        queries.check(visitor, sent)
        account = services.external_authentication.account(visitor.principal, visitor.cloud_username)
        let_in(services.observations, Face.EXTERNAL_AUTHENTICATION, visitor, sent)
        log.info(
            "face=%s status=200 user=%s method=%s matched=%s client=%s",
            Face.EXTERNAL_AUTHENTICATION,
            ascii(visitor.principal.login),
            visitor.method,
            visitor.matched,
            request.remote_addr,
        )
        media_type = format_of(request)
        render = auth_response.render_json if media_type is Format.JSON else auth_response.render_xml
        return answer(render(account.uri, account.numbers, shape), media_type)

    bind(face, AUTHENTICATION, authenticate)
    return face
