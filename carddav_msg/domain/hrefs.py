"""Paths of the CardDAV tree: `/dav/{principal}/{book}/{card}`.

In a segment everything is percent-encoded but what RFC 3986 §2.3 calls unreserved, as the engine does it too: one
resource has one spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from carddav_msg.errors import InvalidValue

_UNFIT = re.compile(r"[/\x00-\x1f\x7f]")
HREF_LENGTH = 255


@dataclass(frozen=True, slots=True)
class DavPath:
    """A decoded path below the mount point; `segments` are 0 (root) to 3 (card); `collection` = it ended with `/`."""

    segments: tuple[str, ...]
    collection: bool

    @property
    def principal(self) -> str:
        return self.segments[0] if self.segments else ""

    @property
    def book(self) -> str:
        return self.segments[1] if len(self.segments) > 1 else ""

    @property
    def card(self) -> str:
        return self.segments[2] if len(self.segments) > 2 else ""


def encode(segment: str) -> str:
    """One path segment, percent-encoded."""
    return quote(segment, safe="")


def parse(path: str) -> DavPath:
    """A raw (still percent-encoded) path below the mount point.

    Raises InvalidValue for what names nothing: bad UTF-8, control characters, `.` or `..`, an encoded slash.
    """
    segments = []
    for raw in path.split("/"):
        if not raw:
            continue
        try:
            segment = unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidValue("path", "The path is not UTF-8.") from None
        if segment in (".", "..") or _UNFIT.search(segment):
            raise InvalidValue("path", "The path has a segment that names nothing.")
        if len(segment.encode()) > HREF_LENGTH:
            raise InvalidValue("path", f"A path segment is longer than {HREF_LENGTH} bytes.")
        segments.append(segment)
    return DavPath(tuple(segments), path.endswith("/") or not segments)
