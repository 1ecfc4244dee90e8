"""A small WebDAV client for tests, over HTTP or straight into a WSGI application, with a parser of its own."""

from __future__ import annotations

import base64
import http.client
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from werkzeug.test import Client as WsgiClient

NAMES = {
    "D": "DAV:",
    "CR": "urn:ietf:params:xml:ns:carddav",
    "CAL": "urn:ietf:params:xml:ns:caldav",
    "CS": "http://calendarserver.org/ns/",
    "INF": "http://inf-it.com/ns/ab/",
}
_SHORT = {uri: prefix for prefix, uri in NAMES.items()}


@dataclass(frozen=True)
class Response:
    """One response of a multistatus: its own status, or properties as name → (status, value)."""

    status: int | None
    props: Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Answer:
    """A status, headers by lower-case name, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    responses: Mapping[str, Response] = field(default_factory=dict)
    token: str = ""

    @property
    def text(self) -> str:
        return self.body.decode()

    def prop(self, href: str, name: str) -> str:
        """The value of a property that was found."""
        status, value = self.responses[href].props[name]
        assert status == 200, f"{name} of {href}: {status}"
        return value


class Dav:
    """Sends requests of one user below a mount point; paths are decoded."""

    def __init__(self, send: Callable[..., tuple[int, dict[str, str], bytes]], mount: str, login: str, password: str):
        self._send = send
        self._mount = mount
        self._basic = "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()

    def __call__(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> Answer:
        """`dav("PROPFIND", "/acme~anna/", xml, depth="1")`; `_` in header names stands for `-`."""
        sent = {"Authorization": self._basic} | {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        status, received, answered = self._send(method, self._mount + quote(path), content, sent)
        answer = Answer(status, received, answered)
        if status != 207:
            return answer
        root = ET.fromstring(answered)
        responses = {_decoded(one.findtext("{DAV:}href")): _response(one) for one in root.findall("{DAV:}response")}
        return Answer(status, received, answered, responses, root.findtext("{DAV:}sync-token") or "")


def wsgi(application: Any, login: str, password: str, mount: str = "") -> Dav:
    """A client of an application in this process."""
    client = WsgiClient(application)

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        with client.open(path, method=method, data=body, headers=headers) as answer:
            names = [name.lower() for name, _ in answer.headers]
            assert len(names) == len(set(names)), f"a header was sent twice: {names}"
            return answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.get_data()

    return Dav(send, mount, login, password)


def over_http(url: str, login: str, password: str, mount: str = "") -> Dav:
    """A client of a server."""
    address = urlsplit(url)
    assert address.hostname is not None

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return Dav(send, mount, login, password)


def propfind(*names: str) -> str:
    """A PROPFIND body for properties such as `D:getetag`."""
    return _document("D:propfind", _prop(names))


def sync(token: str, *names: str) -> str:
    """A sync-collection report."""
    return _document(
        "D:sync-collection", f"<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>" + _prop(names)
    )


def multiget(hrefs: list[str], *names: str) -> str:
    """An addressbook-multiget report for hrefs as they are to be sent."""
    return _document("CR:addressbook-multiget", _prop(names) + "".join(f"<D:href>{href}</D:href>" for href in hrefs))


def query(filters: str, *names: str) -> str:
    """An addressbook-query report."""
    return _document("CR:addressbook-query", _prop(names) + filters)


def mkcol(**texts: str) -> str:
    """An extended MKCOL of an address book, `D__displayname="…"`."""
    kind = "<D:resourcetype><D:collection/><CR:addressbook/></D:resourcetype>"
    return _document("D:mkcol", f"<D:set><D:prop>{kind}{_texts(texts)}</D:prop></D:set>")


def proppatch(**texts: str) -> str:
    """A PROPPATCH that sets texts."""
    return _document("D:propertyupdate", f"<D:set><D:prop>{_texts(texts)}</D:prop></D:set>")


def _texts(texts: Mapping[str, str]) -> str:
    named = {name.replace("__", ":").replace("_", "-"): text for name, text in texts.items()}
    return "".join(f"<{name}>{text}</{name}>" for name, text in named.items())


def _prop(names: tuple[str, ...]) -> str:
    return "<D:prop>" + "".join(f"<{name}/>" for name in names) + "</D:prop>"


def _document(root: str, content: str) -> str:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
    return f'<?xml version="1.0"?><{root} {declared}>{content}</{root}>'


def _response(element: ET.Element) -> Response:
    status = element.findtext("{DAV:}status")
    props = {}
    for propstat in element.findall("{DAV:}propstat"):
        code = int((propstat.findtext("{DAV:}status") or "").split()[1])
        for prop in propstat.findall("{DAV:}prop/*"):
            props[_short(prop.tag)] = (code, _value(prop))
    return Response(int(status.split()[1]) if status else None, props)


def _value(element: ET.Element) -> str:
    """The text of a property, or its children in a fixed order; hrefs decoded."""
    children = sorted(f"{_short(child.tag)}{_attributes(child)}({_value(child)})" for child in element)
    text = element.text or ""
    return " ".join(children) if children else (_decoded(text) if element.tag == "{DAV:}href" else text)


def _attributes(element: ET.Element) -> str:
    return "".join(f"[{name}={value}]" for name, value in sorted(element.attrib.items()))


def _short(tag: str) -> str:
    namespace, _, local = tag[1:].partition("}")
    return f"{_SHORT.get(namespace, namespace)}:{local}"


def _decoded(href: str | None) -> str:
    return unquote(href or "")
