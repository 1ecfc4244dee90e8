"""What the directory gives and takes, beside the values of the domain. Times are microseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from carddav_msg.domain.access import Book, Grant
from carddav_msg.domain.contact import View
from carddav_msg.domain.user import User

Asked = tuple[str, str, str | None, str]
"""What a door is read by: network key, user key, slug (None: the whole home) and device."""

NAME_END: Final = "\x01"
"""Stands between names that come in one text; no card has it, nor can a search."""
LONG_NAME: Final = "\x02"
"""Stands in such a text for a name of more than NAME_LENGTH characters; no card has it, nor can a search."""
NAME_LENGTH: Final = 64


class Door(NamedTuple):
    """All that one request needs to be let in: the user, the state of the credentials, and one book.

    `password_hash` and `device_revoked` serve verification only. `credentials_in_query` is the network's choice (see
    `Network`). `book` is None when the user's home has no such book. `home` has the books of the user's own network, if
    they were asked for.
    """

    user: int
    network: int
    network_id: str
    cloud_username: str
    enabled: bool
    messaging: bool
    session_epoch: int
    secret_version: int
    password_hash: str
    grants: tuple[Grant, ...]
    device_revoked: bool
    credentials_in_query: str
    book: Book | None
    home: tuple[Book, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A user found by a name: enough to go on with the `door`."""

    user: int
    network: int
    network_key: str
    user_key: str
    cloud_username: str
    sip_username: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one user: a hash (or empty) and the encrypted SIP password (or None)."""

    password_hash: str = ""
    secret_version: int = 1
    sip_password: bytes | None = None


Entry = tuple[int, str, str | None]
"""A line of a listing: (seq, href, etag); the etag is None for a card that was deleted. Plain, as there are so many."""


class CardText(NamedTuple):
    """A card as it is served."""

    href: str
    etag: str
    text: str


class CardRow(NamedTuple):
    """A card with what is served beside its text; `size` in octets."""

    href: str
    etag: str
    text: str
    uid: str
    modified: int
    size: int


class SeenCard(NamedTuple):
    """A directory card as `why` looks at it: `seq` is the number of its last change."""

    seq: int
    text: str
    fragment: str


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card as the writer sees it; `id` is 0 before it is stored.

    `user` is the row of the user it stands for, or 0; `link` says why: it is the user's `directory` card, a writer gave
    it the `pair`, or it shares match `keys` with exactly this user (network flag `auto_link`).
    """

    id: int
    href: str
    uid: str
    etag: str
    user: int
    modified: int
    text: str
    fragment: str
    fn_key: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryBook:
    """A view of a network: its book, name and rule."""

    book: int
    name: str
    view: View


@dataclass(frozen=True, slots=True)
class SharedBook:
    """A book of a network as administrators see it: `everyone`, and `members` (Cloud Username, access).

    Until `allow_delete_until` the mass-deletion guard lets everything pass.
    """

    book: int
    network: int
    slug: str
    display_name: str
    description: str
    everyone: str
    members: tuple[tuple[str, str], ...] = ()
    cards: int = 0
    allow_delete_until: int = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days deletions (for clients that sync), old versions of cards, and the rest are kept."""

    tombstones: int = 400
    history: int = 90
    audit: int = 400
    observations: int = 90


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a process renders cards: the rising `version` of its code, and the `fingerprint` of that and its settings.

    Processes with equal fingerprints make equal bytes of equal rows.
    """

    version: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant with names instead of rows; `scope` is a Network ID or `*`."""

    network_id: str
    cloud_username: str
    role: str
    scope: str


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row of an import; `values` holds the given columns (text → JSON value), without passwords."""

    line: int
    network: int
    user_key: str
    external_id: str | None
    sip_username_key: str | None
    values: str
    sealed_password: bytes | None = None
    password_hash: str | None = None
    sip_password: bytes | None = None


@dataclass(frozen=True, slots=True)
class UserWithSecrets:
    """A user and the secrets, for provisioning only."""

    user: User
    credentials: Credentials
