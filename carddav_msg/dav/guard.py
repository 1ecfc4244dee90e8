"""The guard: what every request of the mount point passes first. Decodes, limits, asks who it is, and dispatches.

In front of an engine that trusts its server it makes safe: the path is read from the raw request line, bodies are
complete and bounded, headers that a client could forge are gone (X-Script-Name, X-Forwarded-*, X-Remote-User).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from carddav_msg import logs, metrics
from carddav_msg.credentials import device
from carddav_msg.dav.admissions import Admission, Admissions
from carddav_msg.dav.bodies import read_body
from carddav_msg.dav.coding import coded
from carddav_msg.dav.credentials import BasicCredentials, parse_basic
from carddav_msg.dav.environ import PRINCIPAL_SEGMENT, VISITOR
from carddav_msg.dav.exchange import Answer, Request, answer
from carddav_msg.dav.faults import fault, refusal
from carddav_msg.dav.lane import ALLOW, Lane
from carddav_msg.domain import hrefs
from carddav_msg.domain.access import BookKind
from carddav_msg.domain.hrefs import DavPath
from carddav_msg.domain.identifiers import fold
from carddav_msg.errors import CarddavMsgError, Forbidden, Rejected, SignedOut, Throttled
from carddav_msg.metrics import PLAIN_HTTP, because
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.authentication import Authentication, Face, Hints, Method, Visitor
from carddav_msg.services.observations import Observations

log: Final = logging.getLogger("carddav_msg.dav")

_FORGEABLE: Final = (
    "HTTP_X_FORWARDED_",
    "HTTP_X_SCRIPT_NAME",
    "HTTP_X_REMOTE_USER",
    "HTTP_REMOTE_USER",
    "HTTP_FORWARDED",
)
_ROUTES: Final = ("/", "/<principal>/", "/<principal>/<book>/", "/<principal>/<book>/<card>")
_STATUS: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Guard:
    """The WSGI application of the mount point `prefix` (no slash at its end), before the `engine` that is behind it."""

    def __init__(
        self,
        authentication: Authentication,
        addressbooks: AddressBooks,
        engine: WSGIApplication,
        *,
        prefix: str,
        max_body_size: int,
        public_host: str = "",
        observations: Observations | None = None,
    ) -> None:
        self._authentication = authentication
        self._addressbooks = addressbooks
        self._lane = Lane(addressbooks)
        self._engine = engine
        self._prefix = prefix
        self._max_body_size = max_body_size
        self._public_host = public_host
        self._observations = observations
        self._admissions = Admissions(authentication)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        login = secret = ""
        try:
            if environ.get(PLAIN_HTTP):
                given = refusal(403, "Credentials are taken over https only.", reason="plain http")
            elif environ["REQUEST_METHOD"] == "OPTIONS":
                # Some clients look for the addressbook token before they send credentials.
                given = answer(200, b"", ALLOW)
            else:
                path = self._path(environ)
                asked = self._admissions.asked(environ, path)
                admission = self._admissions.again(asked)
                if admission is None:
                    credentials = parse_basic(environ.get("HTTP_AUTHORIZATION"))
                    login, secret = credentials.login, credentials.secret
                    admission = self._admit(environ, path, credentials)
                login = admission.login
                request = self._request(environ, path, admission.visitor)
                if isinstance(request, Answer):
                    given = request
                else:
                    answered = self._answered(asked, request, admission)
                    if answered is None:
                        return self._pass_on(request, start_response)
                    given = coded(answered, environ.get("HTTP_ACCEPT_ENCODING", ""))
        except CarddavMsgError as error:
            given = fault(error)
            if isinstance(error, Rejected):
                self._observe_refusal(environ, error, login, secret)
                return self._refuse(environ, start_response, given, login, error.reason)
            if isinstance(error, Throttled):
                self._observe_refusal(environ, error, login, secret)
        except Exception as error:
            given = self._broken(error)
        if given.reason:
            return self._refuse(environ, start_response, given, login, given.reason)
        return _send(environ, start_response, given)

    def _path(self, environ: WSGIEnvironment) -> DavPath:
        line = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
        return _located(self._prefix, environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), line)

    def _admit(self, environ: WSGIEnvironment, path: DavPath, credentials: BasicCredentials) -> Admission:
        """The visitor, in a home of theirs."""
        visitor = self._authentication.enter(
            credentials.login,
            credentials.secret,
            Face.CARDDAV,
            slug=path.book,
            hints=Hints(request_host=environ.get("HTTP_HOST", "")),
            address=environ.get("REMOTE_ADDR", ""),
        )
        named = not path.segments or _is_named_so(path.principal, visitor, credentials.login)
        # The names of before are read each time: they may be given to somebody else.
        if not named and not self._addressbooks.is_home(visitor.principal, path.principal):
            raise Forbidden("read", "This is the address of another user.")
        credential = device.parse(credentials.secret) if visitor.method is Method.DEVICE else None
        name = credential.device if credential else ""
        probe = device.is_probe(name)
        if probe or not named:
            visitor = replace(visitor, ticket=None)
        return Admission(visitor, credentials.login, name, probe)

    def _request(self, environ: WSGIEnvironment, path: DavPath, visitor: Visitor) -> Request | Answer:
        """The request of an admitted visitor with its whole body, or the answer that refuses the body."""
        body = read_body(environ, self._max_body_size)
        if isinstance(body, Answer):
            return body
        method = environ["REQUEST_METHOD"]
        return Request(method, self._prefix, path, visitor, body, environ, self._public_host)

    def _answered(self, asked: bytes, request: Request, admission: Admission) -> Answer | None:
        """The lane's answer, or the one it gave before; None when the engine has to answer."""
        question = self._admissions.question(request, admission)
        answered = admission.answers.get(question) if question else None
        if answered is None:
            answered = self._lane.answer(request)
            if question:
                self._admissions.keep(asked, admission, question, answered)
        self._observe(request, admission, answered)
        if answered is not None and answered.sync:
            metrics.sync(Face.CARDDAV, answered.sync)
        return answered

    def _observe(self, request: Request, admission: Admission, answered: Answer | None) -> None:
        """Notes the visit, and the state of the directory when this was a listing or a sync of it."""
        if self._observations is None or admission.probe:
            return
        book = request.visitor.book
        # A multiget loads some cards of a state that the client knows already, an expand-property of a book none.
        fetched = (
            book is not None
            and book.kind is BookKind.DIRECTORY
            and book.network == request.principal.network
            and answered is not None
            and answered.status == 207
            and (request.method == "REPORT" or request.header("DEPTH") == "1")
            and not any(name in request.body for name in (b"addressbook-multiget", b"expand-property"))
        )
        self._observations.success(
            request.principal.id,
            Face.CARDDAV,
            login=admission.login,
            agent=request.header("USER_AGENT") or "",
            matched=request.visitor.matched,
            device=admission.device,
            book=book.id if book and fetched else 0,
            seq=book.seq if book and fetched else 0,
        )

    def _observe_refusal(self, environ: WSGIEnvironment, error: Rejected | Throttled, login: str, secret: str) -> None:
        """Notes that a user was refused; a probe of `doctor` is nobody's visit."""
        name = device.device_in(secret)
        if self._observations is None or device.is_probe(name):
            return
        agent, certain = environ.get("HTTP_USER_AGENT", ""), name if isinstance(error, SignedOut) else ""
        self._observations.failure(error.user, Face.CARDDAV, error.reason, login=login, agent=agent, device=certain)

    def _pass_on(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        logs.keep_out(parse_basic(request.environ.get("HTTP_AUTHORIZATION")).secret)
        try:
            return self._engine(_for_engine(request), start_response)
        finally:
            logs.keep_out()

    def _broken(self, error: Exception) -> Answer:
        """The answer to a fault of ours. The log gets its kind and places: texts of exceptions may quote secrets."""
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("A request failed with %s:\n%s", type(error).__name__, places)
        return refusal(500, "The server failed to answer this request; the operator finds the cause in its log.")

    def _route(self, environ: WSGIEnvironment) -> str:
        """The path as a template: what a client put into it may be a secret."""
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".removeprefix(self._prefix)
        return self._prefix + _ROUTES[min(len([part for part in path.split("/") if part]), len(_ROUTES) - 1)]

    def _refuse(
        self, environ: WSGIEnvironment, start_response: StartResponse, given: Answer, login: str, reason: str
    ) -> Iterable[bytes]:
        """Sends a refusal with its one line in the log."""
        because(environ, reason)
        # A request without credentials is how most clients begin.
        level = logging.WARNING if given.status in (401, 503) and reason != "missing" else logging.INFO
        if given.status != 500:
            log.log(
                level,
                "%s %s of login %.150r from %s: %d (%s)",
                environ["REQUEST_METHOD"][:20],
                self._route(environ),
                login,
                environ.get("REMOTE_ADDR", "?"),
                given.status,
                reason,
            )
        return _send(environ, start_response, given)


def _is_named_so(segment: str, visitor: Visitor, typed: str) -> bool:
    """True for the visitor's principal name as it is now, and for the login that was typed."""
    return segment in (visitor.principal.login, typed) or fold(segment) == fold(typed)


@lru_cache(maxsize=4096)
def _located(prefix: str, decoded: str, line: str) -> DavPath:
    """What the path below the mount point names. Phones ask for the same few places again and again."""
    return hrefs.parse(raw_path(prefix, decoded, line))


def raw_path(prefix: str, decoded: str, line: str) -> str:
    """The percent-encoded path below the mount point: of the request line where the server tells it and it is the one
    that was routed here, else the decoded path (in the latin-1 of PEP 3333) encoded again, in which `%2F` is a slash.
    """
    octets = decoded.encode("latin-1", "replace")
    path = line.partition("?")[0] if line.startswith("/") else _path_of(line)
    if path.startswith(prefix) and unquote_to_bytes(path) == octets:
        return path[len(prefix) :]
    return quote(octets, safe="/").removeprefix(prefix)


def _path_of(url: str) -> str:
    """The path of a request line in absolute form (RFC 9112 §3.2.2)."""
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return "/"


def _for_engine(request: Request) -> WSGIEnvironment:
    """The environ for the engine; see `environ`."""
    environ = {
        name: value
        for name, value in request.environ.items()
        if not name.startswith(_FORGEABLE) and name not in ("HTTP_AUTHORIZATION", "HTTP_TRANSFER_ENCODING")
    }
    segments = request.path.segments
    environ["PATH_INFO"] = "/" + "/".join(segments) + ("/" if segments and request.path.collection else "")
    environ["SCRIPT_NAME"] = request.prefix
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ["wsgi.input"] = BytesIO(request.body)
    environ[VISITOR] = request.visitor
    environ[PRINCIPAL_SEGMENT] = request.path.principal
    return environ


def _send(environ: WSGIEnvironment, start_response: StartResponse, given: Answer) -> Iterable[bytes]:
    start_response(_STATUS[given.status], list(given.headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else given.body
