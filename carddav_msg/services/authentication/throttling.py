"""Throttling sign-in, before any password is hashed; all faces share it, as they share `Authentication`.

Only failures count, and the same wrong secret for the same name counts once in a window: a phone with an old password,
or a house full of them, guesses nothing. Sliding windows bound the failures of a name, of an address (IPv6: its /64)
and of the pair. Whether a user has that name makes no difference to what is seen of them. A user who has several names
has windows of their own over all of them: when such a one is full, a try is refused like a wrong password, whatever the
secret is. Who is known passes them all: a valid device credential never comes here, and who signed in from the
same surroundings (/24, IPv6: /64) within `known_days` does not wait.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from carddav_msg import metrics
from carddav_msg.directory.port import Directory
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.proxies import Sources, address_key, place_of
from carddav_msg.errors import CarddavMsgError, Throttled
from carddav_msg.services.authentication.counters import BoundedStorage, Counters, SharedCounters, Window

log = logging.getLogger(__name__)
refusals = logging.getLogger("carddav_msg.refusals")
"""One line for each failure that counts, in a form that fail2ban reads (`docs/operations.md` has the expression)."""

_DAY: Final = 24 * 3600
_TURN: Final = 0.02
_PATIENCE: Final = 5.0
_CROWDED_SECONDS: Final = 2
_LOGIN_LENGTH: Final = 80
_SHUT: Final = "shut"


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many failures in `window` seconds."""

    user: int
    address: int
    pair: int
    window: int


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to sign in: `name` is under which name it counts (`Names.counted_as`), `user` the row of who is meant
    or 0. `shut`: the user's own windows are full, so that no secret is right, and nobody must see that.
    """

    user: int
    name: str
    login: str
    face: str
    address: str
    shut: bool = False


class Throttle:
    """Says who has to wait, and remembers who failed. Threads share it; the counters may be shared by processes.

    `unbounded` addresses have no window of their own: many people come from each (office NAT). Nor have `vouched` ones
    (the SSO server); a success there says nothing about where a user's phone is, so it makes nobody known.
    """

    def __init__(
        self,
        directory: Directory,
        limits: Limits,
        key: bytes,
        *,
        unbounded: Sources,
        vouched: Sources,
        known_days: int,
        size: int = 50_000,
        share: int = 1,
        redis_url: str = "",
    ) -> None:
        """`size` bounds the memory: of each kind at most so many windows, of secrets and places four times as many.
        `share` processes divide the limits where they can't count together.
        """
        self._directory = directory
        self._limits = limits
        self._key = key
        self._unbounded = unbounded
        self._vouched = vouched
        self._known_days = known_days
        self._wrong = BoundedStorage(size * 4)
        self._places = BoundedStorage(size * 4)
        self._counters = SharedCounters(Counters(BoundedStorage(size), share), redis_url)

    def is_at_home(self, user: int, address: str) -> bool:
        """True when this process let the user in from these surroundings today; asks nothing of anybody."""
        return self._places.get(f"{user} {place_of(address)}") > 0

    def suspects(self, address: str) -> bool:
        """True when a wrong secret came from this address lately, unless many people share it."""
        window = self._window_of(address)
        return window is not None and not self._counters.ask(lambda counters: counters.is_empty(window))

    def send_away(self, attempt: Try, secret: str) -> None:
        """Throttled for a suspect who would be one too many, unless the user is known there."""
        if not self._is_known(attempt):
            self._refuse(attempt, secret, _CROWDED_SECONDS, "address")

    def check(self, attempt: Try, secret: str) -> Try:
        """Throttled when a window that all names have is full, and the user is not known there; else the attempt,
        which is shut when it is a window of the user that is full.
        """
        full = [(wait, window.name) for window in self._windows(attempt) if (wait := self._room(window)[1])]
        own = any(self._room(window)[1] for window in self._own_windows(attempt))
        if (not full and not own) or self._is_known(attempt):
            return attempt
        if full:
            self._refuse(attempt, secret, *max(full))
        return self._shut(attempt)

    def knows_wrong(self, attempt: Try, secret: str, state: object) -> bool:
        """True when this secret failed for this state of the user before, so that it need not be hashed again."""
        states = (state, _SHUT) if attempt.shut else (state,)
        return any(self._holds(attempt, secret, one) for one in states)

    def owes(self, attempt: Try, secret: str) -> bool:
        """True when the secret failed while the user was shut: it did not count for the user, and now does."""
        return bool(attempt.user) and not attempt.shut and self._holds(attempt, secret, _SHUT)

    @contextmanager
    def trying(self, attempt: Try, secret: str) -> Iterator[Try]:
        """Around one verification, of the attempt that it gives, which may have been shut meanwhile. Where the tries
        that go on now may take the last places of a window, it waits its turn: nobody gets more tries by sending them
        at once. Throttled when there is no place.
        """
        begun, tried = self._turn(attempt, secret)
        try:
            yield tried
        finally:
            for window in begun:
                self._counters.ask(lambda counters, window=window: counters.end(window))  # type: ignore[misc]

    def failed(self, attempt: Try, secret: str, reason: str, state: object, *, right: bool = False) -> None:
        """The secret was wrong: counts, unless the same one has been counted in this window.

        A shut one may have been `right` as well; it is not hashed again while the user is shut, nor is any other.
        """
        if not right:
            self._wrong.incr(self._digest(attempt, secret, state), self._limits.window)
        if attempt.shut:
            self._wrong.incr(self._digest(attempt, secret, _SHUT), self._limits.window)
        elif attempt.user:
            self._wrong.clear(self._digest(attempt, secret, _SHUT))
        windows = []
        if self._is_news(attempt.name, secret, "counted"):
            windows += self._windows(attempt)
            self._tell(attempt, reason)
        if attempt.user and not attempt.shut and self._is_news(f"#{attempt.user}", secret, "counted"):
            windows += self._own_windows(attempt)
        for window in windows:
            self._counters.ask(lambda counters, window=window: counters.add(window))  # type: ignore[misc]

    def let_in(self, user: int, address: str) -> None:
        """The user signed in: from now on known in these surroundings. Written once a day, and not at any price."""
        place = place_of(address)
        if not self._known_days or not place or address in self._vouched:
            return
        if self._places.incr(f"{user} {place}", _DAY) > 1:
            return
        try:
            if not self._directory.known_place(user, place, self._days_ago(1)):
                keep_from = self._days_ago(self._known_days)
                self._directory.transact(lambda transaction: transaction.save_place(user, place, keep_from))
        except CarddavMsgError as error:
            self._places.clear(f"{user} {place}")
            log.warning("The surroundings of user %d were not noted as known: %s", user, error)

    def _windows(self, attempt: Try) -> list[Window]:
        """Those that every name has, also one that nobody has."""
        windows = self._windows_of(attempt.name, attempt.address)
        of_address = self._window_of(attempt.address)
        return [*windows, of_address] if of_address else windows

    def _window_of(self, address: str) -> Window | None:
        """That of an address over all names; None where many people share it, or it is not known."""
        if not address or self._is_unbounded(address):
            return None
        limits = self._limits
        return Window("address", address_key(address), limits.address, limits.window)

    def _own_windows(self, attempt: Try) -> list[Window]:
        """Those of the user over all names; who is nobody has none."""
        return self._windows_of(f"#{attempt.user}", attempt.address) if attempt.user and not attempt.shut else []

    def _windows_of(self, whose: str, address: str) -> list[Window]:
        limits = self._limits
        windows = [Window("user", whose, limits.user, limits.window)]
        if address:
            windows.append(Window("pair", f"{whose} {address_key(address)}", limits.pair, limits.window))
        return windows

    def _turn(self, attempt: Try, secret: str) -> tuple[list[Window], Try]:
        """The windows in which the try has begun; none for who is known, where somebody else is in the way."""
        until = time.monotonic() + _PATIENCE
        while True:
            own = self._own_windows(attempt)
            windows = [*self._windows(attempt), *own]
            wait, full = self._begin(windows)
            if full is None:
                return windows, attempt
            if self._is_known(attempt):
                return [], attempt
            if full in own and wait:
                attempt = self._shut(attempt)
                continue
            if wait or time.monotonic() > until:
                self._refuse(attempt, secret, wait or 1, full.name)
            time.sleep(_TURN)

    def _begin(self, windows: list[Window]) -> tuple[int, Window | None]:
        """Begins a try in all windows, or in none and says which one is in the way, and for how many seconds; with 0
        seconds it is only tries that go on.
        """
        going = [self._counters.ask(lambda counters, window=window: counters.begin(window)) for window in windows]  # type: ignore[misc]
        for window, tries in zip(windows, going, strict=True):
            # Asked after it was begun: of a try that ended before, the failure is counted by now.
            left, wait = self._room(window)
            if tries > left:
                for begun in windows:
                    self._counters.ask(lambda counters, window=begun: counters.end(window))  # type: ignore[misc]
                return wait, window
        return 0, None

    def _room(self, window: Window) -> tuple[int, int]:
        return self._counters.ask(lambda counters: counters.room(window))

    def _is_known(self, attempt: Try) -> bool:
        """Also asked for nobody: a refusal takes the same time whoever is meant."""
        if not self._known_days:
            return False
        place = place_of(attempt.address)
        return bool(place) and self._directory.known_place(attempt.user, place, self._days_ago(self._known_days))

    def _is_unbounded(self, address: str) -> bool:
        return address in self._unbounded or address in self._vouched

    def _shut(self, attempt: Try) -> Try:
        metrics.throttled(attempt.face, "user")
        return replace(attempt, shut=True)

    def _refuse(self, attempt: Try, secret: str, wait: int, window: str) -> NoReturn:
        metrics.throttled(attempt.face, window)
        if self._is_news(attempt.name, secret, "told"):
            self._tell(attempt, "throttled")
        raise Throttled(window, wait, attempt.user)

    def _is_news(self, whose: str, secret: str, what: str) -> bool:
        """True once in a window. What was told while nobody looked at it is still to be counted when it is tried."""
        digest = self._keyed(f"{whose}\0{what}\0{secret}")
        return self._counters.ask(lambda counters: counters.first(digest, self._limits.window))

    def _tell(self, attempt: Try, reason: str) -> None:
        """A line for fail2ban, but not about an address that many share."""
        if attempt.address and not self._is_unbounded(attempt.address):
            login = attempt.login if len(attempt.login) <= _LOGIN_LENGTH else attempt.login[:_LOGIN_LENGTH] + "…"
            refusals.warning(
                "sign-in refused: client=%s face=%s reason=%s login=%s",
                attempt.address,
                attempt.face,
                reason,
                ascii(login),
            )

    def _holds(self, attempt: Try, secret: str, state: object) -> bool:
        return self._wrong.get(self._digest(attempt, secret, state)) > 0

    def _digest(self, attempt: Try, secret: str, state: object) -> str:
        """For each spelling: of two of one name, one may mean the user and the other nobody."""
        return self._keyed(f"{attempt.name}\0{fold(attempt.login)}\0{attempt.user}\0{state}\0{secret}")

    def _keyed(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _days_ago(self, days: int) -> int:
        return (int(time.time()) - days * _DAY) * 1_000_000
