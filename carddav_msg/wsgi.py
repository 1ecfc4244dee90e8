"""The whole server as one WSGI application: Flask at `/`; at `/dav` the guard, the lane, and Radicale behind them.

The only module that imports Radicale. Another WSGI server calls `create_application`; `carddav-msg serve` builds the
services and mounts them before it forks, and calls `begin` behind the fork. They connect at the first question.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from http.client import responses
from typing import Final
from urllib.parse import quote, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from radicale.app import Application

from carddav_msg import bootstrap, metrics
from carddav_msg.bootstrap import Services
from carddav_msg.dav.environ import PRINCIPAL_SEGMENT, VISITOR
from carddav_msg.dav.exchange import DAV, Answer
from carddav_msg.dav.faults import fault
from carddav_msg.dav.guard import Guard
from carddav_msg.entrance import Entrance
from carddav_msg.settings import Settings, load
from carddav_msg.web import ROUTES, create_app
from radicale_carddav_msg import visit
from radicale_carddav_msg.configuration import composed

MOUNT: Final = "/dav"
WELL_KNOWN: Final = "/.well-known/carddav"


def create_application(settings: Settings | None = None) -> WSGIApplication:
    """The server for these settings (default: those of the environment). ConfigurationError when they can't work."""
    services = bootstrap.build(load() if settings is None else settings)
    begin(services)
    return mount(services)


def begin(services: Services) -> None:
    """What a process starts that answers requests: its counters, and the thread that writes observations."""
    if services.settings.metrics_port:
        metrics.enable()
    services.observations.start()


def mount(services: Services) -> Entrance:
    """The server over services that exist already."""
    web = create_app(services)
    guard = Guard(
        services.authentication,
        services.addressbooks,
        engine(services),
        prefix=MOUNT,
        observations=services.observations,
        max_body_size=services.settings.max_body_size,
        public_host=urlsplit(services.settings.public_url).netloc,
    )

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.rstrip("/") == WELL_KNOWN:
            return _moved(start_response)
        if path == MOUNT or path.startswith(f"{MOUNT}/"):
            below = path.removeprefix(MOUNT)
            return guard({**environ, "SCRIPT_NAME": MOUNT, "PATH_INFO": below}, start_response)
        return web(environ, start_response)

    settings = services.settings
    return Entrance(
        application,
        bootstrap.make_proxies(settings),
        [route.path for route in ROUTES],
        plain_http=settings.plain_http == "allow",
        hsts=settings.hsts,
        access_log=settings.access_log,
    )


def engine(services: Services) -> WSGIApplication:
    """Radicale with our plugins, for what the lane does not answer; it expects the environ that the guard leaves.

    The engine knows few reasons for a refusal. When one of our own errors was behind it, the answer is the one that the
    lane would give: 503 instead of 500 when the database is away, the DAV conditions that clients act on.
    """
    radicale = Application(composed(services, visitor_key=VISITOR, segment_key=PRINCIPAL_SEGMENT, dav=DAV))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        try:
            body = radicale(environ, lambda status, headers: started.append((status, headers)))
            error = visit.failure()
        finally:
            visit.end()
        if error is None:
            start_response(*started[-1])
            return body
        resource = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        parent = posixpath.dirname(resource.rstrip("/")) + "/"
        return _send(environ, fault(error, book=parent, resource=resource), start_response)

    return application


def _send(environ: WSGIEnvironment, answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    start_response(f"{answer.status} {responses[answer.status]}", list(answer.headers))
    return () if environ["REQUEST_METHOD"] == "HEAD" else answer.body


def _moved(start_response: StartResponse) -> Iterable[bytes]:
    """To the CardDAV root (RFC 6764 §5), for every method.

    301 and not 307 or 308: clients that follow a redirect of PROPFIND keep the method at 301 (iOS, macOS, DAVx5,
    Thunderbird, vdirsyncer), while HTTP libraries of older Android clients follow 307 and 308 for GET only.
    """
    start_response("301 Moved Permanently", [("Location", f"{MOUNT}/"), ("Content-Length", "0"), ("DAV", DAV)])
    return [b""]
