"""Who is it? The one resolver and the one place where secrets are verified, for all faces (DESIGN §2, §5)."""

from __future__ import annotations

import enum
import hmac
import logging
import unicodedata
from dataclasses import dataclass

from carddav_msg.credentials import device
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Door, Named
from carddav_msg.domain.access import Book, Principal
from carddav_msg.domain.identifiers import fold, login_of, normalise_cloud_id, normalise_host, split_login
from carddav_msg.errors import CarddavMsgError, Rejected

log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class Hints:
    """What narrows the networks: the Cloud ID, the `host` parameter, the request's host name; empty = not sent."""

    cloud_id: str = ""
    host: str = ""
    request_host: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user who proved who they are. `book` is the book asked for with `slug`, None when the home has none.

    `matched` says which spelling of the name was used: `cloud_username`, `alias`, `sip_username`, `login` or `domain`.
    """

    principal: Principal
    network_id: str
    cloud_username: str
    session_epoch: int
    messaging: bool
    method: Method
    matched: str
    book: Book | None = None


class Authentication:
    """Verifies credentials. Every refusal is the same `Rejected`, after the same work (DESIGN §2)."""

    def __init__(
        self, directory: Directory, passwords: Passwords, keyring: Keyring, memory: VerifiedMemory, *, any_login: bool
    ) -> None:
        self._directory = directory
        self._passwords = passwords
        self._keyring = keyring
        self._memory = memory
        self._any_login = any_login

    def enter(
        self, login: str, secret: str, face: Face, *, slug: str = "", hints: Hints | None = None, address: str = ""
    ) -> Visitor:
        """The visitor with this login and secret; Rejected otherwise. Unavailable when the database can't tell."""
        login = unicodedata.normalize("NFC", login)
        hints = hints or Hints()
        credential = device.parse(secret)
        device_id = credential.device if credential else ""
        try:
            if not login or not secret:
                raise Rejected("missing")
            if "\0" in f"{login}{slug}{hints.cloud_id}{hints.host}{hints.request_host}":
                raise Rejected("unknown")  # no name has one, and PostgreSQL takes none
            door, matched = self._find(login, slug, device_id, hints)
            if face is Face.EXTERNAL_AUTHENTICATION:
                self._check_spelling(login, door, matched)
        except Rejected:
            self._passwords.verify(secret, "")
            raise
        method = self._verify(door, secret, credential, sip=face is Face.EXTERNAL_AUTHENTICATION)
        principal = Principal(
            door.user,
            door.network,
            login_of(door.network_id, door.cloud_username),
            door.grants,
            method is Method.DEVICE,
            address,
        )
        return Visitor(
            principal,
            door.network_id,
            door.cloud_username,
            door.session_epoch,
            door.messaging,
            method,
            matched,
            door.book,
        )

    def _find(self, login: str, slug: str, device_id: str, hints: Hints) -> tuple[Door, str]:
        """The door of the one user that the login means (DESIGN §2, steps 1 to 3)."""
        parts = split_login(login)
        if parts:
            door = self._directory.door(fold(parts[0]), fold(parts[1]), slug, device_id)
            if door:
                return door, "login"
        named, matched = self._resolve(login, parts, hints)
        door = self._directory.door(named.network_key, named.user_key, slug, device_id)
        if door is None:
            raise Rejected("unknown")
        return door, matched

    def _resolve(self, login: str, parts: tuple[str, str] | None, hints: Hints) -> tuple[Named, str]:
        if parts and (network := self._directory.network(parts[0])):
            named, _ = self._within([network.id], parts[1]) or (None, "")
            if named:
                return named, "login"
            raise Rejected("unknown")
        candidates = self._candidates(hints)
        found = self._within(sorted(candidates), login) if candidates else None
        if found:
            return found
        left, at, domain = login.rpartition("@")
        if at and left:
            _, (networks,) = self._directory.selected("", [normalise_host(domain)])
            networks = networks & candidates if candidates else networks
            found = self._within(sorted(networks), left) if networks else None
            if found:
                return found[0], "domain"
        raise Rejected("unknown")

    def _candidates(self, hints: Hints) -> set[int]:
        """Networks that every hint selects which selects any; with no such hint, the only network there is."""
        cloud_id = normalise_cloud_id(hints.cloud_id)
        hosts = [normalise_host(host) for host in (hints.host, hints.request_host) if host]
        by_cloud_id, by_hosts = self._directory.selected(cloud_id, hosts)
        selections = [selection for selection in (by_cloud_id, *by_hosts) if selection]
        if selections:
            return set.intersection(*selections)
        networks = self._directory.networks()
        return {networks[0].id} if len(networks) == 1 else set()

    def _within(self, networks: list[int], name: str) -> tuple[Named, str] | None:
        """The user of a name in these networks, and which name it is; Rejected when two users have it."""
        steps = self._directory.named(networks, fold(name))
        for found, matched in zip(steps, ("cloud_username", "alias", "sip_username"), strict=True):
            if len(found) > 1:
                raise Rejected("ambiguous")
            if found:
                return found[0], matched
        return None

    def _check_spelling(self, login: str, door: Door, matched: str) -> None:
        """External Authentication takes stored spellings only: the chat may know the user by what was typed."""
        if self._any_login:
            return
        if matched == "cloud_username" and login == door.cloud_username:
            return
        if matched == "sip_username":
            return
        raise Rejected("spelling")

    def _verify(self, door: Door, secret: str, credential: device.DeviceCredential | None, *, sip: bool) -> Method:
        state = (door.user, door.session_epoch, door.secret_version)
        if not door.enabled:
            self._passwords.verify(secret, "")
            raise Rejected("disabled")
        if credential and device.verify(self._keyring, credential, door.user, door.session_epoch):
            if door.device_revoked:
                raise Rejected("revoked")
            return Method.DEVICE
        if self._memory.knows(state, secret):
            return Method.PASSWORD
        if sip and self._is_sip_password(door.user, secret):
            return Method.SIP_PASSWORD
        right, better = self._passwords.verify(secret, door.password_hash)
        if not right:
            raise Rejected("password")
        self._memory.remember(state, secret)
        if better:
            self._upgrade(door.user, better)
        return Method.PASSWORD

    def _is_sip_password(self, user: int, secret: str) -> bool:
        found = self._directory.with_secrets(user)
        if found is None or found.credentials.sip_password is None:
            return False
        stored = self._keyring.decrypt(found.credentials.sip_password, found.user.uid)
        return hmac.compare_digest(stored.encode(), secret.encode("utf-8", "surrogatepass"))

    def _upgrade(self, user: int, better: str) -> None:
        """Stores a hash of today's kind for a right password; sign-in does not fail when that can't be done now."""
        try:
            with self._directory.write() as transaction:
                transaction.save_password_hashes([(user, better)], new_secret=False)
        except CarddavMsgError as error:
            log.warning("The password hash of user %d was not upgraded: %s", user, error)
