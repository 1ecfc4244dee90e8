"""Request bodies (RFC 4918 §14, RFC 6578 §3.2, RFC 6352 §8), read by a parser that resolves nothing.

What phones send is small and the same each time: parsed bodies are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lxml import etree

from carddav_msg.dav import expansion, filters, principalsearch
from carddav_msg.dav.expansion import EXPAND_PROPERTY, ExpandProperty
from carddav_msg.dav.multistatus import CARDDAV_NS
from carddav_msg.dav.principalsearch import PROPERTY_SEARCH, SEARCH_PROPERTIES, PrincipalSearch, SearchProperties
from carddav_msg.dav.selection import Selection, selection_in
from carddav_msg.domain.search import Filter
from carddav_msg.errors import InvalidValue, TooManyMatches

_MULTIGET: Final = f"{{{CARDDAV_NS}}}addressbook-multiget"
_QUERY: Final = f"{{{CARDDAV_NS}}}addressbook-query"
_REMEMBERED: Final = 2048


@dataclass(frozen=True, slots=True)
class Propfind:
    """Properties of the resource, and of its members with Depth 1."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class SyncCollection:
    """Changes since `token` (empty: everything), at most `limit` of them."""

    token: str
    selection: Selection
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Multiget:
    """The cards at `hrefs`, as they were sent."""

    hrefs: tuple[str, ...]
    selection: Selection


@dataclass(frozen=True, slots=True)
class Query:
    """The cards that match, at most `limit` of them."""

    filter: Filter
    selection: Selection
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class PropertyUpdate:
    """The properties that a PROPPATCH sets or removes."""

    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakeCollection:
    """What an extended MKCOL makes: something of these types, with these properties (RFC 5689 §3)."""

    types: frozenset[str]
    props: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """Well-formed, and nothing of the above; `name` is that of the root element, empty without a body."""

    name: str = ""


Report = SyncCollection | Multiget | Query | ExpandProperty | PrincipalSearch | SearchProperties
Body = Propfind | Report | PropertyUpdate | MakeCollection | Other


def parse(body: bytes) -> Body:
    """What the body asks for.

    Raises InvalidValue for what is no XML, has a DTD or entities, or is not what its root element announces; and the
    errors of `filters` and `addressdata` for what is not supported.
    """
    return _remembered(body) if len(body) <= _REMEMBERED else _parse(body)


def _parse(body: bytes) -> Body:
    if not body.strip():
        return Other()
    root = _root(body)
    if root.tag == "{DAV:}propfind":
        return Propfind(selection_in(root, required=True))
    if root.tag == "{DAV:}sync-collection":
        return _sync_collection(root)
    if root.tag == _MULTIGET:
        hrefs = tuple((href.text or "").strip() for href in root.findall("{DAV:}href"))
        return Multiget(hrefs, selection_in(root))
    if root.tag == _QUERY:
        return _query(root)
    if root.tag == EXPAND_PROPERTY:
        return expansion.parse(root)
    if root.tag == PROPERTY_SEARCH:
        return principalsearch.parse(root)
    if root.tag == SEARCH_PROPERTIES:
        return SearchProperties()
    if root.tag == "{DAV:}propertyupdate":
        return PropertyUpdate(tuple(str(prop.tag) for prop in root.findall("*/{DAV:}prop/*")))
    if root.tag == "{DAV:}mkcol":
        types = frozenset(str(kind.tag) for kind in root.findall("{DAV:}set/{DAV:}prop/{DAV:}resourcetype/*"))
        return MakeCollection(types, tuple(str(prop.tag) for prop in root.findall("{DAV:}set/{DAV:}prop/*")))
    return Other(etree.QName(root).localname)


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
    token = root.find("{DAV:}sync-token")
    if token is None:
        raise InvalidValue("body", "A sync-collection report has a sync-token, which may be empty.")
    # Without the level it is what older drafts had, and Depth 1 then. A book has no deeper level, so both are the same.
    level = root.findtext("{DAV:}sync-level", "1").strip()
    if level not in ("1", "infinite"):
        raise InvalidValue("body", "A sync-level is 1 or infinite.")
    limit = _limit(root.find("{DAV:}limit"), "{DAV:}nresults")
    if limit == 0:
        raise TooManyMatches("An answer without a change could never be finished: ask for one change at least.")
    return SyncCollection((token.text or "").strip(), selection_in(root), limit)


def _query(root: etree._Element) -> Body:
    found = root.findall(filters.FILTER)
    if len(found) != 1:
        raise InvalidValue("body", "An addressbook-query report has one filter, which may be empty.")
    limit = _limit(root.find(f"{{{CARDDAV_NS}}}limit"), f"{{{CARDDAV_NS}}}nresults")
    return Query(filters.parse(found[0]), selection_in(root), limit)


def _limit(element: etree._Element | None, nresults: str) -> int | None:
    if element is None:
        return None
    text = (element.findtext(nresults) or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidValue("body", "A limit has nresults, a number.")
    return int(text)
