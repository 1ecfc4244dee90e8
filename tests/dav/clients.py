"""A CardDAV client for tests: sends what it is told, and reads answers with parsers of its own."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment
from xml.etree import ElementTree

from werkzeug.test import Client

D = "{DAV:}"
CR = "{urn:ietf:params:xml:ns:carddav}"
CS = "{http://calendarserver.org/ns/}"
INF = "{http://inf-it.com/ns/ab/}"


@dataclass
class Reply:
    """An answer with its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)

    @property
    def condition(self) -> str:
        """The name of the condition element of a DAV:error, empty when it has only a sentence."""
        assert self.xml.tag == D + "error", self.body
        names = [element.tag for element in self.xml if element.tag != D + "responsedescription"]
        return names[0] if names else ""

    @property
    def sentence(self) -> str:
        return self.xml.findtext(D + "responsedescription") or ""

    @property
    def members(self) -> dict[str, Member]:
        """Decoded href → what a multistatus says of it."""
        assert self.status == 207, (self.status, self.body)
        return {member.href: member for member in map(member_of, self.xml.findall(D + "response"))}


@dataclass
class Member:
    """A response of a multistatus: `found` and `missing` by name, or `gone`; `truncated`: there is more than this."""

    href: str
    gone: bool
    found: dict[str, ElementTree.Element]
    missing: set[str]
    truncated: bool = False

    def text(self, name: str) -> str:
        return self.found[name].text or ""


def member_of(response: ElementTree.Element) -> Member:
    """What a response says, also one inside of a property."""
    found: dict[str, ElementTree.Element] = {}
    missing: set[str] = set()
    for propstat in response.findall(D + "propstat"):
        status = propstat.findtext(D + "status") or ""
        for prop in propstat.findall(f"{D}prop/*"):
            if " 200 " in status:
                found[prop.tag] = prop
            else:
                missing.add(prop.tag)
    status = response.findtext(D + "status") or ""
    limited = response.find(f"{D}error/{D}number-of-matches-within-limits") is not None
    assert limited == status.startswith("HTTP/1.1 507")
    gone = status.startswith("HTTP/1.1 404")
    return Member(unquote(response.findtext(D + "href") or ""), gone, found, missing, limited)


@dataclass
class Engine:
    """Stands behind the guard and notes what reached it."""

    seen: list[WSGIEnvironment] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    fails_with: Exception | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        if self.fails_with:
            raise self.fails_with
        start_response("299 Engine", [("Content-Type", "text/plain")])
        return [b"the engine"]


@dataclass
class Dav:
    """A client of one user; `at` and the paths are percent-encoded."""

    application: Callable[..., Any]
    login: str
    secret: str

    def __call__(
        self, method: str, path: str, body: bytes | str = b"", *, raw: dict[str, Any] | None = None, **headers: str
    ) -> Reply:
        """Sends a request. Headers by keyword (`if_match`); `raw` replaces entries of the WSGI environ."""
        sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
        if self.login and "Authorization" not in sent:
            sent["Authorization"] = basic(f"{self.login}:{self.secret}")
        data = body.encode() if isinstance(body, str) else body
        decoded = unquote_to_bytes(path).decode("latin-1")  # what servers do; werkzeug's client replaces bad UTF-8
        environ = {"RAW_URI": path, "PATH_INFO": decoded, "REMOTE_ADDR": "192.0.2.7", **(raw or {})}
        response = Client(self.application).open(
            path, method=method, headers=sent, data=data, environ_overrides=environ
        )
        try:
            return Reply(response.status_code, dict(response.headers), response.get_data())
        finally:
            response.close()

    def propfind(self, path: str, *props: str, depth: str = "0") -> Reply:
        return self("PROPFIND", path, propfind(*props), depth=depth)

    def sync(self, path: str, token: str = "", *props: str, limit: int = 0) -> Reply:
        names = _elements(props or (D + "getetag",))
        within = f"<limit><nresults>{limit}</nresults></limit>" if limit else ""
        return self(
            "REPORT",
            path,
            f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>1</sync-level>{within}'
            f"<prop>{names}</prop></sync-collection>",
            depth="0",
        )

    def query(
        self, path: str, filters: str | None, prop: str = "<D:getetag/>", *, limit: str = "", depth: str = "1"
    ) -> Reply:
        """An addressbook-query with the inside of a filter (None: without one) and of a prop, in `D:` and `CR:`."""
        within = "" if filters is None else f"<CR:filter>{filters}</CR:filter>"
        if limit:
            within += f"<CR:limit><CR:nresults>{limit}</CR:nresults></CR:limit>"
        names = f'xmlns:D="{D[1:-1]}" xmlns:CR="{CR[1:-1]}"'
        body = f"<CR:addressbook-query {names}><D:prop>{prop}</D:prop>{within}</CR:addressbook-query>"
        return self("REPORT", path, body, depth=depth)

    def multiget(self, path: str, hrefs: Iterable[str], *props: str) -> Reply:
        root = ElementTree.Element(CR + "addressbook-multiget")
        prop = ElementTree.SubElement(root, D + "prop")
        for name in props or (D + "getetag", CR + "address-data"):
            ElementTree.SubElement(prop, name)
        for href in hrefs:
            ElementTree.SubElement(root, D + "href").text = href
        return self("REPORT", path, ElementTree.tostring(root), depth="1")

    def put(self, path: str, card: bytes | str, **headers: str) -> Reply:
        return self("PUT", path, card, **{"content_type": "text/vcard; charset=utf-8", **headers})


def basic(pair: str | bytes) -> str:
    return "Basic " + base64.b64encode(pair.encode() if isinstance(pair, str) else pair).decode()


def propfind(*props: str) -> str:
    return f'<?xml version="1.0"?><propfind xmlns="DAV:"><prop>{_elements(props)}</prop></propfind>'


def _elements(props: Iterable[str]) -> str:
    return "".join('<{1} xmlns="{0}"/>'.format(*prop[1:].split("}")) for prop in props)


def vcard(name: str = "Ada Lovelace", uid: str = "ada", *lines: str) -> str:
    """A small vCard 3.0."""
    own = [f"FN:{name}", f"N:{name};;;;", *lines]
    if uid:
        own.insert(0, f"UID:{uid}")
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *own, "END:VCARD", ""])
