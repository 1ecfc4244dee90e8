"""Counting what may happen only so often: in the memory of this process, or in Redis for all processes.

Both are storages of the `limits` library; its own one in memory knows no bound and starts a timer thread.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, TypeVar

from limits import RateLimitItemPerSecond
from limits.errors import ConfigurationError as LimitsConfigurationError
from limits.errors import StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from carddav_msg.errors import ConfigurationError

log = logging.getLogger(__name__)
T = TypeVar("T")

_SCHEMES: Final = ("redis://", "rediss://", "redis+unix://", "valkey://", "valkeys://", "valkey+unix://")
_PREFIX: Final = "carddav-msg"
_IN_FLIGHT: Final = 30
"""Seconds after which a try that never ended (its process died) no longer counts as one that goes on."""
_REDIS_TIMEOUT: Final = 0.5
_REDIS_AGAIN_AFTER: Final = 10.0


class BoundedStorage(Storage, MovingWindowSupport):
    """Counters and sliding windows of at most `size` keys of each kind, the longest unused forgotten first."""

    STORAGE_SCHEME = None

    def __init__(self, size: int, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._size = size
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()
        self._single: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def __len__(self) -> int:
        return len(self._counts) + len(self._windows) + len(self._single)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Adds to a counter, which begins anew `expiry` seconds after it began; returns what it is now, at least 0."""
        now = self._clock()
        with self._lock:
            count, until = self._counts.get(key, (0, 0.0))
            if until <= now:
                count, until = 0, now + expiry
            count = max(0, count + amount)
            if count:
                self._counts[key] = (count, until)
                self._counts.move_to_end(key)
            else:
                self._counts.pop(key, None)
            while len(self._counts) > self._size:
                self._counts.popitem(last=False)
        return count

    def get(self, key: str) -> int:
        """A counter's value."""
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """When a counter begins anew."""
        return self._counts.get(key, (0, self._clock()))[1]

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Adds entries to a window unless they would be more than `limit`."""
        now = self._clock()
        with self._lock:
            window = self._touched(key, now - expiry) or deque()
            if fits := len(window) + amount <= limit:
                window.extend([now] * amount)
            if window:
                self._keep(key, window)
        return fits

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """(the time of the oldest entry, how many there are)."""
        now = self._clock()
        with self._lock:
            window = self._touched(key, now - expiry)
            if not window:
                return now, 0
            self._keep(key, window)
            return window[0], len(window)

    def _touched(self, key: str, since: float) -> deque[float] | None:
        """A window without its old entries, taken out."""
        window = self._windows.pop(key, None) or self._single.pop(key, None)
        while window and window[0] <= since:
            window.popleft()
        return window

    def _keep(self, key: str, window: deque[float]) -> None:
        """Puts a window in as the one last used. A flood of names that come once forgets each other and nobody else:
        windows with more than one entry have half of the room for themselves.
        """
        (self._windows if len(window) > 1 else self._single)[key] = window
        while len(self._windows) > self._size // 2:
            self._windows.popitem(last=False)
        while len(self._windows) + len(self._single) > self._size:
            self._single.popitem(last=False)

    def check(self) -> bool:
        """It always works."""
        return True

    def reset(self) -> int | None:
        """Forgets everything."""
        with self._lock:
            forgotten = len(self)
            self._counts.clear()
            self._windows.clear()
            self._single.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forgets a key."""
        with self._lock:
            self._counts.pop(key, None)
            self._windows.pop(key, None)
            self._single.pop(key, None)


class Window:
    """One sliding window: at most `amount` entries of a key in `seconds`, in all processes together."""

    __slots__ = ("amount", "key", "name", "seconds")

    def __init__(self, name: str, key: str, amount: int, seconds: int) -> None:
        self.name = name
        self.key = key
        self.amount = amount
        self.seconds = seconds

    def item(self, share: int) -> RateLimitItemPerSecond:
        """What `limits` calls a window; one of `share` processes that each count alone has its part, at least one."""
        return RateLimitItemPerSecond(max(1, self.amount // share), self.seconds, _PREFIX)


class Counters:
    """What throttling asks of one storage. With one for each of `share` processes each has that part of a limit."""

    def __init__(self, storage: Storage, share: int = 1) -> None:
        self._storage = storage
        self._share = share
        self._windows = MovingWindowRateLimiter(storage)

    def room(self, window: Window) -> tuple[int, int]:
        """(entries that still fit, seconds until there is room again: 0 when there is)."""
        reset, left = self._windows.get_window_stats(window.item(self._share), window.name, window.key)
        return (left, 0) if left > 0 else (0, max(1, math.ceil(reset - time.time())))

    def add(self, window: Window) -> None:
        """One entry more."""
        self._windows.hit(window.item(self._share), window.name, window.key)

    def is_empty(self, window: Window) -> bool:
        """True when nothing was added in the window's time."""
        item = window.item(self._share)
        return self._windows.get_window_stats(item, window.name, window.key)[1] == item.amount

    def begin(self, window: Window) -> int:
        """A try begins; returns how many go on now, with this one."""
        return self._storage.incr(f"{_PREFIX}/now/{window.name}/{window.key}", _IN_FLIGHT)

    def end(self, window: Window) -> None:
        """A try has ended."""
        self._storage.incr(f"{_PREFIX}/now/{window.name}/{window.key}", _IN_FLIGHT, -1)

    def first(self, what: str, seconds: int) -> bool:
        """True when this was not noted in the last `seconds`; notes it."""
        return self._storage.incr(f"{_PREFIX}/seen/{what}", seconds) == 1


class SharedCounters:
    """Counters in Redis; while it does not answer, those of this process stand in: sign-in never hangs on it."""

    def __init__(self, own: Counters, url: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """ConfigurationError when the URL is none or the `redis` extra is not installed. Connects to nothing yet."""
        self._own = own
        self._clock = clock
        self._again_at = 0.0
        self._shared = Counters(_redis(url)) if url else None

    def ask(self, question: Callable[[Counters], T]) -> T:
        """The answer of Redis, or of this process."""
        if self._shared is not None and self._clock() >= self._again_at:
            try:
                return question(self._shared)
            except StorageError as error:
                self._again_at = self._clock() + _REDIS_AGAIN_AFTER
                log.error(
                    "Redis does not answer (%s); this process counts failed sign-ins by itself meanwhile.",
                    type(error.__cause__).__name__,
                )
        return question(self._own)


def _redis(url: str) -> Storage:
    if not url.startswith(_SCHEMES):
        raise ConfigurationError(["redis_url: is no redis:// URL."])
    try:
        return storage_from_string(
            url,
            wrap_exceptions=True,
            key_prefix=_PREFIX,
            socket_timeout=_REDIS_TIMEOUT,
            socket_connect_timeout=_REDIS_TIMEOUT,
        )  # type: ignore[return-value]  # no asynchronous one is asked for
    except LimitsConfigurationError:
        raise ConfigurationError(
            ["redis_url: is no redis:// URL, or redis is not installed: pip install 'carddav-msg[redis]'."]
        ) from None
    except ValueError:
        raise ConfigurationError(["redis_url: is no redis:// URL."]) from None
