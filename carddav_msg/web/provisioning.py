"""External Provisioning, `/provisioning` at sign-in and `/provisioning/refresh` from then on (reference §4)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from carddav_msg.bootstrap import Services
from carddav_msg.formats import account_xml
from carddav_msg.services.authentication import Face
from carddav_msg.web import parameters
from carddav_msg.web.answers import Format, answer, format_of
from carddav_msg.web.errors import log


def blueprint(services: Services) -> Blueprint:
    """The face. Both routes give the same document, so an app may be configured with either for both."""
    face = Blueprint("provisioning", __name__)

    @face.route("/provisioning", methods=["GET", "POST"])
    @face.route("/provisioning/refresh", methods=["GET", "POST"], endpoint="refresh")
    def provision() -> Response:
        sent = parameters.read(request)
        visitor = services.authentication.enter(sent.login, sent.password, Face.PROVISIONING, hints=sent.hints)
        account = services.provisioning.account(
            visitor.principal,
            visitor.network_id,
            visitor.session_epoch,
            sent.password,
            device=sent.device,
            cloud_id=sent.cloud_id,
        )
        log.info(
            "face=%s status=200 user=%s method=%s matched=%s client=%s",
            Face.PROVISIONING,
            ascii(visitor.principal.login),
            visitor.method,
            visitor.matched,
            request.remote_addr,
        )
        media_type = format_of(request)
        render = account_xml.account_json if media_type is Format.JSON else account_xml.account
        return answer(render(account.nodes, account.sms_numbers), media_type)

    return face
