"""Who may do what to an address book: principal × book → privileges. The one rights function of all faces.

Privileges are those of RFC 3744 §3 that CardDAV clients look at.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class BookKind(enum.StrEnum):
    """What an address book is: a view of the directory, a book of the network, a book of one user."""

    DIRECTORY = "directory"
    SHARED = "shared"
    PERSONAL = "personal"


class Privilege(enum.IntFlag):
    """Privileges on a book; WRITE is the aggregate of the four kinds of change (RFC 3744 §3.2)."""

    NONE = 0
    READ = 1
    WRITE_CONTENT = 2
    BIND = 4
    UNBIND = 8
    WRITE_PROPERTIES = 16
    DELETE_BOOK = 32
    WRITE = WRITE_CONTENT | BIND | UNBIND


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for a scope: the row of a network, or None for all networks."""

    role: str
    network: int | None


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user: `id` and `network` are rows, `login` the canonical name `NETWORK~cloud_username`.

    `address` is where the request came from, for the audit. `plain` is True when a device credential was used: then
    grants do not count (DESIGN §5).
    """

    id: int
    network: int
    login: str
    grants: tuple[Grant, ...] = ()
    plain: bool = False
    address: str = ""

    def administers(self, network: int) -> bool:
        """True when the principal is an admin of the network."""
        return not self.plain and any(g.role == "admin" and g.network in (None, network) for g in self.grants)

    def operates(self, network: int) -> bool:
        """True when the principal may see the network's books: its admins and operators."""
        roles = ("admin", "operator")
        return not self.plain and any(g.role in roles and g.network in (None, network) for g in self.grants)


@dataclass(frozen=True, slots=True)
class Book:
    """An address book as one principal sees it.

    `slug` is its URL segment in that principal's home; `access` is what its members list gives the principal: `""`,
    `"read"` or `"write"`. `seq` is the number of its last change, `floor` the highest pruned one.
    """

    id: int
    network: int
    kind: BookKind
    slug: str
    display_name: str
    owner: int
    access: str
    epoch: int
    seq: int
    floor: int
    description: str = ""
    color: str = ""
    modified: int = 0


# Put together once: a flag made of flags costs as much as the rest of the answer.
_FIRST_OWN = Privilege.READ | Privilege.WRITE | Privilege.WRITE_PROPERTIES
_FURTHER_OWN = _FIRST_OWN | Privilege.DELETE_BOOK
_EDITS = Privilege.READ | Privilege.WRITE_CONTENT
_WRITES = Privilege.READ | Privilege.WRITE


def privileges(principal: Principal, book: Book) -> Privilege:
    """What the principal may do with the book."""
    if book.kind is BookKind.PERSONAL:
        if book.owner != principal.id:
            return Privilege.NONE
        return _FIRST_OWN if book.slug == PERSONAL_SLUG else _FURTHER_OWN
    staff = principal.operates(book.network)
    if book.network != principal.network and not staff:
        return Privilege.NONE
    if book.kind is BookKind.DIRECTORY:
        # An admin edits the cards of users; users come and go by the CLI and by imports.
        return _EDITS if principal.administers(book.network) else Privilege.READ
    if book.access == "write" or principal.administers(book.network):
        return _WRITES
    return Privilege.READ if book.access == "read" or staff else Privilege.NONE


DIRECTORY_SLUG = "directory"
PERSONAL_SLUG = "personal"
GRANTED = "~"
"""In a home, a book of another network that a role opens is called `NETWORK~book`; own books have no `~`."""
