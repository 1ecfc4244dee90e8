"""The one table that turns errors into HTTP, and the one log line that each gets."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from carddav_msg.credentials import device
from carddav_msg.errors import CarddavMsgError, ConfigurationError, Rejected, SignedOut, Throttled, Unavailable
from carddav_msg.metrics import because
from carddav_msg.services.authentication import Face
from carddav_msg.services.observations import Observations
from carddav_msg.web.answers import Format, format_of, problem

log = logging.getLogger("carddav_msg.web")

REALM: Final = "carddav-msg"
_FACES: Final = {
    "auth": Face.EXTERNAL_AUTHENTICATION,
    "provisioning": Face.PROVISIONING,
    "contacts": Face.CONTACTS,
}
# Reference §3, §4: provisioning says 403; the others 401, for which RFC 9110 §15.5.2 wants a challenge.
_REJECTED: Final = {Face.PROVISIONING: 403}
_CHALLENGES: Final = {Face.CONTACTS: f'Basic realm="{REALM}", charset="UTF-8"'}
# A scheme that no client knows: the parameters are sent, or not, whatever we say.
_OTHER_CHALLENGE: Final = f'Parameters realm="{REALM}"'
_RETRY_AFTER_FAULT = 60
_NOT_NOW: Final = "The service is not available at the moment. Please try again later."
_DOCTOR: Final = "carddav-msg-doctor/"
"""How the User-Agent of `doctor` begins."""
_LOGIN_LENGTH = 80


class MissingCredentials(CarddavMsgError):
    """No credentials came, or none that can be read: the client is challenged to send some (RFC 7617 §2)."""


def install(app: Flask, observations: Observations) -> None:
    """Gives the application its error answers; refusals of known users are observed."""

    def rejected(error: Rejected) -> Response:
        observe(observations, error)
        return _rejected(error)

    def throttled(error: Throttled) -> Response:
        observe(observations, error)
        return _throttled(error)

    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(MissingCredentials, _challenged)
    app.register_error_handler(Rejected, rejected)
    app.register_error_handler(Throttled, throttled)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(ConfigurationError, _misconfigured)
    app.register_error_handler(Exception, _broken)


def by_doctor() -> bool:
    """True when the request says that `doctor` sent it: it plays users, so nothing is to be learned from it."""
    return request.headers.get("User-Agent", "").startswith(_DOCTOR)


def observe(observations: Observations, error: Rejected | Throttled) -> None:
    """Notes that a user was refused; a probe of `doctor` is nobody's visit."""
    # `doctor` sends SIP passwords, too, also of users without messaging; who is told of that has the right one.
    name = str(g.get("device", ""))
    if device.is_probe(name) or (error.reason == "messaging" and by_doctor()):
        return
    agent, certain = request.headers.get("User-Agent", ""), name if isinstance(error, SignedOut) else ""
    observations.failure(error.user, face(), error.reason, login=str(g.get("login", "")), agent=agent, device=certain)


def note_login(login: str, secret: str) -> None:
    """Keeps of this request the login, for its log line, and of which device its secret is, if it is a credential."""
    g.login = login
    g.device = device.device_in(secret)


def face() -> str:
    """The face that was asked, or `web` for the rest."""
    return str(_face() or "web")


def shown_login() -> str:
    """The login of this request as a log line may show it: quoted, printable, short."""
    login = str(g.get("login", ""))
    return ascii(login if len(login) <= _LOGIN_LENGTH else login[:_LOGIN_LENGTH] + "…")


def _face() -> Face | None:
    return _FACES.get(request.path.strip("/").partition("/")[0])


def _format() -> Format:
    """The caller's format; who asks for contacts reads JSON."""
    return Format.JSON if _face() is Face.CONTACTS else format_of(request)


def _note(level: int, status: int, reason: str, error: Exception | None = None, *, counted: str = "") -> None:
    because(request.environ, counted or reason)
    log.log(
        level,
        "face=%s status=%d reason=%s login=%s client=%s",
        face(),
        status,
        reason,
        shown_login(),
        request.remote_addr,
        exc_info=error,
    )


def _refused(error: HTTPException) -> Response:
    """400, 404, 405, 413 and what else HTTP itself refuses."""
    status = error.code or 500
    message = error.description or error.name
    _note(logging.INFO, status, repr(message), counted=error.name.lower())
    response = problem(message, _format(), status)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _challenged(_error: MissingCredentials) -> Response:
    _note(logging.INFO, 401, "no credentials")
    return _unauthorised("User name and password are needed.", 401)


def _rejected(error: Rejected) -> Response:
    """The same answer for every reason; the log alone knows which it was."""
    status = _REJECTED.get(_face() or Face.EXTERNAL_AUTHENTICATION, 401)
    _note(logging.WARNING, status, error.reason)
    return _unauthorised(str(error), status)


def _unauthorised(message: str, status: int) -> Response:
    response = problem(message, _format(), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGES.get(_face() or Face.CARDDAV, _OTHER_CHALLENGE)
    return response


def _throttled(error: Throttled) -> Response:
    """The same answer whichever window is full, in the form of a refusal that is not final."""
    _note(logging.INFO, 429, error.reason)
    return _later(error.retry_after, str(error), 429)


def _unavailable(error: Unavailable) -> Response:
    _note(logging.ERROR, 503, repr(str(error)), counted="unavailable")
    return _later(error.retry_after)


def not_now(message: str, seconds: int) -> Response:
    """503 for a request that can't be answered as it came; the log says why."""
    _note(logging.INFO, 503, repr(message), counted="unavailable")
    return _later(seconds)


def _misconfigured(error: ConfigurationError) -> Response:
    """A key is missing, say: our doubt, so nobody is told that a password is wrong."""
    _note(logging.ERROR, 503, repr(str(error)), counted="misconfigured")
    return _later(_RETRY_AFTER_FAULT)


def _later(seconds: int, message: str = _NOT_NOW, status: int = 503) -> Response:
    response = problem(message, _format(), status)
    response.headers["Retry-After"] = str(seconds)
    return response


def _broken(error: Exception) -> Response:
    _note(logging.ERROR, 500, type(error).__name__, error)
    return problem("The service has a fault. It is not your input; please try again later.", _format(), 500)
