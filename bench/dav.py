"""What is asked, and a strict reading of multistatus answers (RFC 4918 §13) with a parser of its own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from bench.cards import MARK
from bench.errors import WrongAnswer

D: Final = "{DAV:}"
CARD: Final = "{urn:ietf:params:xml:ns:carddav}"
CS: Final = "{http://calendarserver.org/ns/}"
XML: Final = {"Content-Type": "application/xml; charset=utf-8"}
VCARD: Final = {"Content-Type": "text/vcard; charset=utf-8"}
NAMESPACES: Final = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:S="http://calendarserver.org/ns/"'
_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>'


def _document(name: str, inner: str) -> bytes:
    return f"{_DECLARATION}<{name} {NAMESPACES}>{inner}</{name}>".encode()


POLL: Final = _document("propfind", "<prop><S:getctag/><sync-token/></prop>")
LIST: Final = _document("propfind", "<prop><getetag/></prop>")
QUERY: Final = _document(
    "C:addressbook-query",
    '<prop><getetag/><C:address-data/></prop><C:filter><C:prop-filter name="FN">'
    f'<C:text-match collation="i;unicode-casemap" match-type="contains">{MARK.lower()}</C:text-match>'
    "</C:prop-filter></C:filter>",
)
MKCOL: Final = _document(
    "mkcol",
    "<set><prop><resourcetype><collection/><C:addressbook/></resourcetype><displayname>Bench</displayname></prop></set>",
)


def sync(token: str) -> bytes:
    """A sync-collection report (RFC 6578 §3)."""
    inner = f"<sync-token>{escape(token)}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>"
    return _document("sync-collection", inner)


def multiget(hrefs: Iterable[str]) -> bytes:
    """An addressbook-multiget report (RFC 6352 §8.7)."""
    named = "".join(f"<href>{escape(href)}</href>" for href in hrefs)
    return _document("C:addressbook-multiget", f"<prop><getetag/><C:address-data/></prop>{named}")


@dataclass(frozen=True, slots=True)
class Multistatus:
    """`found`: path → properties that were there; `gone`: paths that were answered with 404 as a whole."""

    found: dict[str, dict[str, str]]
    gone: frozenset[str]
    token: str
    truncated: bool

    def members(self, collection: str) -> dict[str, dict[str, str]]:
        """Name → properties of the collection's members."""
        return {path.rpartition("/")[2]: properties for path, properties in self.found.items() if path != collection}


def read(body: bytes, what: str) -> Multistatus:
    """The answer; WrongAnswer when it is no multistatus, or has a response twice or without an href."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise WrongAnswer(f"{what}: is not XML: {error}", body) from None
    if root.tag != D + "multistatus":
        raise WrongAnswer(f"{what}: the root is {root.tag}", body)
    found: dict[str, dict[str, str]] = {}
    gone: set[str] = set()
    truncated = False
    for response in root.iterfind(D + "response"):
        path = unquote(urlsplit((response.findtext(D + "href") or "").strip()).path)
        status = response.findtext(D + "status") or ""
        if " 507" in status:
            truncated = True
        elif not path or path in found or path in gone:
            raise WrongAnswer(f"{what}: an href is missing or there twice: {path!r}", body)
        elif " 404" in status:
            gone.add(path)
        else:
            found[path] = _there(response)
    token = (root.findtext(D + "sync-token") or "").strip()
    return Multistatus(found, frozenset(gone), token, truncated)


def _there(response: ElementTree.Element) -> dict[str, str]:
    return {
        item.tag: item.text or ""
        for propstat in response.iterfind(D + "propstat")
        if " 200" in (propstat.findtext(D + "status") or "")
        for item in propstat.iterfind(f"{D}prop/*")
    }


_HREF: Final = re.compile(rb"<(?:[\w.-]+:)?href(?:\s[^>]*)?>\s*([^<]+?)\s*</")
_TOKEN: Final = re.compile(rb"<(?:[\w.-]+:)?sync-token(?:\s[^>]*)?>\s*([^<]+?)\s*</")


def quick(body: bytes) -> tuple[list[str], str]:
    """Hrefs as they were sent, and the sync token: what a phone needs to go on, read fast; `read` follows later."""
    token = _TOKEN.search(body)
    if token is None:
        raise WrongAnswer("sync-collection: no sync-token", body)
    hrefs = [href.decode().replace("&amp;", "&") for href in _HREF.findall(body)]
    return hrefs, token[1].decode().replace("&amp;", "&")
