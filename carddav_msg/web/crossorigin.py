"""Pages of other origins that may read a face in a browser (Fetch standard, "CORS protocol"): those configured only.

The answer names the origin and never `*`, since what it holds depends on credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response, request

_METHODS: Final = "GET, POST"
_SENT: Final = "Authorization, Content-Type, If-Modified-Since, If-None-Match"
_READABLE: Final = "ETag, Last-Modified, Retry-After"
_PREFLIGHT_FOR: Final = "600"


def allow(face: Blueprint, origins: Sequence[str]) -> None:
    """Lets pages of these origins read what a face answers, refusals too."""
    allowed = frozenset(origins)
    if not allowed:
        return

    def preflight() -> Response | None:
        """A browser asks before it sends credentials, and sends none with the question (Fetch §4.8)."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = Response(status=204)
        if request.headers.get("Origin") in allowed:
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _SENT
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_FOR
        return response

    def named(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin in allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = _READABLE
        return response

    face.before_request(preflight)
    face.after_request(named)
