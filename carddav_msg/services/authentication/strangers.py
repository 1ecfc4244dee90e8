"""The line of those whose secret is still to be looked at; known devices never stand in it.

What threads do beside hashing they do one at a time, and where all cores hash, the kernel may let one that answers wait
for a whole tick (ADR 13): so few are let on at once, and those who seem to guess leave most of the time to others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from carddav_msg.errors import Rejected, Throttled

_REST: Final = 3  # times as long as it took
_LONGEST_REST: Final = 1.0  # seconds


class Strangers:
    """Lets so many on `at_once`. Suspects, from whose address a wrong secret came lately, go one after the other; after
    a wrong one they rest for three times as long as it took, at most a second. At most `suspects` are to wait.
    """

    def __init__(
        self,
        at_once: int,
        suspects: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._all = threading.BoundedSemaphore(at_once)
        self._suspects = threading.Lock()
        self._most = suspects
        self._waiting = 0
        self._counting = threading.Lock()
        self._rested = 0.0
        self._clock = clock
        self._sleep = sleep

    def is_crowded(self) -> bool:
        """True when one suspect more would take a thread that known devices need."""
        return self._waiting >= self._most

    @contextmanager
    def turn(self, *, suspect: bool) -> Iterator[None]:
        """Around what is done for one secret: Rejected and Throttled say that it was wrong."""
        if not suspect:
            with self._all, self._noticed():
                yield
            return
        self._count(1)
        try:
            with self._suspects:
                self._sleep(max(0.0, self._rested - self._clock()))
                with self._all, self._noticed():
                    yield
        finally:
            self._count(-1)

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        except (Rejected, Throttled):
            ended = self._clock()
            self._rested = max(self._rested, ended + min(_REST * (ended - began), _LONGEST_REST))
            raise

    def _count(self, one: int) -> None:
        with self._counting:
            self._waiting += one
