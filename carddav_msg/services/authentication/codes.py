"""What a sign-in code opens: the first provisioning of a phone, for a while (DESIGN §5)."""

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
        digest = codes.digest(secret)
        code = self._directory.code(digest) if digest else None
        if code is None or code.user != door.user:
            return None
        now = int(self._clock() * _SECOND)
        if not self._works:
            raise Rejected("code_off", door.user)
        if code.revoked or code.session_epoch != door.session_epoch:
            raise Rejected("code_revoked", door.user)
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

    def _use(self, door: Door, code: SignInCode, address: str) -> None:
        login = login_of(door.network_id, door.cloud_username)

        def work(transaction: Transaction) -> None:
            if transaction.use_code(code.id):  # a replay at the same moment may have been first
                transaction.record([AuditEntry(door.network, "sign-in code used", f"user {login}")])

        self._directory.acting(Actor(login, "provisioning", address, door.user)).transact(work)
