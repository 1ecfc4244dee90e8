"""Principals found by their names: principal-property-search and principal-search-property-set (RFC 3744 §9.4, §9.5).

They are asked at the root, the one collection of principals. Found is who the visitor's own view of the directory
shows with a messaging identity, under the name that it has there. The addresses of other principals are not to be
looked at: all that there is to know is in the answer, and nothing that is not in their directory cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

from lxml import etree

from carddav_msg.dav.exchange import XML, Answer, Request, answer
from carddav_msg.dav.multistatus import CLOSE, OPEN, document, href_segment, insufficient, response, text
from carddav_msg.dav.properties import DISPLAYNAME, RESOURCETYPE, Writers, described
from carddav_msg.dav.selection import Selection, selection_in
from carddav_msg.domain.search import Filter, FilterTest, PropFilter, TextMatch
from carddav_msg.errors import InvalidValue
from carddav_msg.services.addressbooks import AddressBooks, Colleague

PROPERTY_SEARCH: Final = "{DAV:}principal-property-search"
SEARCH_PROPERTIES: Final = "{DAV:}principal-search-property-set"
MOST: Final = 100
"""Principals in an answer: enough to choose from, and the rest is found by writing more of the name."""


@dataclass(frozen=True, slots=True)
class PrincipalSearch:
    """The principals with a name that has one (`anyof`) or all of these texts in it; None is a search for nobody."""

    texts: tuple[str, ...] | None
    anyof: bool
    selection: Selection


@dataclass(frozen=True, slots=True)
class SearchProperties:
    """By which properties principals are found."""


def parse(root: etree._Element) -> PrincipalSearch:
    """What a principal-property-search looks for. InvalidValue when it looks for nothing.

    Properties that can't be searched match nothing. The attribute `test` is that of Apple's CalendarServer, which its
    clients send; without it all conditions must hold (§9.4).
    """
    anyof = root.get("test", "allof").strip().lower() == "anyof"
    texts: list[str] = []
    other = False
    for wanted in root.findall("{DAV:}property-search"):
        match = wanted.find("{DAV:}match")
        names = {str(prop.tag) for prop in wanted.findall("{DAV:}prop/*")}
        if match is None or not names:
            raise InvalidValue("body", "A property-search has a prop with properties, and a match.")
        if names == {DISPLAYNAME}:
            texts.append(match.text or "")
        else:
            other = True
    if not (texts or other):
        raise InvalidValue("body", "A principal-property-search has a property-search.")
    nobody = not texts or (other and not anyof)
    return PrincipalSearch(None if nobody else tuple(texts), anyof, selection_in(root))


def search(addressbooks: AddressBooks, request: Request, wanted: PrincipalSearch) -> Answer:
    """The principals, at most `MOST` of them; if there are more, also a response that says so."""
    found: list[Colleague] = []
    if wanted.texts is not None:
        conditions = tuple([TextMatch(part) for part in wanted.texts])
        name = PropFilter("FN", conditions, FilterTest.ANYOF if wanted.anyof else FilterTest.ALLOF)
        found = list(islice(addressbooks.colleagues(request.principal, Filter((name,))), MOST + 1))
    responses = [_response(_Found(request, colleague), wanted.selection) for colleague in found[:MOST]]
    if len(found) > MOST:
        responses.append(insufficient(request.href))
    return answer(207, f"{OPEN}{''.join(responses)}{CLOSE}".encode(), ("Content-Type", XML))


def search_properties() -> Answer:
    """The one property by which principals are found."""
    return answer(200, _SEARCHABLE, ("Content-Type", XML))


@dataclass(frozen=True, slots=True)
class _Found:
    request: Request
    colleague: Colleague

    @property
    def href(self) -> str:
        return f"{self.request.root_href}{href_segment(self.colleague.login)}/"


def _response(found: _Found, selection: Selection) -> str:
    return response(found.href, described(_PRINCIPAL, found, selection, minimal=found.request.minimal))


_PRINCIPAL: Final[Writers[_Found]] = {
    RESOURCETYPE: lambda f: "<resourcetype><principal/></resourcetype>",
    DISPLAYNAME: lambda f: f"<displayname>{text(f.colleague.display_name)}</displayname>",
    "{DAV:}principal-URL": lambda f: f"<principal-URL><href>{f.href}</href></principal-URL>",
}
_SEARCHABLE: Final = document(
    "principal-search-property-set",
    '<principal-search-property><prop><displayname/></prop><description xml:lang="en">Name</description>'
    "</principal-search-property>",
)
