"""Who was let in or refused, kept for `why` and `user timeline`: last success and last failure per user and face.

Noting costs a look into memory; a thread writes what is new, in batches, beside the answers. What can't be written is
forgotten: nothing that is served depends on it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from carddav_msg.directory.port import Directory
from carddav_msg.domain.observations import (
    AGENT_LENGTH,
    DEVICE_LENGTH,
    LOGIN_LENGTH,
    Observation,
    Outcome,
    shown,
)
from carddav_msg.errors import CarddavMsgError

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 3600.0
"""Seconds in which the same observation is not written again."""
_KNOWN: Final = 200_000
_WAITING: Final = 20_000
_DAY: Final = 24 * 3600 * 1_000_000
_PRUNE_EVERY: Final = 3600.0
_LOOK_EVERY: Final = 30.0
_WRITTEN_WITHIN: Final = 60.0
"""After so many seconds what somebody saw is in the database, for others to look at."""

Key = tuple[int, str, Outcome, bool]


class Observations:
    """The observations of one process; threads share it. `days` is for how long they are shown."""

    def __init__(
        self, directory: Directory, *, days: int, interval: float = 2.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._days = days
        self._interval = interval
        self._clock = clock
        self._known: dict[Key, tuple[int, float]] = {}
        self._waiting: dict[Key, Observation] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._pruned = 0.0
        self._looked = clock()

    def success(
        self,
        user: int,
        face: str,
        *,
        login: str,
        agent: str = "",
        matched: str = "",
        device: str = "",
        cloud_id: str = "",
        network_id: str = "",
        book: int = 0,
        seq: int = 0,
    ) -> None:
        """Somebody was let in; `book` and `seq` say which state of the directory they fetched, if they did."""
        said = hash((login, agent, matched, device, cloud_id, network_id, book, seq))
        if self._is_known(key := (user, face, Outcome.SUCCESS, bool(book)), said):
            return
        seen = Observation(
            user,
            face,
            Outcome.SUCCESS,
            agent=shown(agent, AGENT_LENGTH),
            login=shown(login, LOGIN_LENGTH),
            matched=matched,
            device=shown(device, DEVICE_LENGTH),
            cloud_id=shown(cloud_id, LOGIN_LENGTH),
            network_id=network_id,
            book=book,
            seq=seq,
        )
        self._keep(key, said, seen)

    def failure(self, user: int, face: str, reason: str, *, login: str = "", agent: str = "", device: str = "") -> None:
        """A user was refused, on this device if that is certain; user 0 is nobody, and nothing is kept."""
        said = hash((reason, device))
        if not user or self._is_known(key := (user, face, Outcome.FAILURE, False), said):
            return
        seen = Observation(
            user,
            face,
            Outcome.FAILURE,
            reason=reason,
            agent=shown(agent, AGENT_LENGTH),
            login=shown(login, LOGIN_LENGTH),
            device=shown(device, DEVICE_LENGTH),
        )
        self._keep(key, said, seen)

    def of(self, user: int) -> list[Observation]:
        """What is known of a user, the oldest first. What this process has not written yet is written before."""
        self.flush()
        since = int(self._clock() * 1_000_000) - self._days * _DAY
        return self._directory.observations(user, since)

    def start(self) -> None:
        """Begins to write in a thread of its own; a server calls this once in each process, after the fork."""
        if self._thread is None:
            self._looked = self._clock()
            self._thread = threading.Thread(target=self._run, name="observations", daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Writes what is waiting, now."""
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        if not waiting:
            return
        now = self._clock()
        prune = now - self._pruned >= _PRUNE_EVERY
        try:
            with self._directory.write() as transaction:
                transaction.save_observations(waiting)
                if prune:
                    transaction.prune_observations()
        except CarddavMsgError as error:
            log.warning("%d observations were not kept: %s", len(waiting), error)
        else:
            self._pruned = now if prune else self._pruned

    def close(self) -> None:
        """Ends the thread and writes what is left."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None
        self.flush()

    def _is_known(self, key: Key, said: int) -> bool:
        known = self._known.get(key)
        return known is not None and known[0] == said and self._clock() - known[1] < AGAIN_AFTER

    def _keep(self, key: Key, said: int, seen: Observation) -> None:
        now = self._clock()
        with self._lock:
            if len(self._waiting) >= _WAITING and key not in self._waiting:
                return
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[key] = said, now
            self._other_is_news(seen.user, seen.face, seen.outcome)
            self._waiting[key] = replace(seen, at=int(now * 1_000_000))
        self._wake.set()

    def _other_is_news(self, user: int, face: str, outcome: Outcome) -> None:
        """Which of the two came last is what people want to know."""
        other = Outcome.FAILURE if outcome is Outcome.SUCCESS else Outcome.SUCCESS
        for fetched in (False, True):
            self._known.pop((user, face, other, fetched), None)

    def look(self) -> None:
        """What other processes wrote since the last look: what came after it is news here, too."""
        now = self._clock()
        try:
            written = self._directory.observed(int((self._looked - _WRITTEN_WITHIN) * 1_000_000))
        except CarddavMsgError as error:
            log.warning("What others observed could not be read: %s", error)
            return
        self._looked = now
        with self._lock:
            for user, face, outcome in written:
                self._other_is_news(user, face, outcome)

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._wake.wait(_LOOK_EVERY):
                # A burst (a morning's sign-ins, a change that all phones fetch) becomes a few large transactions.
                self._ended.wait(self._interval)
                self._wake.clear()
                self.flush()
            if self._clock() - self._looked >= _LOOK_EVERY:
                self.look()
