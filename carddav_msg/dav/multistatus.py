"""The text of a 207 answer (RFC 4918 §13), in pieces that are joined as they are.

Thunderbird reads the first `status` of a response and wants `HTTP/1.1 200 OK` there: the propstat of what was found
always comes first, even when it is empty, and with an empty `<prop/>` it is what makes a changed card visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from carddav_msg.domain.hrefs import encode

CHUNK: Final = 48 * 1024
"""Octets after which a chunk of an answer is sent."""

DAV_NS: Final = "DAV:"
CARDDAV_NS: Final = "urn:ietf:params:xml:ns:carddav"
CALENDARSERVER_NS: Final = "http://calendarserver.org/ns/"
INFIT_NS: Final = "http://inf-it.com/ns/ab/"
PREFIXES: Final = {DAV_NS: "", CARDDAV_NS: "CR:", CALENDARSERVER_NS: "CS:", INFIT_NS: "INF:"}

_NAMESPACES: Final = f'xmlns="{DAV_NS}" xmlns:CR="{CARDDAV_NS}" xmlns:CS="{CALENDARSERVER_NS}" xmlns:INF="{INFIT_NS}"'
_XML: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
OPEN: Final = f"{_XML}<multistatus {_NAMESPACES}>"
CLOSE: Final = "</multistatus>"
OPEN_MKCOL: Final = f"{_XML}<mkcol-response {_NAMESPACES}>"
CLOSE_MKCOL: Final = "</mkcol-response>"
PROTECTED: Final = "<cannot-modify-protected-property/>"

is_plain: Final = re.compile(r"[A-Za-z0-9._~-]+").fullmatch
"""Whether a path segment, or several in a row, are written in an href as they are (RFC 3986 §2.3)."""
# What XML 1.0 §2.2 can't carry. Stored texts never have it; sentences that quote a client might.
_UNFIT: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """Character data. A carriage return goes out as a reference, or a parser would make a line feed of it."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def sentence(value: str) -> str:
    """Character data of a sentence for a reader; what XML can't carry becomes `?`."""
    return text(_UNFIT.sub("?", value))


def href_segment(segment: str) -> str:
    """One path segment of an href: percent-encoded, then escaped."""
    return segment if is_plain(segment) else encode(segment).replace("&", "&amp;")


def empty_element(name: str) -> str:
    """An empty element of a name in Clark notation."""
    namespace, _, local = name.rpartition("}")
    prefix = PREFIXES.get(namespace[1:])
    if prefix is not None:
        return f"<{prefix}{local}/>"
    return f'<{local} xmlns="{text(namespace[1:]).replace(chr(34), "&quot;")}"/>'


def unchanged(names: Iterable[str], status: str = "403 Forbidden", condition: str = "") -> str:
    """The propstat of properties (in Clark notation) that a request can't change (RFC 4918 §9.2.1); empty for none."""
    props = "".join(map(empty_element, names))
    error = f"<error>{condition}</error>" if condition else ""
    return f"<propstat><prop>{props}</prop><status>HTTP/1.1 {status}</status>{error}</propstat>" if props else ""


def propstats(found: str, missing: Iterable[str]) -> str:
    """The propstats of a response: `found` is the text of the properties, `missing` are names in Clark notation."""
    absent = "".join(map(empty_element, missing))
    present = f"<propstat><prop>{found}</prop><status>HTTP/1.1 200 OK</status></propstat>"
    if not absent:
        return present
    return f"{present}<propstat><prop>{absent}</prop><status>HTTP/1.1 404 Not Found</status></propstat>"


def response(href: str, properties: str) -> str:
    """A response of propstats."""
    return f"<response><href>{href}</href>{properties}</response>"


def gone(href: str) -> str:
    """A response for what does not exist (any more)."""
    return f"<response><href>{href}</href><status>HTTP/1.1 404 Not Found</status></response>"


def insufficient(href: str) -> str:
    """A response for the resource that was asked: there is more than was wanted (RFC 6352 §8.6.1, RFC 6578 §3.6)."""
    return (
        f"<response><href>{href}</href><status>HTTP/1.1 507 Insufficient Storage</status>"
        "<error><number-of-matches-within-limits/></error></response>"
    )


def document(name: str, inside: str) -> bytes:
    """A whole document that is no multistatus: an element of WebDAV with its content."""
    return f"{_XML}<{name} {_NAMESPACES}>{inside}</{name}>".encode()


def sync_token(token: str) -> str:
    return f"<sync-token>{token}</sync-token>"


def error(condition: str, explanation: str) -> bytes:
    """A `DAV:error` body (RFC 4918 §16): the element of the condition, if there is one, and a sentence."""
    words = f"<responsedescription>{sentence(explanation)}</responsedescription>"
    return f"{_XML}<error {_NAMESPACES}>{condition}{words}</error>".encode()
