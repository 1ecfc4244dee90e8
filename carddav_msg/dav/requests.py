"""Request bodies (RFC 4918 §14, RFC 6578 §3.2, RFC 6352 §8.7), read by a parser that resolves nothing.

What phones send is small and the same each time: parsed bodies are remembered. What is valid but unusual becomes
`Other`, which the engine behind the lane answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lxml import etree

from carddav_msg.dav.multistatus import CARDDAV_NS
from carddav_msg.errors import InvalidValue

ADDRESS_DATA: Final = f"{{{CARDDAV_NS}}}address-data"
_MULTIGET: Final = f"{{{CARDDAV_NS}}}addressbook-multiget"
_REMEMBERED: Final = 2048
# Plain address-data asks for the card as it is (RFC 6352 §10.4); children or another version ask for something else.
_PLAIN_DATA: Final = frozenset({(), ("text/vcard", "3.0"), ("text/vcard", None), (None, "3.0"), (None, None)})


@dataclass(frozen=True, slots=True)
class Propfind:
    """The properties asked for, in Clark notation, each once."""

    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SyncCollection:
    """Changes since `token` (empty: everything)."""

    token: str
    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Multiget:
    """The cards at `hrefs`, as they were sent."""

    hrefs: tuple[str, ...]
    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PropertyUpdate:
    """The properties that a PROPPATCH sets or removes."""

    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """Well-formed, or empty, and not for the lane."""


Body = Propfind | SyncCollection | Multiget | PropertyUpdate | Other


def parse(body: bytes) -> Body:
    """What the body asks for. InvalidValue for what is no XML, or has a DTD or entities."""
    return _remembered(body) if len(body) <= _REMEMBERED else _parse(body)


def _parse(body: bytes) -> Body:
    if not body.strip():
        return Other()
    root = _root(body)
    if root.tag == "{DAV:}propfind":
        props = _props(root)
        return Other() if props is None or len(root) != 1 else Propfind(props)
    if root.tag == "{DAV:}sync-collection":
        return _sync_collection(root)
    if root.tag == _MULTIGET:
        props = _props(root)
        hrefs = tuple((href.text or "").strip() for href in root.findall("{DAV:}href"))
        return Other() if props is None else Multiget(hrefs, props)
    if root.tag == "{DAV:}propertyupdate":
        return PropertyUpdate(tuple(str(prop.tag) for prop in root.findall("*/{DAV:}prop/*")))
    return Other()


_remembered = lru_cache(maxsize=1024)(_parse)


def _root(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line = f" (line {error.lineno})" if isinstance(error, etree.XMLSyntaxError) and error.lineno else ""
        raise InvalidValue("body", f"The request body is not well-formed XML{line}.") from None
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # the stubs take a property for two
        raise InvalidValue("body", "The request body has a document type declaration, which is not accepted.")
    return root


def _sync_collection(root: etree._Element) -> Body:
    props = _props(root)
    token = root.find("{DAV:}sync-token")
    if props is None or root.find("{DAV:}limit") is not None:
        return Other()
    if token is None:
        raise InvalidValue("body", "A sync-collection report has a sync-token, which may be empty.")
    return SyncCollection((token.text or "").strip(), props)


def _props(root: etree._Element) -> tuple[str, ...] | None:
    """The names inside the one DAV:prop; None when there is none, or when address-data asks for more than the card."""
    asked = root.findall("{DAV:}prop")
    if len(asked) != 1:
        return None
    names: dict[str, None] = {}
    for prop in asked[0]:
        if prop.tag == ADDRESS_DATA:
            shape = (prop.get("content-type"), prop.get("version"))
            if len(prop) or shape not in _PLAIN_DATA:
                return None
        names[str(prop.tag)] = None
    return tuple(names)
