"""What the directory knows of phones: devices, sign-in codes, users who were removed, nodes that apps are to forget.

Rows and the two protocols of the port that are about them. Times are microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User


@dataclass(frozen=True, slots=True)
class Device:
    """A phone that got a device credential: in the session epoch, made with the key, that the newest one has."""

    device: str
    first_seen: int
    last_seen: int
    revoked: bool
    session_epoch: int
    key_id: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """All that provisioning tells a phone, as one statement found it: `device` is the phone, if it is known.

    `sip_password` is encrypted. `cleared` names the account nodes that the network, or the user, had and lost.
    """

    user: User
    network: Network
    sip_password: bytes | None
    device: Device | None
    cleared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignInCode:
    """A sign-in code; `first_used` is 0 before its first use. `expires` is when the wait for that ends."""

    id: int
    user: int
    session_epoch: int
    made: int
    expires: int
    first_used: int
    revoked: bool


@dataclass(frozen=True, slots=True)
class FormerUser:
    """A session epoch of a user who was removed, enough to know a credential again. `refresh_denied`: see Network."""

    user: int
    session_epoch: int
    refresh_denied: str


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """An encrypted SIP password with what opens it beside the key: the user's UID."""

    user: int
    login: str
    uid: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What hangs on a key: encrypted SIP passwords, and phones that have a credential made with it."""

    sip_passwords: int = 0
    phones: int = 0


class SignInReads(Protocol):
    """Reads of devices, codes and keys in use."""

    def devices(self, user: int) -> list[Device]:
        """The devices of a user, the one seen last first."""

    def device(self, user: int, device: str) -> Device | None:
        """One device of a user."""

    def codes(self, user: int) -> list[SignInCode]:
        """The sign-in codes of a user, the newest first."""

    def code(self, digest: str) -> SignInCode | None:
        """The sign-in code with this digest."""

    def former_users(self, user_key: str) -> list[FormerUser]:
        """Users of any network who were removed while they had this (folded) Cloud Username."""

    def member(self, user: int) -> tuple[User, Network] | None:
        """A user and the user's network; one statement."""

    def account(self, user: int, device: str, since: int) -> AccountRow | None:
        """A user's account, as this device is to get it, with the nodes cleared since a time; one statement."""

    def key_use(self, key_id: str) -> KeyUse:
        """What hangs on a key."""


class SignInWrites(Protocol):
    """Writes of devices, codes and what hangs on keys."""

    def seen_device(self, user: int, device: str, session_epoch: int, key_id: str) -> None:
        """A device got a credential of this epoch and key now; a revoked one stays revoked."""

    def revoke_device(self, user: int, device: str, *, revoked: bool) -> bool:
        """False when there is no such device."""

    def add_codes(self, codes: Sequence[tuple[int, str, int]], expires: int) -> None:
        """Stores new codes, (user, digest, session epoch) each."""

    def use_code(self, code: int) -> bool:
        """Notes the first use of a code; False when it was noted before."""

    def revoke_codes(self, user: int) -> int:
        """Revokes the codes of a user; returns how many could still have been used."""

    def clear_nodes(self, network: int, user: int, gone: Collection[str], there: Collection[str]) -> None:
        """Remembers account nodes that are gone since now, and forgets those that are there again; user 0 = network."""

    def sealed_with(self, key_id: str, limit: int) -> list[SealedPassword]:
        """SIP passwords encrypted with a key, locked until the end of the transaction."""

    def drop_sealed(self, key_id: str) -> int:
        """Removes the SIP passwords encrypted with a key; returns how many there were."""

    def key_in_use(self, key_id: str) -> bool:
        """True while a SIP password, stored or of an import under way, is encrypted with the key."""

    def forget_key(self, key_id: str) -> None:
        """The database no longer asks for this key."""
