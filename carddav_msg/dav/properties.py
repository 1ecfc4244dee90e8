"""Live properties of books and cards (RFC 4918 §15, RFC 3744 §4–5, RFC 6352 §6.2, RFC 6578 §4).

`getctag` is from calendarserver.org, `addressbook-color` from inf-it.com. Any other property does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from carddav_msg.dav import acl
from carddav_msg.dav.addressdata import ADDRESS_DATA
from carddav_msg.dav.cardtext import DATA, ETAG, HREF, MODIFIED, SIZE, CardText, http_date
from carddav_msg.dav.exchange import VCARD, BookRequest, Request
from carddav_msg.dav.multistatus import (
    CALENDARSERVER_NS,
    CARDDAV_NS,
    INFIT_NS,
    empty_element,
    propstats,
    response,
    text,
)
from carddav_msg.dav.selection import Selection, Which
from carddav_msg.domain.access import Privilege, privileges
from carddav_msg.domain.search import Collation
from carddav_msg.domain.synctoken import SyncToken, ctag
from carddav_msg.formats.vcard.card import VERSIONS

GETETAG: Final = "{DAV:}getetag"
GETCONTENTLENGTH: Final = "{DAV:}getcontentlength"
GETLASTMODIFIED: Final = "{DAV:}getlastmodified"
GETCONTENTTYPE: Final = "{DAV:}getcontenttype"
RESOURCETYPE: Final = "{DAV:}resourcetype"
DISPLAYNAME: Final = "{DAV:}displayname"
COLOR: Final = f"{{{INFIT_NS}}}addressbook-color"

# allprop is for these only (RFC 4918 §9.1): the RFCs of the others want them to be named.
_EVERY: Final = (RESOURCETYPE, DISPLAYNAME, GETETAG, GETCONTENTTYPE, GETCONTENTLENGTH, GETLASTMODIFIED, COLOR)

S = TypeVar("S")
Writers = Mapping[str, Callable[[S], str]]


def described(writers: Writers[S], subject: S, selection: Selection, *, minimal: bool) -> str:
    """The propstats of a resource: what it has of the selection and, unless little is wanted, what it has not.

    A writer gives the element of a property, or an empty text when this resource has no such property.
    """
    if selection.which is Which.NAMES:
        return propstats("".join(empty_element(name) for name, write in writers.items() if write(subject)), ())
    found, missing = [], []
    for name in asked_names(selection, writers):
        write = writers.get(name)
        written = write(subject) if write else ""
        if written:
            rewrite = selection.rewritten.get(name)
            found.append(rewrite(written) if rewrite else written)
        elif name in selection.names:
            missing.append(name)
    return propstats("".join(found), () if minimal else missing)


def asked_names(selection: Selection, known: Iterable[str]) -> Iterable[str]:
    """The names of a selection, those of allprop first."""
    if selection.which is Which.NAMED:
        return selection.names
    names = set(known)
    return dict.fromkeys([*[name for name in _EVERY if name in names], *selection.names])


def is_live(name: str) -> bool:
    """True for a property of books that the server gives its value (RFC 4918 §15)."""
    return name in _BOOK


def book_response(asked: BookRequest, selection: Selection) -> str:
    """The response for the book itself."""
    return response(asked.href, described(_BOOK, asked, selection, minimal=asked.request.minimal))


def card_text(asked: BookRequest, selection: Selection, *, data: bool, base: str = "") -> CardText:
    """How the cards of the book are answered; address-data is a property of reports only (`data`).

    `base` is written instead of the book's address.
    """
    writers = dict(_CARD)
    if data and ADDRESS_DATA in selection.names:
        writers[ADDRESS_DATA] = _constant(f"<CR:address-data>{DATA}</CR:address-data>")
    template = response(HREF, described(writers, asked, selection, minimal=asked.request.minimal))
    return CardText(template, base or asked.href, selection.data)


def _constant(element: str) -> Callable[[BookRequest], str]:
    return lambda asked: element


def _held(asked: BookRequest, *, members: bool) -> list[str]:
    """The privileges that are told of the book or, without `members`, of a card."""
    have = privileges(asked.principal, asked.book)
    names = [("read", Privilege.READ), ("write", Privilege.WRITE), ("write-content", Privilege.WRITE_CONTENT)]
    if members:
        names += [("bind", Privilege.BIND), ("unbind", Privilege.UNBIND)]
        names += [("write-properties", Privilege.WRITE_PROPERTIES)]
    return [name for name, needed in names if have & needed == needed]


def report_set(*names: str) -> str:
    """DAV:supported-report-set."""
    reports = "".join(f"<supported-report><report><{name}/></report></supported-report>" for name in names)
    return f"<supported-report-set>{reports}</supported-report-set>"


def _ctag(asked: BookRequest) -> str:
    """With quotes, as the engine's: a client may read it here and there."""
    return f'"{ctag(asked.book.id, asked.book.epoch, asked.book.seq)}"'


