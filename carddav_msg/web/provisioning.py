"""External Provisioning, `/provisioning` at sign-in and `/provisioning/refresh` from then on (reference §4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Blueprint, Request, Response
from flask.globals import request_ctx
from werkzeug.exceptions import Forbidden, HTTPException

from carddav_msg.bootstrap import Services
from carddav_msg.errors import CarddavMsgError, SignedOut, Unavailable
from carddav_msg.formats import account_xml
from carddav_msg.services.authentication import Face, Method, Moment
from carddav_msg.services.provisioning import LOGGED_OUT, Account
from carddav_msg.web import parameters
from carddav_msg.web.answers import Format, answer, format_of
from carddav_msg.web.errors import log, not_now, observe, shown_login
from carddav_msg.web.observing import let_in
from carddav_msg.web.queries import QueryPasswords
from carddav_msg.web.routes import CREDENTIALS, LATER, THROTTLED, TOO_LARGE, UNCLEAR, Answer, Route, bind

INITIAL: Final = Route(
    "/provisioning",
    "External Provisioning: the account of a user, at sign-in",
    (
        Answer(200, "The account."),
        UNCLEAR,
        Answer(403, "The credentials are not accepted, or not without https."),
        TOO_LARGE,
        THROTTLED,
        LATER,
    ),
    methods=("GET", "POST"),
    parameters=CREDENTIALS,
)
REFRESH: Final = replace(
    INITIAL,
    path="/provisioning/refresh",
    summary="External Provisioning: the account, again",
    answers=(
        *(answer for answer in INITIAL.answers if answer is not THROTTLED and answer.status != 403),
        Answer(403, "The credentials are not accepted."),
    ),
)
ROUTES: Final = (INITIAL, REFRESH)
_PLAIN_AGAIN_AFTER: Final = 300
"""Seconds: somebody has to change proxy or settings first."""


def blueprint(services: Services) -> Blueprint:
    """The face. Both routes give the same document, so an app may be configured with either for both.

    At refresh no phone is told anything final but that its user, device or password is refused, or its request no
    request: what we can't tell is 503.
    """
    face = Blueprint("provisioning", __name__)
    queries = QueryPasswords(Face.PROVISIONING)

    def refresh() -> Response:
        try:
            return provision(Moment.REFRESH)
        except Forbidden as error:  # how the phone reaches us is in doubt, not its user
            return not_now(str(error.description), _PLAIN_AGAIN_AFTER)
        except SignedOut as error:
            if not error.logged_out:
                raise
            observe(services.observations, error)
            log.info(
                "face=%s status=200 logged out reason=%s login=%s client=%s",
                Face.PROVISIONING,
                error.reason,
                shown_login(),
                request_ctx.request.remote_addr,
            )
            return _document(request_ctx.request, LOGGED_OUT)
        except (CarddavMsgError, HTTPException):
            raise
        except Exception as error:
            log.exception("face=%s fault", Face.PROVISIONING)
            raise Unavailable("The service has a fault.") from error

    def provision(moment: Moment = Moment.INITIAL) -> Response:
        request = request_ctx.request
        sent = parameters.read(request, INITIAL)
        visitor = services.authentication.enter(
            sent.login, sent.password, Face.PROVISIONING, hints=sent.hints, address=sent.address, moment=moment
        )
        # A phone that signed in before the network refused them learns the address for POST from its refresh alone.
        queries.check(visitor, sent, refuses=moment is Moment.INITIAL)
        account = services.provisioning.account(
            visitor.principal,
            visitor.session_epoch,
            sent.password,
            device=sent.device,
            cloud_id=sent.cloud_id,
            enrolled_only=visitor.method is Method.CODE_REPEATED,
        )
        served = dict(account.nodes).get("networkId", "")
        let_in(services.observations, Face.PROVISIONING, visitor, sent, network_id=served)
        log.info(
            "face=%s status=200 user=%s method=%s matched=%s client=%s",
            Face.PROVISIONING,
            ascii(visitor.principal.login),
            visitor.method,
            visitor.matched,
            request.remote_addr,
        )
        return _document(request, account)

    bind(face, INITIAL, provision)
    bind(face, REFRESH, refresh)
    return face


def _document(request: Request, account: Account) -> Response:
    media_type = format_of(request)
    render = account_xml.account_json if media_type is Format.JSON else account_xml.account
    return answer(render(account.nodes, account.sms_numbers, empty_numbers=account.empty_numbers), media_type)
