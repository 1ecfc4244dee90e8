"""The web faces in Flask, a blueprint each. They parse, call a service and render; nothing here decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

from carddav_msg.bootstrap import Services
from carddav_msg.errors import ConfigurationError, InvalidValue
from carddav_msg.formats.auth_response import AuthResponseShape
from carddav_msg.logs import keep_out
from carddav_msg.web import (
    avatars,
    contacts,
    errors,
    external_authentication,
    front_page,
    health,
    openapi,
    provisioning,
)
from carddav_msg.web.unchanged import Unchanged

ROUTES: Final = tuple(
    route
    for module in (external_authentication, provisioning, contacts, avatars, health, front_page, openapi)
    for route in module.ROUTES
)
"""Every route of the web faces, as its blueprint declares it."""

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
"""What answers carry unless they say otherwise."""


def create_app(services: Services) -> Flask:
    """The WSGI application of everything but CardDAV; ConfigurationError for settings that can't be answered with."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = services.settings.max_body_size
    # No redirects to a tidier path: they would repeat the query, and what it holds, in an address.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(external_authentication.blueprint(services, _shape(services)))
    app.register_blueprint(provisioning.blueprint(services))
    app.register_blueprint(contacts.blueprint(services))
    app.register_blueprint(avatars.blueprint(services))
    app.register_blueprint(health.blueprint(services))
    app.register_blueprint(front_page.blueprint())
    app.register_blueprint(openapi.blueprint(ROUTES, services.settings.public_url))
    errors.install(app, services.observations)
    app.wsgi_app = Unchanged(_with_headers(app.wsgi_app), services.authentication)  # type: ignore[method-assign]  # as Flask's manual has it
    app.teardown_request(_forget)
    return app


def _shape(services: Services) -> AuthResponseShape:
    try:
        root, uri, numbers, number = services.settings.auth_xml_names
        return AuthResponseShape(root, uri, numbers, number)
    except InvalidValue as error:
        raise ConfigurationError([f"auth_xml_names: {error}"]) from None


def _with_headers(application: WSGIApplication) -> WSGIApplication:
    """Outside of Flask, whose header objects would cost more than all else of a short answer."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            there = {name for name, _ in headers}
            return start_response(status, [*headers, *(one for one in _HEADERS if one[0] not in there)], *rest)

        return application(environ, start)

    return answer


def _forget(_error: BaseException | None) -> None:
    keep_out()
