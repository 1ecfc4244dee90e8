"""How answers are written: in XML, or in JSON for who asks for it; `Content-Type` picks the vendor's parser."""

from __future__ import annotations

import enum

from flask import Request, Response

from carddav_msg.formats import account_xml


class Format(enum.StrEnum):
    """The media types of answers and errors, exactly as they are sent."""

    XML = "application/xml"
    JSON = "application/json"


def format_of(request: Request) -> Format:
    """JSON when `Accept` prefers it, else XML, the vendor's default."""
    if "Accept" not in request.headers:
        return Format.XML
    accept = request.accept_mimetypes
    xml = max(accept.quality("application/xml"), accept.quality("text/xml"))
    return Format.JSON if accept.quality("application/json") > xml else Format.XML


def answer(body: bytes, media_type: Format, status: int = 200) -> Response:
    """A complete answer whose form depends on `Accept`."""
    response = Response(body, status, content_type=str(media_type))
    response.headers["Vary"] = "Accept"
    return response


def problem(message: str, media_type: Format, status: int) -> Response:
    """An error whose message an app may show to its user."""
    body = account_xml.error_json(message) if media_type is Format.JSON else account_xml.error(message)
    return answer(body, media_type, status)
