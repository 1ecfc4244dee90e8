"""Live properties of books and cards (RFC 4918 §15, RFC 3744 §4–5, RFC 6352 §6.2, RFC 6578 §4).

`getctag` is from calendarserver.org, `addressbook-color` from inf-it.com. Any other property does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from carddav_msg.dav.exchange import VCARD, BookRequest
from carddav_msg.dav.multistatus import CALENDARSERVER_NS, CARDDAV_NS, INFIT_NS, propstats, response, text
from carddav_msg.dav.requests import ADDRESS_DATA
from carddav_msg.domain.access import Privilege, privileges
from carddav_msg.domain.synctoken import SyncToken, ctag

GETETAG: Final = "{DAV:}getetag"
GETCONTENTLENGTH: Final = "{DAV:}getcontentlength"
GETLASTMODIFIED: Final = "{DAV:}getlastmodified"


def http_date(microseconds: int) -> str:
    """An HTTP-date (RFC 9110 §5.6.7)."""
    return formatdate(microseconds // 1_000_000, usegmt=True)


def book_response(asked: BookRequest, props: tuple[str, ...]) -> str:
    """The response for the book itself."""
    found, missing = [], []
    for name in props:
        write = _BOOK.get(name)
        written = write(asked) if write else ""
        if written:
            found.append(written)
        else:
            missing.append(name)
    return response(asked.request.book_href, propstats("".join(found), missing))


def card_template(asked: BookRequest, props: tuple[str, ...], *, data: bool) -> str:
    """A `%` template of a card's response with the keys href, etag, size, modified and, with `data`, data."""
    found, missing = [], []
    for name in props:
        if name in _CARD_ROW and (data or name != ADDRESS_DATA):
            found.append(_CARD_ROW[name])
        elif name in _CARD:
            found.append(_CARD[name](asked).replace("%", "%%"))
        else:
            missing.append(name)
    return response("%(href)s", propstats("\0", missing).replace("%", "%%").replace("\0", "".join(found)))


def _privilege_set(asked: BookRequest, *, members: bool) -> str:
    have = privileges(asked.request.principal, asked.book)
    # Strictly DAV:write contains write-properties too (RFC 3744 §3.2), but clients take a book without it as read-only.
    names = [("read", Privilege.READ), ("write", Privilege.WRITE), ("write-content", Privilege.WRITE_CONTENT)]
    if members:
        names += [("bind", Privilege.BIND), ("unbind", Privilege.UNBIND)]
        names += [("write-properties", Privilege.WRITE_PROPERTIES)]
    held = "".join(f"<privilege><{name}/></privilege>" for name, needed in names if have & needed == needed)
    return f"<current-user-privilege-set>{held}</current-user-privilege-set>"


def _reports(*names: str) -> str:
    reports = "".join(f"<supported-report><report><{name}/></report></supported-report>" for name in names)
    return f"<supported-report-set>{reports}</supported-report-set>"


def _token(asked: BookRequest) -> str:
    return str(SyncToken(asked.book.id, asked.book.epoch, asked.book.seq))


def _ctag(asked: BookRequest) -> str:
    """With quotes, as the engine's: a client may read it here and there."""
    return f'"{ctag(asked.book.epoch, asked.book.seq)}"'


def _optional(element: str, value: str) -> str:
    return f"<{element}>{text(value)}</{element}>" if value else ""


_QUERIES: Final = ("CR:addressbook-multiget", "CR:addressbook-query")

_SHARED: Final[dict[str, Callable[[BookRequest], str]]] = {
    "{DAV:}current-user-principal": lambda s: (
        f"<current-user-principal><href>{s.request.home_href}</href></current-user-principal>"
    ),
    "{DAV:}principal-collection-set": lambda s: (
        f"<principal-collection-set><href>{s.request.root_href}</href></principal-collection-set>"
    ),
    "{DAV:}owner": lambda s: f"<owner><href>{s.request.home_href}</href></owner>",
}

_BOOK: Final[dict[str, Callable[[BookRequest], str]]] = {
    **_SHARED,
    "{DAV:}resourcetype": lambda s: "<resourcetype><collection/><CR:addressbook/></resourcetype>",
    "{DAV:}displayname": lambda s: f"<displayname>{text(s.book.display_name)}</displayname>",
    GETETAG: lambda s: f"<getetag>{_ctag(s)}</getetag>",
    GETLASTMODIFIED: lambda s: f"<getlastmodified>{http_date(s.book.modified)}</getlastmodified>",
    "{DAV:}getcontenttype": lambda s: "<getcontenttype>text/vcard</getcontenttype>",
    f"{{{CALENDARSERVER_NS}}}getctag": lambda s: f"<CS:getctag>{_ctag(s)}</CS:getctag>",
    "{DAV:}sync-token": lambda s: f"<sync-token>{_token(s)}</sync-token>",
    "{DAV:}current-user-privilege-set": lambda s: _privilege_set(s, members=True),
    "{DAV:}supported-report-set": lambda s: _reports("sync-collection", *_QUERIES),
    f"{{{CARDDAV_NS}}}addressbook-description": lambda s: _optional("CR:addressbook-description", s.book.description),
    # 3.0 alone: to a server that offers 4.0, DAVx5 writes 4.0, at which Apple's clients stop.
    f"{{{CARDDAV_NS}}}supported-address-data": lambda s: (
        '<CR:supported-address-data><CR:address-data-type content-type="text/vcard" version="3.0"/>'
        "</CR:supported-address-data>"
    ),
    f"{{{CARDDAV_NS}}}max-resource-size": lambda s: f"<CR:max-resource-size>{s.max_card_size}</CR:max-resource-size>",
    f"{{{INFIT_NS}}}addressbook-color": lambda s: _optional("INF:addressbook-color", s.book.color),
}

_CARD: Final[dict[str, Callable[[BookRequest], str]]] = {
    **_SHARED,
    "{DAV:}resourcetype": lambda s: "<resourcetype/>",
    "{DAV:}getcontenttype": lambda s: f"<getcontenttype>{VCARD}</getcontenttype>",
    "{DAV:}current-user-privilege-set": lambda s: _privilege_set(s, members=False),
    "{DAV:}supported-report-set": lambda s: _reports(*_QUERIES),
}

_CARD_ROW: Final = {
    GETETAG: "<getetag>%(etag)s</getetag>",
    GETCONTENTLENGTH: "<getcontentlength>%(size)d</getcontentlength>",
    GETLASTMODIFIED: "<getlastmodified>%(modified)s</getlastmodified>",
    ADDRESS_DATA: "<CR:address-data>%(data)s</CR:address-data>",
}
