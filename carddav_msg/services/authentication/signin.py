"""The way in: verifies secrets, and says who the visitor is (DESIGN §5)."""

from __future__ import annotations

import hmac
import logging
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NoReturn

from carddav_msg import metrics
from carddav_msg.credentials import device
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Asked, Door
from carddav_msg.domain.access import Principal
from carddav_msg.domain.identifiers import login_of
from carddav_msg.errors import CarddavMsgError, Rejected, SignedOut, Throttled
from carddav_msg.services.authentication.codes import Codes
from carddav_msg.services.authentication.denials import Denials
from carddav_msg.services.authentication.names import Names, Opened
from carddav_msg.services.authentication.strangers import Strangers
from carddav_msg.services.authentication.throttling import Throttle, Try
from carddav_msg.services.authentication.visitor import Face, Hints, Knock, Method, Moment, Ticket, Visitor

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
        strangers: Strangers,
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
        self._strangers = strangers

    def enter(
        self,
        login: str,
        secret: str,
        face: Face,
        *,
        slug: str | None = "",
        hints: Hints | None = None,
        address: str = "",
        moment: Moment | None = None,
        phone: str = "",
        visits: bool = True,
    ) -> Visitor:
        """The visitor with this login and secret; Rejected otherwise. Unavailable when the database can't tell.

        Throttled where too many failed before, for this name or from this address: then no password is looked at.
        `moment` is for provisioning: a refresh with a device credential is SignedOut or Unavailable, not just Rejected,
        and one that has to wait is Unavailable, not Throttled.
        `slug` names a book that the visitor is to have in hand, None stands for the whole home.
        `phone` is for External Authentication: the device that sent a sign-in code, if it is known. Without `visits` it
        is not the user who asks, and nobody gets known there for it.
        """
        login = unicodedata.normalize("NFC", login)
        credential = device.parse(secret)
        visits = visits and not (credential and device.is_probe(credential.device))
        knock = Knock(login, secret, face, credential, slug, hints or Hints(), address, moment, phone, visits)
        door: Door | None = None
        try:
            door, matched, asked = self._opened(knock)
            method = self._method(door, knock)
        except (Rejected, Throttled) as refused:
            if moment is Moment.REFRESH:
                raise self._denials.settle(refused, login, door, knock.credential) from None
            raise
        if face is Face.EXTERNAL_AUTHENTICATION:
            self._check_spelling(login, door, matched)
        plain = method in (Method.DEVICE, Method.CODE, Method.CODE_REPEATED)
        principal = Principal(
            door.user, door.network, login_of(door.network_id, door.cloud_username), door.grants, plain, address
        )
        return Visitor(
            principal,
            door.network_id,
            door.cloud_username,
            door.session_epoch,
            method,
            matched,
            door.book,
            door.credentials_in_query,
            door.home if slug is None and (plain or not door.grants) else None,
            knock.credential.device if knock.credential and method is Method.DEVICE else "",
            self._ticket(asked, door, method, address),
        )

    def again(self, visitor: Visitor) -> Visitor | None:
        """The visitor that the same credentials would let in now, by a look at the door alone: the same object while
        nothing changed, another one when the one book did. None when the credentials have to be looked at.

        There are tickets for principal names alone, as they are now: any other name may mean somebody else tomorrow.
        """
        if visitor.ticket is None:
            return None
        asked, door, verified, address = visitor.ticket
        now = self._names.again(asked)
        if verified and not (self._memory.holds(verified) and self._throttle.is_at_home(door.user, address)):
            return None
        if now == door:
            return visitor
        if now is None or now._replace(book=door.book) != door:
            return None
        return replace(visitor, book=now.book, ticket=visitor.ticket._replace(door=now))

    def _ticket(self, asked: Asked | None, door: Door, method: Method, address: str) -> Ticket | None:
        if asked is None or method not in (Method.DEVICE, Method.PASSWORD):
            return None
        if method is Method.DEVICE:
            return Ticket(asked, door, None, address)
        verified = self._memory.of((door.user, door.session_epoch, door.secret_version))
        return verified and Ticket(asked, door, verified, address)

    def _opened(self, knock: Knock) -> Opened:
        """The door that the login means, and which spelling that is."""
        if not knock.login or not knock.secret:
            raise Rejected("missing")
        device_id = knock.credential.device if knock.credential else ""
        try:
            return self._names.door(knock.login, knock.slug, device_id, knock.hints)
        except Rejected as error:
            self._refuse(knock, error)

    def _method(self, door: Door, knock: Knock) -> Method:
        """What opens the door: a sign-in code where one is taken, else what `_verify` finds."""
        if door.enabled:
            try:
                method = self._code(door, knock)
            except Rejected as error:
                self._refuse(knock, error)
            if method is not None:
                return method
        return self._verify(door, knock)

    def _code(self, door: Door, knock: Knock) -> Method | None:
        """How a sign-in code opens the first provisioning, or External Authentication after it; None for no code."""
        if knock.moment is Moment.INITIAL:
            enrols = self._codes.enrols(door, knock.secret, knock.address)
            if enrols is not None:
                self._let_in(door, knock)
                return Method.CODE if enrols else Method.CODE_REPEATED
        elif knock.face is Face.EXTERNAL_AUTHENTICATION and self._codes.repeats(
            door, knock.secret, knock.address, knock.phone
        ):
            return Method.CODE_REPEATED
        return None

    def _check_spelling(self, login: str, door: Door, matched: str) -> None:
        """External Authentication takes stored spellings only: the chat may know the user by what was typed.

        Looked at last, or the work for a wrong password would tell that there is such a user.
        """
        if self._any_login:
            return
        if matched == "cloud_username" and login == door.cloud_username:
            return
        if matched == "sip_username":
            return
        raise Rejected("spelling", door.user)

    def _verify(self, door: Door, knock: Knock) -> Method:
        credential = knock.credential
        if credential and device.verify(self._keyring, credential, door.user, door.session_epoch):
            # Refused or not, it is the user's own: it guesses nothing, so it counts nowhere.
            if not door.enabled:
                raise Rejected("disabled", door.user)
            if door.device_revoked:
                raise SignedOut("revoked", door.user)
            if knock.face is Face.PROVISIONING:  # once an hour, and not with every poll
                self._let_in(door, knock)
            return Method.DEVICE
        if not door.enabled:
            self._refuse(knock, Rejected("disabled", door.user), door.password_hash)
        known = self._memory.knows((door.user, door.session_epoch, door.secret_version), knock.secret)
        at_home = self._throttle.is_at_home(door.user, knock.address)
        if known and at_home:
            return Method.PASSWORD
        with self._in_line(knock, door.user):
            attempt = self._attempt(knock, door.user)
            if not at_home:
                attempt = self._throttle.check(attempt, knock.secret)
            method = Method.PASSWORD if known and not attempt.shut else self._look_at(door, knock, attempt)
            if not at_home:
                self._let_in(door, knock)
        return method

    def _let_in(self, door: Door, knock: Knock) -> None:
        if knock.visits:
            self._throttle.let_in(door.user, knock.address)

    def _look_at(self, door: Door, knock: Knock, attempt: Try) -> Method:
        """Which secret of the user this is; the one place where tries count. Rejected when it is none."""
        secret = knock.secret
        state = (door.user, door.session_epoch, door.secret_version)
        sip = knock.face is Face.EXTERNAL_AUTHENTICATION
        wrong = self._throttle.knows_wrong(attempt, secret, state)
        if wrong and not self._throttle.owes(attempt, secret):
            # Wrong as a login password, that is: what it was not elsewhere or before, a SIP password it may be.
            if sip and not attempt.shut and self._is_sip_password(door.user, secret):
                return Method.SIP_PASSWORD
            raise Rejected("throttled" if attempt.shut else "password", door.user)
        with self._throttle.trying(attempt, secret) as tried:
            if sip and not tried.shut and self._is_sip_password(door.user, secret):
                return Method.SIP_PASSWORD
            right, better = False, None
            if not wrong:
                right, better = self._passwords.verify(secret, door.password_hash, upgrade=not tried.shut)
            if tried.shut or not right:
                reason = "throttled" if tried.shut else "password"
                self._throttle.failed(tried, secret, reason, state, right=right)
                raise Rejected(reason, door.user)
        self._memory.remember(state, secret)
        if better:
            self._upgrade(door.user, better)
        return Method.PASSWORD

    def _refuse(self, knock: Knock, error: Rejected, hashed: str = "") -> NoReturn:
        """Refuses at the price of a wrong password: the same windows, the same work, the same memory of it.

        SignedOut when the secret is the password behind `hashed`, which is not good now.
        """
        secret = knock.secret
        with self._in_line(knock, error.user):
            attempt = self._throttle.check(self._attempt(knock, error.user), secret)
            wrong = self._throttle.knows_wrong(attempt, secret, error.reason)
            if not wrong or self._throttle.owes(attempt, secret):
                with self._throttle.trying(attempt, secret) as tried:
                    right = not wrong and self._passwords.verify(secret, hashed, upgrade=False)[0]
                    if right and not tried.shut:
                        raise SignedOut(error.reason, error.user)
                    self._throttle.failed(tried, secret, error.reason, error.reason, right=right)
            raise error

    @contextmanager
    def _in_line(self, knock: Knock, user: int) -> Iterator[None]:
        """Around what is done for a secret that is still to be looked at; who waits is in the queue of hashes.

        Throttled where a suspect would have to wait with too many others; who is known there goes before them.
        """
        suspect = self._throttle.suspects(knock.address)
        if suspect and self._strangers.is_crowded():
            self._throttle.send_away(self._attempt(knock, user), knock.secret)
            suspect = False
        metrics.hashing(1)
        with ExitStack() as waiting:
            waiting.callback(metrics.hashing, -1)
            with self._strangers.turn(suspect=suspect):
                waiting.close()
                yield

    def _attempt(self, knock: Knock, user: int) -> Try:
        name = self._names.counted_as(knock.login, knock.hints)
        return Try(user, name, knock.login, knock.face, knock.address)

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
