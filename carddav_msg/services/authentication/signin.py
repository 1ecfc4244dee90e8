"""The way in: verifies secrets, and says who the visitor is (DESIGN §5)."""

from __future__ import annotations

import hmac
import logging
import unicodedata
from typing import NoReturn

from carddav_msg.credentials import device
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Door
from carddav_msg.domain.access import Principal
from carddav_msg.domain.identifiers import fold, login_of
from carddav_msg.errors import CarddavMsgError, Rejected, SignedOut, Throttled
from carddav_msg.services.authentication.codes import Codes
from carddav_msg.services.authentication.denials import Denials
from carddav_msg.services.authentication.names import Names
from carddav_msg.services.authentication.throttling import Throttle, Try
from carddav_msg.services.authentication.visitor import Face, Hints, Method, Moment, Visitor

log = logging.getLogger(__name__)


class Authentication:
    """Verifies credentials. Every refusal is the same `Rejected`, after the same work (DESIGN §2)."""

    def __init__(
        self,
        directory: Directory,
        passwords: Passwords,
        keyring: Keyring,
        memory: VerifiedMemory,
        throttle: Throttle,
        codes: Codes,
        *,
        any_login: bool,
    ) -> None:
        self._directory = directory
        self._passwords = passwords
        self._keyring = keyring
        self._memory = memory
        self._throttle = throttle
        self._codes = codes
        self._names = Names(directory)
        self._denials = Denials(directory, keyring)
        self._any_login = any_login

    def enter(
        self,
        login: str,
        secret: str,
        face: Face,
        *,
        slug: str = "",
        hints: Hints | None = None,
        address: str = "",
        moment: Moment | None = None,
    ) -> Visitor:
        """The visitor with this login and secret; Rejected otherwise. Unavailable when the database can't tell.

        Throttled where too many failed before, for this user or from this address: then no password is looked at.
        `moment` is for provisioning: a refresh with a device credential is SignedOut or Unavailable, not just Rejected.
        """
        login = unicodedata.normalize("NFC", login)
        hints = hints or Hints()
        credential = device.parse(secret)
        door: Door | None = None
        try:
            door, matched = self._opened(login, secret, face, credential, slug, hints, address)
            method = self._method(door, login, secret, face, credential, address, moment)
        except (Rejected, Throttled) as refused:
            if moment is Moment.REFRESH:
                raise self._denials.settle(refused, login, door, credential) from None
            raise
        plain = method in (Method.DEVICE, Method.CODE, Method.CODE_REPEATED)
        principal = Principal(
            door.user, door.network, login_of(door.network_id, door.cloud_username), door.grants, plain, address
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
            door.credentials_in_query,
        )

    def _opened(
        self,
        login: str,
        secret: str,
        face: Face,
        credential: device.DeviceCredential | None,
        slug: str,
        hints: Hints,
        address: str,
    ) -> tuple[Door, str]:
        """The door that the login means, and which spelling that is."""
        device_id = credential.device if credential else ""
        try:
            if not login or not secret:
                raise Rejected("missing")
            if "\0" in f"{login}{slug}{hints.cloud_id}{hints.host}{hints.request_host}":
                raise Rejected("unknown")  # no name has one, and PostgreSQL takes none
            door, matched = self._names.door(login, slug, device_id, hints)
            if face is Face.EXTERNAL_AUTHENTICATION:
                self._check_spelling(login, door, matched)
        except Rejected as error:
            if error.reason == "missing":
                raise
            self._refuse(Try(error.user, fold(login), login, face, address), secret, error)
        return door, matched

    def _method(
        self,
        door: Door,
        login: str,
        secret: str,
        face: Face,
        credential: device.DeviceCredential | None,
        address: str,
        moment: Moment | None,
    ) -> Method:
        """What opens the door: a sign-in code at the first provisioning, else what `_verify` finds."""
        attempt = Try(door.user, fold(login), login, face, address)
        if moment is Moment.INITIAL and door.enabled:
            try:
                enrols = self._codes.enrols(door, secret, address)
            except Rejected as error:
                self._refuse(attempt, secret, error)
            if enrols is not None:
                self._throttle.let_in(door.user, address)
                return Method.CODE if enrols else Method.CODE_REPEATED
        return self._verify(door, secret, credential, attempt, sip=face is Face.EXTERNAL_AUTHENTICATION)

    def _check_spelling(self, login: str, door: Door, matched: str) -> None:
        """External Authentication takes stored spellings only: the chat may know the user by what was typed."""
        if self._any_login:
            return
        if matched == "cloud_username" and login == door.cloud_username:
            return
        if matched == "sip_username":
            return
        raise Rejected("spelling", door.user)

    def _verify(
        self, door: Door, secret: str, credential: device.DeviceCredential | None, attempt: Try, *, sip: bool
    ) -> Method:
        state = (door.user, door.session_epoch, door.secret_version)
        if not door.enabled:
            self._refuse(attempt, secret, Rejected("disabled", door.user), door.password_hash)
        if credential and device.verify(self._keyring, credential, door.user, door.session_epoch):
            if door.device_revoked:
                self._refuse(attempt, secret, SignedOut("revoked", door.user))
            if attempt.face is Face.PROVISIONING:  # once an hour, and not with every poll
                self._throttle.let_in(door.user, attempt.address)
            return Method.DEVICE
        at_home = self._throttle.is_at_home(door.user, attempt.address)
        if not at_home:
            self._throttle.check(attempt, secret)
        known = self._memory.knows(state, secret)
        method = Method.PASSWORD if known else self._look_at(door, secret, attempt, sip=sip)
        if not at_home:
            self._throttle.let_in(door.user, attempt.address)
        return method

    def _look_at(self, door: Door, secret: str, attempt: Try, *, sip: bool) -> Method:
        """Which secret of the user this is; the one place where tries count. Rejected when it is none."""
        state = (door.user, door.session_epoch, door.secret_version)
        if self._throttle.knows_wrong(attempt, secret, state):
            # Wrong as a login password, that is: what it was not elsewhere or before, a SIP password it may be.
            if sip and self._is_sip_password(door.user, secret):
                return Method.SIP_PASSWORD
            raise Rejected("password", door.user)
        with self._throttle.trying(attempt, secret):
            if sip and self._is_sip_password(door.user, secret):
                return Method.SIP_PASSWORD
            right, better = self._passwords.verify(secret, door.password_hash)
            if not right:
                self._throttle.failed(attempt, secret, "password", state)
                raise Rejected("password", door.user)
        self._memory.remember(state, secret)
        if better:
            self._upgrade(door.user, better)
        return Method.PASSWORD

    def _refuse(self, attempt: Try, secret: str, error: Rejected, hashed: str = "") -> NoReturn:
        """Refuses at the price of a wrong password: the same windows, the same work, the same memory of it.

        SignedOut when the secret is the password behind `hashed`, which is not good now.
        """
        self._throttle.check(attempt, secret)
        if not self._throttle.knows_wrong(attempt, secret, error.reason):
            with self._throttle.trying(attempt, secret):
                right, _ = self._passwords.verify(secret, hashed)
                if right:
                    raise SignedOut(error.reason, error.user)
                self._throttle.failed(attempt, secret, error.reason, error.reason)
        raise error

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
