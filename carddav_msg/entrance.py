"""What every request passes first, whatever face it asks: who asks and how, before anybody believes a header.

REMOTE_ADDR, wsgi.url_scheme and HTTP_HOST become those of the client, if a trusted proxy told them, and the headers
that told are gone. Answers get what the whole server promises (HSTS, no referrers), and are counted and perhaps logged:
with the template of the route and harmless parameters, never with a path or a query as it came.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from carddav_msg import logs, metrics
from carddav_msg.domain.proxies import Origin, Proxies, is_loopback
from carddav_msg.metrics import NOTE, PLAIN_HTTP, Note

log: Final = logging.getLogger("carddav_msg.entrance")
access: Final = logging.getLogger("carddav_msg.access")

_FACES: Final = {
    "auth": "external_authentication",
    "provisioning": "provisioning",
    "contacts": "contacts",
    "dav": "carddav",
    ".well-known": "carddav",
}
_OUTCOMES: Final = {304: "not_modified", 401: "refused", 403: "refused", 429: "throttled", 503: "unavailable"}
_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "REPORT", "PUT", "DELETE", "MOVE", "MKCOL", "PROPPATCH"}
)
_DAV: Final = ("/dav/", "/dav/<principal>", "/dav/<principal>/<book>", "/dav/<principal>/<book>/<card>")
_VALUE_LENGTH = 60


class Entrance:
    """The WSGI application in front of the whole server; `routes` are the templates of the web faces."""

    def __init__(
        self,
        application: WSGIApplication,
        proxies: Proxies,
        routes: Sequence[str],
        *,
        plain_http: bool,
        hsts: int,
        access_log: bool,
    ) -> None:
        """`plain_http` takes credentials without https from wherever; `hsts` in seconds, 0 sends none."""
        self._application = application
        self._proxies = proxies
        self._routes = [(re.compile(re.sub("<[^>]*>", "[^/]+", route)), route) for route in routes]
        self._plain_http = plain_http
        self._access_log = access_log
        self._headers = [("Referrer-Policy", "no-referrer")]
        self._secure_headers = [*self._headers, *([("Strict-Transport-Security", f"max-age={hsts}")] if hsts else [])]
        self._warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        origin = self._proxies.origin(environ)
        if origin.doubtful:
            self._doubt(origin)
        self._settle(environ, origin)
        note = environ[NOTE] = Note()
        more = self._secure_headers if origin.scheme == "https" else self._headers
        status = 0

        def start(line: str, headers: list[tuple[str, str]], *rest: object) -> object:
            nonlocal status
            status = int(line[:3])
            headers += more
            return start_response(line, headers, *rest)  # type: ignore[arg-type]  # exc_info, if there is one

        body = self._application(environ, start)  # type: ignore[arg-type]  # PEP 3333's write is passed through
        seconds = time.perf_counter() - began
        path = str(environ.get("PATH_INFO", ""))
        face = _FACES.get(path.strip("/").partition("/")[0], "other")
        metrics.request(face, _OUTCOMES.get(status) or f"{status // 100}xx", note.reason, seconds)
        if self._access_log:
            self._write(environ, path, status, seconds)
        return body

    def close_connections(self) -> None:
        """From now on each answer is the last one of its connection, so that none is open when the process ends."""
        for headers in (self._headers, self._secure_headers):
            headers.append(("Connection", "close"))

    def _settle(self, environ: WSGIEnvironment, origin: Origin) -> None:
        """Leaves in the environ what is so, and nothing that only somebody said."""
        for name in environ.keys() & self._proxies.dropped:
            del environ[name]
        environ["REMOTE_ADDR"] = origin.address
        environ["wsgi.url_scheme"] = origin.scheme
        if origin.host:
            environ["HTTP_HOST"] = origin.host
        local = origin.unix or is_loopback(str(environ.get("SERVER_NAME", "")))
        if origin.scheme != "https" and not self._plain_http and (origin.scheme_told or not local):
            environ[PLAIN_HTTP] = True

    def _doubt(self, origin: Origin) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "%s sent forwarding headers and is not in trusted_proxies, so they are ignored. If it is your proxy,"
                " list it there: until then all its clients count as one address.",
                origin.address or "A peer on a Unix socket",
            )

    def _write(self, environ: WSGIEnvironment, path: str, status: int, seconds: float) -> None:
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "(other)"
        access.info(
            "%s %s%s %d %.4f client=%s",
            method,
            self._route(path),
            _parameters(str(environ.get("QUERY_STRING", ""))),
            status,
            seconds,
            environ["REMOTE_ADDR"] or "unix",
        )

    def _route(self, path: str) -> str:
        if path == "/dav" or path.startswith("/dav/"):
            return _DAV[min(3, len([part for part in path.split("/") if part]) - 1)]
        bare = path.rstrip("/") or "/"
        return next((route for pattern, route in self._routes if pattern.fullmatch(bare)), "(other)")


def _parameters(query: str) -> str:
    """The harmless ones of a query, with what of their values prints."""
    if not query:
        return ""
    try:
        pairs = parse_qsl(query, max_num_fields=100)
    except ValueError:
        return ""
    shown = [
        f"{name}={ascii(value[:_VALUE_LENGTH])[1:-1]}" for name, value in pairs if name.lower() in logs.SHOWN_PARAMETERS
    ]
    return "?" + "&".join(shown) if shown else ""
