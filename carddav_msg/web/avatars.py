"""Photos, `/avatars/{digest}`: who knows the unguessable digest may see the photo; contacts and cards tell it."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from carddav_msg.bootstrap import Services
from carddav_msg.web.routes import BYTES, IMAGE, NOT_THERE, Answer, Parameter, Route, bind

_DIGEST: Final = Parameter(
    "digest", "Names the photo.", length=128, pattern="[A-Za-z0-9_-]{16,128}", required=True, place="path"
)
PHOTO: Final = Route(
    "/avatars/<digest>",
    "A photo",
    (Answer(200, "The photo.", (IMAGE, BYTES)), Answer(304, "The caller has it already.", ()), NOT_THERE),
    parameters=(_DIGEST,),
)
ROUTES: Final = (PHOTO,)
_IMAGES: Final = frozenset(
    {"image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png", "image/webp"}
)


def blueprint(services: Services) -> Blueprint:
    """The photos."""
    face = Blueprint("avatars", __name__)

    def avatar(digest: str) -> Response:
        photo = services.directory.photo(digest) if _DIGEST.fits(digest) else None
        if photo is None:
            raise NotFound("There is no such photo.")
        media_type, body = photo
        # What is not an image that browsers only paint (SVG may run scripts) goes out as plain bytes.
        response = Response(body, content_type=media_type if media_type in _IMAGES else BYTES)
        response.set_etag(digest)
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        response.make_conditional(request)
        return response

    bind(face, PHOTO, avatar)
    return face
