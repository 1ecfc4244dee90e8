"""`/healthz`: this process answers. `/readyz`: it can also serve, or a list of what keeps it from that."""

from __future__ import annotations

import json
from typing import Final

from flask import Blueprint, Response

from carddav_msg.bootstrap import Services
from carddav_msg.credentials import keyring
from carddav_msg.errors import CarddavMsgError
from carddav_msg.web.answers import Format
from carddav_msg.web.routes import JSON, Answer, Route, bind

ALIVE: Final = Route("/healthz", "Whether the process answers", (Answer(200, "It does.", (JSON,)),))
READY: Final = Route(
    "/readyz",
    "Whether the process can serve",
    (Answer(200, "It can.", (JSON,)), Answer(503, "It can't; the problems.", (JSON,))),
)
ROUTES: Final = (ALIVE, READY)


def blueprint(services: Services) -> Blueprint:
    """Both questions."""
    health = Blueprint("health", __name__)

    def healthz() -> Response:
        return _json({"status": "ok"}, 200)

    def readyz() -> Response:
        problems = _problems(services)
        return _json({"ready": not problems, "problems": problems}, 503 if problems else 200)

    bind(health, ALIVE, healthz)
    bind(health, READY, readyz)
    return health


def _problems(services: Services) -> list[str]:
    """Sentences for an operator: database and schema first, keys only when those are right."""
    try:
        if problem := services.directory.ready():
            return [problem]
        return keyring.compare(services.keyring, services.directory.key_checks())
    except CarddavMsgError as error:
        return [str(error)]


def _json(value: object, status: int) -> Response:
    return Response(json.dumps(value), status, content_type=Format.JSON.value)
