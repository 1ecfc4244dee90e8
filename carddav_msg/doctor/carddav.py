"""CardDAV as a client meets it: from the well-known address to a sync, and what its cards say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin
from xml.etree import ElementTree

from carddav_msg.doctor.findings import Finding, bad, good
from carddav_msg.probe.flows import Phone
from carddav_msg.probe.transport import Reply

_D: Final = "{DAV:}"
_CR: Final = "{urn:ietf:params:xml:ns:carddav}"
_FIX: Final = "Let the proxy pass PROPFIND and REPORT and the headers Depth and Authorization on"
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class Broken(Exception):
    """An answer that a client could not go on with."""


def examine(phone: Phone, url: str) -> Iterator[Finding]:
    """Discovery and sync with the phone's account."""
    try:
        home, book = discover(phone, url)
        yield good("CardDAV discovery", f"{home}, first book {book}.")
    except Broken as broken:
        yield bad("CardDAV discovery", str(broken), _FIX)
        return
    try:
        cards, token = sync(phone, book)
        changed, _ = sync(phone, book, token)
    except Broken as broken:
        yield bad("CardDAV sync", str(broken), _FIX)
        return
    if changed:
        yield bad(
            "CardDAV sync", f"{len(changed)} cards changed while nothing was written.", "Look again when it is quiet"
        )
    else:
        yield good("CardDAV sync", f"{len(cards)} cards; nothing more with the token.")


def discover(phone: Phone, url: str) -> tuple[str, str]:
    """(home, first address book) as absolute URLs; Broken says where a client would give up."""
    principal = _href(phone, f"{url}/dav/", f"{_D}current-user-principal", "<current-user-principal/>")
    home = _href(phone, principal, f"{_CR}addressbook-home-set", "<CR:addressbook-home-set/>")
    books = _propfind(phone, home, "<resourcetype/>", "1")
    for response in books.iter(f"{_D}response"):
        if response.find(f".//{_CR}addressbook") is not None:
            return home, urljoin(home, response.findtext(f"{_D}href") or "")
    raise Broken(f"{home} has no address book.")


def sync(phone: Phone, book: str, token: str = "") -> tuple[dict[str, str], str]:
    """(href → vCard, new token) of what changed since a token; Broken for an answer that is no multistatus."""
    cards: dict[str, str] = {}
    while True:
        body = (
            '<sync-collection xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">'
            f"<sync-token>{token}</sync-token><sync-level>1</sync-level>"
            "<prop><getetag/><CR:address-data/></prop></sync-collection>"
        )
        answer = _multistatus(phone.dav("REPORT", book, body.encode(), "0"), "REPORT", book)
        truncated = False
        for response in answer.iter(f"{_D}response"):
            href = response.findtext(f"{_D}href") or ""
            truncated = truncated or "507" in (response.findtext(f"{_D}status") or "")
            data = response.findtext(f".//{_CR}address-data")
            if data is not None:
                cards[href] = data
        new = answer.findtext(f"{_D}sync-token") or ""
        if not new:
            raise Broken(f"REPORT {book}: there is no sync token.")
        if not truncated or new == token:
            return cards, new
        token = new


def properties(card: str) -> dict[str, str]:
    """The first value of each property of a vCard, unescaped, by its name in upper case."""
    found: dict[str, str] = {}
    for line in re.sub(r"\r?\n[ \t]", "", card).splitlines():
        head, colon, value = line.partition(":")
        if colon:
            name = head.partition(";")[0].rpartition(".")[2].upper()
            found.setdefault(name, _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value))
    return found


def _href(phone: Phone, url: str, name: str, prop: str) -> str:
    answer = _propfind(phone, url, prop, "0")
    href = answer.findtext(f".//{name}/{_D}href")
    if not href:
        raise Broken(f"PROPFIND {url}: there is no {name.partition('}')[2]}.")
    return urljoin(url, href)


def _propfind(phone: Phone, url: str, prop: str, depth: str) -> ElementTree.Element:
    body = f'<propfind xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><prop>{prop}</prop></propfind>'
    return _multistatus(phone.dav("PROPFIND", url, body.encode(), depth), "PROPFIND", url)


def _multistatus(reply: Reply, method: str, url: str) -> ElementTree.Element:
    if reply.status != 207 or b"<!DOCTYPE" in reply.body[:1000]:
        raise Broken(f"{method} {url}: {reply.status}, not 207.")
    try:
        return ElementTree.fromstring(reply.body)  # noqa: S314  # no DOCTYPE, and of the operator's own server
    except ElementTree.ParseError:
        raise Broken(f"{method} {url}: the XML can't be read.") from None
