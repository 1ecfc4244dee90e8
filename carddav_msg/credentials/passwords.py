"""Login passwords: hashing, verifying, and a bounded memory of what was verified (DESIGN §5)."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from carddav_msg import metrics
from carddav_msg.errors import InvalidValue
from carddav_msg.priorities import step_back

_PREFIXES: Final = {
    "$argon2id$": "argon2",
    "$argon2i$": "argon2",
    "$argon2d$": "argon2",
    "$2a$": "bcrypt",
    "$2b$": "bcrypt",
    "$2y$": "bcrypt",
    "$6$": "sha512_crypt",
    "$pbkdf2$": "pbkdf2_sha1",
    "$pbkdf2-sha256$": "pbkdf2_sha256",
    "$pbkdf2-sha512$": "pbkdf2_sha512",
}
PASSWORD_LENGTH: Final = 1024
T = TypeVar("T")


class Passwords:
    """Hashes with argon2id and verifies what imports bring; at most one hash per core runs at once.

    `memory` is in KiB. The first call warms the argon2 backend, whose first use from two threads can fail.
    """

    def __init__(self, *, memory: int, time_cost: int, parallelism: int) -> None:
        from passlib.context import CryptContext  # heavy: only what signs people in or imports pays for it

        self._context = CryptContext(
            schemes=["argon2", "bcrypt", "sha512_crypt", "pbkdf2_sha1", "pbkdf2_sha256", "pbkdf2_sha512"],
            deprecated="auto",
            argon2__type="ID",
            argon2__memory_cost=memory,
            argon2__time_cost=time_cost,
            argon2__parallelism=parallelism,
        )
        self._cores = ThreadPoolExecutor(os.cpu_count() or 1, "hash", initializer=step_back)
        self._nobody = self._context.hash("nobody has this password")

    def _run(self, work: Callable[[], T]) -> T:
        """In the threads that hash, which are few: the memory of a hash stays with the thread that used it."""
        metrics.hashing(1)
        try:
            return self._cores.submit(work).result()
        finally:
            metrics.hashing(-1)

    def hash(self, password: str) -> str:
        """The hash of a password, with its parameters and salt in the text."""
        return self._run(lambda: str(self._context.hash(password)))

    def verify(self, password: str, hashed: str, *, upgrade: bool = True) -> tuple[bool, str | None]:
        """(right?, a better hash to store or None: always None without `upgrade`).

        Without a hash the answer is (False, None) and takes as long as with one. So does a password that the scheme
        can't take (bcrypt: more than 72 bytes). With a hash of another kind or cost than ours it takes as long as with
        ours and what that hash takes, right or wrong.
        """
        return self._run(lambda: self._verify(password, hashed, upgrade=upgrade))

    def _verify(self, password: str, hashed: str, *, upgrade: bool) -> tuple[bool, str | None]:
        if not hashed or len(password) > PASSWORD_LENGTH:
            self._context.verify(password[:PASSWORD_LENGTH], self._nobody)
            return False, None
        try:
            right, old = bool(self._context.verify(password, hashed)), self._context.needs_update(hashed)
        except ValueError:  # bcrypt takes no more than 72 bytes
            right, old = False, True
        if not old:
            return right, None
        if right and upgrade:
            return True, str(self._context.hash(password))
        # An imported hash may be quick to verify: users must not be found by that.
        self._context.verify(password, self._nobody)
        return right, None


def check_hash(text: str) -> str:
    """A hash of an import, if it is of a kind that `Passwords` verifies; InvalidValue otherwise."""
    from passlib import hash as schemes  # heavy, see above

    scheme = next((name for prefix, name in _PREFIXES.items() if text.startswith(prefix)), None)
    if scheme is None or not getattr(schemes, scheme).identify(text):
        raise InvalidValue("password_hash", "is not an argon2, bcrypt ($2a/b/y$), sha512-crypt or pbkdf2 hash.")
    try:
        complete = getattr(schemes, scheme).from_string(text).checksum is not None
    except ValueError:
        complete = False
    if not complete:
        raise InvalidValue("password_hash", f"begins like {scheme} but is not a complete hash.")
    return text


class Verified(NamedTuple):
    """That a secret was right, which a keyed digest stands for, and until when (of the clock) that is remembered."""

    digest: bytes
    until: float


class VerifiedMemory:
    """Remembers for a bounded time that a secret was right for (user, session epoch, secret version).

    Holds a keyed digest, never the secret; at most `size` users, the longest unused forgotten first.
    """

    def __init__(
        self, key: bytes, *, seconds: int, size: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._key = key
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._known: OrderedDict[tuple[int, int, int], Verified] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, user: tuple[int, int, int], secret: str) -> bool:
        """True when this secret was verified for this state of the user within the time."""
        known = self._known.get(user)
        return known is not None and self.holds(known) and hmac.compare_digest(known.digest, self._digest(user, secret))

    def of(self, user: tuple[int, int, int]) -> Verified | None:
        """What is remembered for this state of the user."""
        return self._known.get(user)

    def holds(self, verified: Verified) -> bool:
        """True until the time is over."""
        return verified.until > self._clock()

    def remember(self, user: tuple[int, int, int], secret: str) -> None:
        """Notes a verified secret; the time runs from now and is not prolonged by use."""
        digest = self._digest(user, secret)
        with self._lock:
            self._known[user] = Verified(digest, self._clock() + self._seconds)
            self._known.move_to_end(user)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def _digest(self, user: tuple[int, int, int], secret: str) -> bytes:
        text = f"{user}:{secret}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(
            text, digest_size=32, key=self._key
        ).digest()  # at each poll: a fifth of what an HMAC costs
