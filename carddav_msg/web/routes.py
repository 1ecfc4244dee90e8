"""How a route is declared, once: the declaration drives the parsing of its parameters and `/openapi.json`.

Each blueprint declares its routes in `ROUTES` and binds its views to them with `bind`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from flask import Blueprint

from carddav_msg.credentials.device import DEVICE_LENGTH

LENGTH: Final = 1024
XML: Final = "application/xml"
JSON: Final = "application/json"
HTML: Final = "text/html"
IMAGE: Final = "image/*"
BYTES: Final = "application/octet-stream"

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A text that callers send: `also` are further names of it, `length` is the most characters it may have.

    `place` is `query` (then it may be in a form or a JSON body as well) or `path`. One that is `required` is refused
    with 400 when no name of it came with a text. `pattern` is a regular expression for the whole text.
    """

    name: str
    text: str
    also: tuple[str, ...] = ()
    length: int = LENGTH
    required: bool = False
    secret: bool = False
    pattern: str = ""
    place: str = "query"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.also)

    def fits(self, value: str) -> bool:
        """True when the text has the length and the form that are declared."""
        return len(value) <= self.length and (not self.pattern or bool(re.fullmatch(self.pattern, value)))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that a route may give: its status, when it comes, and its media types (none: no body)."""

    status: int
    when: str
    media_types: tuple[str, ...] = (XML, JSON)


@dataclass(frozen=True)
class Route:
    """A route: `path` is Flask's rule. With `basic`, HTTP Basic authentication may carry user name and password."""

    path: str
    summary: str
    answers: tuple[Answer, ...]
    methods: tuple[str, ...] = ("GET",)
    parameters: tuple[Parameter, ...] = ()
    basic: bool = False

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters by each of their names."""
        return {name: parameter for parameter in self.parameters for name in parameter.names}


def bind(blueprint: Blueprint, route: Route, view: View) -> None:
    """Lets a view answer a route."""
    endpoint = re.sub(r"\W+", "_", route.path).strip("_") or "front_page"
    blueprint.add_url_rule(route.path, endpoint, view, methods=list(route.methods))


USERNAME: Final = Parameter(
    "username",
    "Who: a Cloud Username, NETWORK~username, username@domain, or a SIP username.",
    also=("cloud_username",),
    required=True,
)
PASSWORD: Final = Parameter(
    "password",
    "Login password or device credential; for External Authentication also the SIP password.",
    also=("cloud_password",),
    required=True,
    secret=True,
)
CLOUD_ID: Final = Parameter("cloud_id", "The app; narrows the networks to those of the app.")
HOST: Final = Parameter("host", "The SIP host or a domain of the network; narrows the networks.")
DEVICE: Final = Parameter(
    "device", "The phone; provisioning gives each its own credential.", also=("installid",), length=DEVICE_LENGTH
)
CREDENTIALS: Final = (USERNAME, PASSWORD, CLOUD_ID, HOST, DEVICE)

UNCLEAR: Final = Answer(400, "A parameter is missing or unclear, or the body can't be read.")
TOO_LARGE: Final = Answer(413, "The body is larger than the setting max_body_size.")
THROTTLED: Final = Answer(429, "Too many failed sign-ins; Retry-After says when.")
LATER: Final = Answer(503, "Not now; Retry-After says when.")
NOT_THERE: Final = Answer(404, "Nothing is there.")
