"""What a view shows of a user, and the messaging identity that a card carries."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Final

from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Photo, Profile, User

PRIVATE_NUMBER_KINDS: Final = frozenset({"home"})
MASKABLE: Final = (
    "birthday",
    "addresses",
    "note",
    "private_numbers",
    "numbers",
    "emails",
    "photo",
    "nickname",
    "organisation",
    "department",
    "title",
    "sip",
)
DEFAULT_MASK: Final = frozenset({"birthday", "addresses", "note", "private_numbers"})


@dataclass(frozen=True, slots=True)
class MessagingIdentity:
    """The pair that makes a contact a messaging contact; both parts go on the wire byte for byte."""

    cloud_username: str
    network_id: str


@dataclass(frozen=True, slots=True)
class View:
    """Which users a directory book holds, and which of their fields it hides.

    No `departments` means everybody; otherwise only users of one of them. `hidden` names fields of MASKABLE.
    """

    departments: frozenset[str] = frozenset()
    hidden: frozenset[str] = DEFAULT_MASK

    def holds(self, user: User) -> bool:
        """True when the user is in this view (a user who is disabled or unlisted is in none)."""
        if not (user.enabled and user.listed):
            return False
        return not self.departments or user.profile.department in self.departments


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as the wire formats show it. `sip` is a SIP address without scheme, or empty.

    `contact_id` is stable for the life of the contact; `urls` are web pages.
    """

    contact_id: str
    profile: Profile
    identity: MessagingIdentity | None = None
    sip: str = ""
    urls: tuple[str, ...] = field(default=())


def identity_of(user: User, network: Network) -> MessagingIdentity | None:
    """The messaging identity of a user: None when the user is disabled or has no messaging."""
    if not (user.enabled and user.messaging):
        return None
    return MessagingIdentity(user.cloud_username, network.effective_id)


def sip_address(user: User, network: Network) -> str:
    """The address at which the user's phone registers, without scheme and port; empty when a part is missing."""
    host = network.sip_host.partition(":")[0]
    return f"{user.sip_username}@{host}" if user.sip_username and host else ""


def contact_of(user: User, network: Network, view: View) -> Contact | None:
    """What the view shows of the user; None when the view does not hold the user."""
    if not view.holds(user):
        return None
    profile = user.profile
    cleared: dict[str, object] = {}
    for name in view.hidden & _PROFILE_FIELDS:
        cleared[name] = Photo() if name == "photo" else () if name in ("numbers", "emails", "addresses") else ""
    if "private_numbers" in view.hidden and "numbers" not in view.hidden:
        cleared["numbers"] = tuple(n for n in profile.numbers if n.kind not in PRIVATE_NUMBER_KINDS)
    shown = replace(profile, **cleared)  # type: ignore[arg-type]  # the values fit the fields they are chosen by
    sip = "" if "sip" in view.hidden else sip_address(user, network)
    return Contact(str(user.id), shown, identity_of(user, network), sip)


_PROFILE_FIELDS: Final = frozenset(f.name for f in fields(Profile)) & frozenset(MASKABLE)