def _optional(element: str, value: str) -> str:
    return f"<{element}>{text(value)}</{element}>" if value else ""


_QUERIES: Final = ("CR:addressbook-multiget", "CR:addressbook-query")
_VERSIONS: Final = "".join(
    f'<CR:address-data-type content-type="text/vcard" version="{version}"/>' for version in sorted(VERSIONS)
)
_COLLATIONS: Final = "".join(f"<CR:supported-collation>{name}</CR:supported-collation>" for name in Collation)

RIGHTS: Final[Writers[object]] = {
    "{DAV:}supported-privilege-set": lambda _: acl.SUPPORTED_PRIVILEGES,
    "{DAV:}acl-restrictions": lambda _: acl.RESTRICTIONS,
    "{DAV:}inherited-acl-set": lambda _: acl.INHERITED,
}
"""What is said of rights on all resources (RFC 3744 §5)."""

SHARED: Final[Writers[Request]] = {
    **RIGHTS,
    "{DAV:}current-user-principal": lambda r: (
        f"<current-user-principal><href>{r.home_href}</href></current-user-principal>"
    ),
    "{DAV:}principal-collection-set": lambda r: (
        f"<principal-collection-set><href>{r.root_href}</href></principal-collection-set>"
    ),
    "{DAV:}owner": lambda r: f"<owner><href>{r.home_href}</href></owner>",
}
"""Properties that all resources of a home have."""

_QUERIED: Final[Writers[BookRequest]] = {
    **RIGHTS,
    "{DAV:}current-user-principal": lambda s: SHARED["{DAV:}current-user-principal"](s.request),
    "{DAV:}principal-collection-set": lambda s: SHARED["{DAV:}principal-collection-set"](s.request),
    "{DAV:}owner": lambda s: SHARED["{DAV:}owner"](s.request),
    f"{{{CARDDAV_NS}}}supported-collation-set": lambda s: (
        f"<CR:supported-collation-set>{_COLLATIONS}</CR:supported-collation-set>"
    ),
}

_BOOK: Final[Writers[BookRequest]] = {
    **_QUERIED,
    RESOURCETYPE: lambda s: "<resourcetype><collection/><CR:addressbook/></resourcetype>",
    DISPLAYNAME: lambda s: f"<displayname>{text(s.book.display_name)}</displayname>",
    GETETAG: lambda s: f"<getetag>{_ctag(s)}</getetag>",
    GETLASTMODIFIED: lambda s: f"<getlastmodified>{http_date(s.book.modified)}</getlastmodified>",
    GETCONTENTTYPE: lambda s: "<getcontenttype>text/vcard</getcontenttype>",
    f"{{{CALENDARSERVER_NS}}}getctag": lambda s: f"<CS:getctag>{_ctag(s)}</CS:getctag>",
    "{DAV:}sync-token": lambda s: f"<sync-token>{SyncToken(s.book.id, s.book.epoch, s.book.seq)}</sync-token>",
    "{DAV:}current-user-privilege-set": lambda s: acl.privilege_set(*_held(s, members=True)),
    "{DAV:}acl": lambda s: acl.acl(s.request.home_href, *_held(s, members=True)),
    "{DAV:}supported-report-set": lambda s: report_set("sync-collection", *_QUERIES, "expand-property"),
    f"{{{CARDDAV_NS}}}addressbook-description": lambda s: _optional("CR:addressbook-description", s.book.description),
    f"{{{CARDDAV_NS}}}supported-address-data": lambda s: (
        f"<CR:supported-address-data>{_VERSIONS}</CR:supported-address-data>"
    ),
    f"{{{CARDDAV_NS}}}max-resource-size": lambda s: f"<CR:max-resource-size>{s.max_card_size}</CR:max-resource-size>",
    COLOR: lambda s: _optional("INF:addressbook-color", s.book.color),
}

_CARD: Final[Writers[BookRequest]] = {
    **_QUERIED,
    RESOURCETYPE: lambda s: "<resourcetype/>",
    GETCONTENTTYPE: lambda s: f"<getcontenttype>{VCARD}</getcontenttype>",
    "{DAV:}current-user-privilege-set": lambda s: acl.privilege_set(*_held(s, members=False)),
    "{DAV:}acl": lambda s: acl.acl(s.request.home_href, *_held(s, members=False)),
    "{DAV:}supported-report-set": lambda s: report_set(*_QUERIES, "expand-property"),
    GETETAG: _constant(f"<getetag>{ETAG}</getetag>"),
    GETCONTENTLENGTH: _constant(f"<getcontentlength>{SIZE}</getcontentlength>"),
    GETLASTMODIFIED: _constant(f"<getlastmodified>{MODIFIED}</getlastmodified>"),
}
"""With holes for what differs from card to card."""
