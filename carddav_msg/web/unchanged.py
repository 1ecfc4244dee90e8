"""Answers of 304, given again while nothing that they were made of has changed (ADR 14).

Apps ask for contacts every three minutes, nearly always in vain. The same request by a caller whose door is as it was
gets the same answer; the door has all books of the home with their `seq`. Flask would take five times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.exceptions import BadRequest
from werkzeug.wsgi import LimitedStream

from carddav_msg.credentials import device
from carddav_msg.metrics import PLAIN_HTTP
from carddav_msg.services.authentication import Authentication, Callers, Visitor

_DIGITS: Final = 4  # of the length of a body: credentials alone take no more
_SAID: Final = "carddav_msg.unchanged"


@dataclass(frozen=True, slots=True)
class _Told:
    """A 304 that was given; `headers` is the digest of the request's, and `given` are those of the answer."""

    visitor: Visitor
    headers: bytes
    given: list[tuple[str, str]]
    repeat: Callable[[], None]


def may_be_repeated(environ: WSGIEnvironment, visitor: Visitor, repeat: Callable[[], None]) -> None:
    """Says of the 304 that is being given that it is made of the request and the visitor alone, who has a `home`.

    `repeat` does what is to be done each time: to count it, to note the visit.
    """
    if visitor.ticket and visitor.home is not None and not device.is_probe(visitor.device):
        environ[_SAID] = (visitor, repeat)


class Unchanged:
    """The WSGI application in front of the web faces that repeats their answers of 304; see `may_be_repeated`."""

    def __init__(self, application: WSGIApplication, authentication: Authentication) -> None:
        self._application = application
        self._authentication = authentication
        self._told: Callers[_Told] = Callers()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        caller = self._caller(environ)
        if caller is None:
            return self._application(environ, start_response)
        headers = self._told.digest(*(f"{name}={value}" for name, value in environ.items() if name[:5] == "HTTP_"))
        told = self._told.kept(caller)
        if told is not None and told.headers == headers and self._is_repeated(told):
            start_response("304 NOT MODIFIED", [*told.given])
            return []
        return self._asked(caller, headers, environ, start_response)

    def _caller(self, environ: WSGIEnvironment) -> bytes | None:
        """A digest of what was asked and by whom, without headers; None when the answer can be no 304 that is kept."""
        if environ.get(PLAIN_HTTP) or "HTTP_TRANSFER_ENCODING" in environ or environ["SERVER_PROTOCOL"][:6] != "HTTP/1":
            return None  # a body may have no length
        if not ("HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ):
            return None
        body = b""
        if length := environ.get("CONTENT_LENGTH"):
            if not length.isdecimal() or len(length) > _DIGITS:
                return None
            try:
                body = LimitedStream(environ["wsgi.input"], int(length)).read()
            except BadRequest:  # cut off: the face, which finds nothing, says so
                environ["wsgi.input"] = BytesIO()
                return None
            environ["wsgi.input"] = BytesIO(body)
        elif environ["REQUEST_METHOD"] == "POST":
            return None
        names = ("REMOTE_ADDR", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "HTTP_AUTHORIZATION")
        return self._told.digest(*(str(environ.get(name, "")) for name in names), body.decode("latin-1"))

    def _is_repeated(self, told: _Told) -> bool:
        """True when the visitor would be let in to the very same, and was noted. Whatever fails here fails in the face,
        too, which says so.
        """
        try:
            if self._authentication.again(told.visitor) is not told.visitor:
                return False
            told.repeat()
        except Exception:
            return False
        return True

    def _asked(
        self, caller: bytes, headers: bytes, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """The answer of the face, which is kept if it says that it may be repeated."""

        def start(status: str, given: list[tuple[str, str]], *rest: Any) -> Any:
            if _SAID in environ and status.startswith("304"):
                visitor, repeat = environ[_SAID]
                self._told.keep(caller, _Told(visitor, headers, [*given], repeat))
            return start_response(status, given, *rest)

        return self._application(environ, start)
