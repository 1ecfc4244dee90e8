"""What sign-in is asked, and what it answers: a visitor (DESIGN §2)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from carddav_msg.credentials.device import DeviceCredential
from carddav_msg.credentials.passwords import Verified
from carddav_msg.directory.rows import Asked, Door
from carddav_msg.domain.access import Book, Principal


class Face(enum.StrEnum):
    """The four faces, as logs and counters name them."""

    CARDDAV = "carddav"
    CONTACTS = "contacts"
    PROVISIONING = "provisioning"
    EXTERNAL_AUTHENTICATION = "external_authentication"


class Method(enum.StrEnum):
    """Which secret opened the door."""

    PASSWORD = "password"  # noqa: S105  # the name of a kind of secret
    DEVICE = "device"
    SIP_PASSWORD = "sip_password"  # noqa: S105  # the name of a kind of secret
    CODE = "code"
    CODE_REPEATED = "code_repeated"


class Moment(enum.Enum):
    """When provisioning is asked: sign-in codes open the first request alone, a refresh is refused only for certain."""

    INITIAL = enum.auto()
    REFRESH = enum.auto()


@dataclass(frozen=True, slots=True)
class Hints:
    """What narrows the networks: the Cloud ID, the `host` parameter, the request's host name; empty = not sent."""

    cloud_id: str = ""
    host: str = ""
    request_host: str = ""


@dataclass(frozen=True, slots=True)
class Knock:
    """One request to be let in, as `Authentication.enter` takes it; `credential` is the secret if it is a device's.
    `visits` is False when it is not the user who asks.
    """

    login: str
    secret: str = field(repr=False)
    face: Face
    credential: DeviceCredential | None = field(repr=False)
    slug: str | None
    hints: Hints
    address: str
    moment: Moment | None
    phone: str
    visits: bool


class Ticket(NamedTuple):
    """By what a visitor came in whom nobody had to look at: see `Authentication.again`.

    `asked` is what the door was read by. `verified` is the memory of a password, None for a device credential.
    """

    asked: Asked
    door: Door
    verified: Verified | None
    address: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user who proved who they are. `book` is the book asked for with `slug`, None when the home has none.
    `home` has the books of the home if None was given for the slug; it is None when grants open more than these.
    `device` is the phone that the device credential is of, empty with any other secret.

    `matched` says which spelling of the name was used: `cloud_username`, `alias`, `sip_username`, `login` or `domain`.
    `ticket` lets the same credentials in again; not everybody has one.
    """

    principal: Principal
    network_id: str
    cloud_username: str
    session_epoch: int
    method: Method
    matched: str
    book: Book | None = None
    credentials_in_query: str = "allow"
    home: tuple[Book, ...] | None = None
    device: str = ""
    ticket: Ticket | None = field(default=None, repr=False)
