"""The root and the home (RFC 3744 §4, RFC 6352 §7.1): a user's home is the user's principal too.

What they have not, and clients ask for: `CR:principal-address` (the own card is one of the directory, which is not
everyone's to see), `CR:directory-gateway` (macOS asks for it to search a directory that can't be listed; ours is an
address book like the others, and the first of the home: the one that macOS shows), and `CS:me-card`.
"""

from __future__ import annotations

from typing import Final

from carddav_msg.dav import acl
from carddav_msg.dav.exchange import XML, Answer, BookRequest, Request, answer
from carddav_msg.dav.multistatus import CARDDAV_NS, CLOSE, OPEN, PROTECTED, response, text, unchanged
from carddav_msg.dav.properties import (
    DISPLAYNAME,
    RESOURCETYPE,
    RIGHTS,
    SHARED,
    Writers,
    book_response,
    described,
    report_set,
)
from carddav_msg.dav.requests import PropertyUpdate
from carddav_msg.dav.selection import Selection
from carddav_msg.services.addressbooks import AddressBooks

WELCOME: Final = b"This is a CardDAV server. Enter the address of this page in your address book program.\n"


def propfind_root(request: Request, selection: Selection, *, members: bool) -> Answer:
    """The root and, with `members` (Depth 1), the home of who asks: other homes are not to be seen."""
    responses = [response(request.root_href, described(_ROOT, request, selection, minimal=request.minimal))]
    if members:
        responses.append(response(request.home_href, described(_HOME, request, selection, minimal=request.minimal)))
    return _multistatus(responses)


def propfind_home(addressbooks: AddressBooks, request: Request, selection: Selection, *, members: bool) -> Answer:
    """The home and, with `members` (Depth 1), its books, the directory first."""
    responses = [response(request.home_href, described(_HOME, request, selection, minimal=request.minimal))]
    if members:
        books = addressbooks.home(request.principal)
        asked = [BookRequest(request, book, addressbooks.max_card_size) for book in books]
        responses += [book_response(book, selection) for book in asked]
    return _multistatus(responses)


def described_at(request: Request, href: str, selection: Selection) -> str:
    """The propstats of the root or, at any other href that a property has, of the home."""
    writers = _ROOT if href == request.root_href else _HOME
    return described(writers, request, selection, minimal=request.minimal)


def proppatch_above_books(request: Request, update: PropertyUpdate) -> Answer:
    """Nothing of a root or home can be changed, and each property is told so by itself.

    iOS and macOS set `CS:me-card` here. macOS can't bear it when the answer is an error instead of a multistatus; to
    accept what is not kept would be a lie that the next device finds out.
    """
    propstats = unchanged(update.props, condition=PROTECTED)
    return answer(
        207,
        f"{OPEN}{response(request.href, propstats)}{CLOSE}".encode(),
        ("Content-Type", XML),
        reason="PROPPATCH",
    )


def _multistatus(responses: list[str]) -> Answer:
    return answer(207, f"{OPEN}{''.join(responses)}{CLOSE}".encode(), ("Content-Type", XML))


_SEARCHES: Final = ("principal-property-search", "principal-search-property-set")
_ROOT: Final[Writers[Request]] = {
    "{DAV:}current-user-principal": SHARED["{DAV:}current-user-principal"],
    "{DAV:}principal-collection-set": SHARED["{DAV:}principal-collection-set"],
    RESOURCETYPE: lambda r: "<resourcetype><collection/></resourcetype>",
    "{DAV:}current-user-privilege-set": lambda r: acl.privilege_set("read"),
    "{DAV:}acl": lambda r: acl.acl(r.home_href, "read"),
    **RIGHTS,
    "{DAV:}supported-report-set": lambda r: report_set(*_SEARCHES, "expand-property"),
}

_HOME: Final[Writers[Request]] = {
    **SHARED,
    RESOURCETYPE: lambda r: "<resourcetype><collection/><principal/></resourcetype>",
    DISPLAYNAME: lambda r: f"<displayname>{text(r.principal.login)}</displayname>",
    "{DAV:}principal-URL": lambda r: f"<principal-URL><href>{r.home_href}</href></principal-URL>",
    "{DAV:}alternate-URI-set": lambda r: "<alternate-URI-set/>",
    "{DAV:}group-membership": lambda r: "<group-membership/>",
    "{DAV:}group-member-set": lambda r: "<group-member-set/>",
    # DAVx5 offers to make address books where it may bind.
    "{DAV:}current-user-privilege-set": lambda r: acl.privilege_set("read", "bind", "unbind"),
    "{DAV:}acl": lambda r: acl.acl(r.home_href, "read", "bind", "unbind"),
    "{DAV:}supported-report-set": lambda r: report_set("expand-property"),
    f"{{{CARDDAV_NS}}}addressbook-home-set": lambda r: (
        f"<CR:addressbook-home-set><href>{r.home_href}</href></CR:addressbook-home-set>"
    ),
}
