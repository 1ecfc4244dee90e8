"""External Authentication, `/auth`: the vendor's SSO server asks whether credentials are right (reference §3)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from carddav_msg.bootstrap import Services
from carddav_msg.formats import auth_response
from carddav_msg.formats.auth_response import AuthResponseShape
from carddav_msg.services.authentication import Face
from carddav_msg.web import parameters
from carddav_msg.web.answers import Format, answer, format_of
from carddav_msg.web.errors import log


def blueprint(services: Services, shape: AuthResponseShape) -> Blueprint:
    """The face; `shape` has the names in its answer."""
    face = Blueprint("external_authentication", __name__)

    @face.route("/auth", methods=["GET", "POST"])
    def authenticate() -> Response:
        sent = parameters.read(request)
        visitor = services.authentication.enter(
            sent.login, sent.password, Face.EXTERNAL_AUTHENTICATION, hints=sent.hints
        )
        account = services.external_authentication.account(
            visitor.principal, visitor.network_id, visitor.cloud_username, messaging=visitor.messaging
        )
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

    return face
