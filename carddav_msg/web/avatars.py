"""Photos, `/avatars/{digest}`: who knows the unguessable digest may see the photo; contacts and cards tell it."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from carddav_msg.bootstrap import Services

_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{16,128}\Z")
_IMAGES: Final = frozenset(
    {"image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png", "image/webp"}
)


def blueprint(services: Services) -> Blueprint:
    """The photos."""
    face = Blueprint("avatars", __name__)

    @face.get("/avatars/<digest>")
    def avatar(digest: str) -> Response:
        photo = services.directory.photo(digest) if _DIGEST.match(digest) else None
        if photo is None:
            raise NotFound("There is no such photo.")
        media_type, body = photo
        # What is not an image that browsers only paint (SVG may run scripts) goes out as plain bytes.
        response = Response(body, content_type=media_type if media_type in _IMAGES else "application/octet-stream")
        response.set_etag(digest)
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        response.make_conditional(request)
        return response

    return face
