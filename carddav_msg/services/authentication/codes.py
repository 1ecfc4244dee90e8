"""What a sign-in code opens: the first provisioning of a phone, for a while, and what repeats it (DESIGN §5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from carddav_msg.credentials import codes
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import Door
from carddav_msg.directory.signin import SignInCode
from carddav_msg.domain.audit import Actor, AuditEntry
from carddav_msg.domain.identifiers import login_of
from carddav_msg.domain.proxies import Sources
from carddav_msg.errors import Rejected

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
"""Devices are noted as seen once a day."""


class Codes:
    """Checks codes. `minutes` is for how long a code enrols phones from its first use on.

    Without device credentials (`works` off) a code opens nothing: it would have to be the phone's lasting password.
    `sso` are the allow-listed addresses of the SSO server.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        works: bool,
        minutes: int,
        sso: Sources,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._works = works
        self._minutes = minutes
        self._sso = sso
        self._clock = clock

    def enrols(self, door: Door, secret: str, address: str) -> bool | None:
        """None when the secret is no code of this user, True when it enrols phones, False when it only repeats.

        A code repeats after its time for the SSO server alone, and only what a phone that is enrolled has got. Rejected
        says in its reason why a code is not good: `code_off`, `code_revoked`, `code_expired` or `code_used`.
        """
        code = self._code_of(door, secret)
        if code is None:
            return None
        now = int(self._clock() * _SECOND)
        if not code.first_used:
            if now > code.expires:
                raise Rejected("code_expired", door.user)
            self._use(door, code, address)
            return True
        if now <= code.first_used + self._minutes * 60 * _SECOND:
            return True
        if address and address in self._sso:
            return False
        raise Rejected("code_used", door.user)

    def repeats(self, door: Door, secret: str, address: str, phone: str) -> bool:
        """True for a code that the SSO server repeats in the simple flow, where it sends what the user typed.

        As with a repeated provisioning, from the SSO server alone, and for a phone that is enrolled and not revoked.
        When the request does not name the `phone`, all that the code may have enrolled must be so. Rejected for a code
        that is not good for that: it never begins here, as an app without provisioning would keep it as its password.
        """
        code = self._code_of(door, secret)
        if code is None:
            return False
        if not code.first_used or not address or address not in self._sso:
            raise Rejected("code_used" if code.first_used else "code_unused", door.user)
        enrolled = [
            known
            for known in self._directory.devices(door.user)
            if known.session_epoch == door.session_epoch
            and (known.device == phone if phone else known.last_seen // _DAY >= code.first_used // _DAY)
        ]
        if not enrolled:
            raise Rejected("code_used", door.user)
        if any(known.revoked for known in enrolled):
            raise Rejected("revoked", door.user)
        return True

    def _code_of(self, door: Door, secret: str) -> SignInCode | None:
        """The user's code; Rejected when codes open nothing, or this one no longer."""
        digest = codes.digest(secret)
        code = self._directory.code(digest) if digest else None
        if code is None or code.user != door.user:
            return None
        if not self._works:
            raise Rejected("code_off", door.user)
        if code.revoked or code.session_epoch != door.session_epoch:
            raise Rejected("code_revoked", door.user)
        return code

    def _use(self, door: Door, code: SignInCode, address: str) -> None:
        login = login_of(door.network_id, door.cloud_username)

        def work(transaction: Transaction) -> None:
            if transaction.use_code(code.id):  # a replay at the same moment may have been first
                transaction.record([AuditEntry(door.network, "sign-in code used", f"user {login}")])

        self._directory.acting(Actor(login, "provisioning", address, door.user)).transact(work)
