"""What is counted for Prometheus: by face, outcome and reason, never by user. Costs nothing until `enable` is called.

Several processes count into files of a folder that the environment names (prometheus_client's multiprocess mode), and
one more process serves their sums. No label holds anything that a client chose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes leave their counts; prometheus_client reads it when it is first imported."""
NOTE: Final = "carddav_msg.note"
"""Where the WSGI environ holds the request's Note."""
PLAIN_HTTP: Final = "carddav_msg.plain_http"
"""Is in the environ of a request that came without https from where credentials must not."""
_LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Note:
    """What the one who answers tells the one who counts: why it was no."""

    reason: str = ""


def because(environ: Mapping[str, object], reason: str) -> None:
    """Notes why a request is refused: a word of ours, never one that a client chose."""
    note = environ.get(NOTE)
    if isinstance(note, Note):
        note.reason = reason


class _Meters:
    """The metrics themselves. Children are kept, since looking them up by label costs more than counting."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # heavy, and only for who wants metrics

        self.requests = Counter("carddav_msg_requests", "Answered requests.", ["face", "outcome", "reason"])
        self.latency = Histogram(
            "carddav_msg_request_seconds", "Seconds until an answer begins.", ["face"], buckets=_LATENCY
        )
        self.syncs = Counter(
            "carddav_msg_syncs", "Address books and contacts fetched: full, delta or unchanged.", ["face", "kind"]
        )
        self.throttled = Counter(
            "carddav_msg_throttled", "Sign-ins refused whatever the password, by window.", ["face", "window"]
        )
        self.hashing = Gauge(
            "carddav_msg_hash_queue",
            "Passwords that wait to be looked at, or are hashed.",
            multiprocess_mode="livesum",
        )
        self._children: dict[tuple[str, ...], Any] = {}

    def child(self, name: str, *labels: str) -> Any:
        """The metric of a name with these labels."""
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = getattr(self, name).labels(*labels)
        return child


_meters: _Meters | None = None


def enable() -> None:
    """Counts from now on in this process."""
    global _meters
    if _meters is None:
        _meters = _Meters()


def request(face: str, outcome: str, reason: str, seconds: float) -> None:
    """A request was answered."""
    if _meters is not None:
        _meters.child("requests", face, outcome, reason).inc()
        _meters.child("latency", face).observe(seconds)


def sync(face: str, kind: str) -> None:
    """A book or the contacts were fetched: `full`, `delta` or `unchanged`."""
    if _meters is not None:
        _meters.child("syncs", face, kind).inc()


def throttled(face: str, window: str) -> None:
    """A sign-in was refused before its password was looked at."""
    if _meters is not None:
        _meters.child("throttled", face, window).inc()


def hashing(change: int) -> None:
    """A password hash came to the queue (1) or left it (-1)."""
    if _meters is not None:
        _meters.hashing.inc(change)


def forget_ended() -> None:
    """Takes out what processes had running that ended before it was done, such as killed ones."""
    from prometheus_client.multiprocess import mark_process_dead

    for path in Path(os.environ[FOLDER_VARIABLE]).glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)  # only asks whether it is there
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library's own lack


def collected() -> CollectorRegistry:
    """The sums of all processes that count into the folder of the environment."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own lack
    return registry
