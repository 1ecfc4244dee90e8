"""Counting in memory and in Redis: both do the same, memory has a bound, and sign-in outlives Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carddav_msg.errors import ConfigurationError
from carddav_msg.services.authentication.counters import BoundedStorage, Counters, SharedCounters, Window
from tests import redis_server


@pytest.fixture(params=["memory", "redis"])
def counters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SharedCounters]]:
    """Makes counters as each process has them: in memory each its own, in Redis the same."""
    if request.param == "memory":
        own = Counters(BoundedStorage(1000))
        yield lambda: SharedCounters(own)
        return
    with redis_server.running(tmp_path) as redis:
        yield lambda: SharedCounters(Counters(BoundedStorage(1000)), redis.url)


def test_a_window_fills_and_says_when_there_is_room(counters: Callable[[], SharedCounters]) -> None:
    """Entries count in every process; others' windows are their own."""
    window, other = Window("user", "anna", 3, 60), Window("user", "bert", 3, 60)
    for left in (3, 2, 1):
        assert counters().ask(lambda c: c.room(window)) == (left, 0)
        counters().ask(lambda c: c.add(window))
    left, wait = counters().ask(lambda c: c.room(window))
    assert left == 0
    assert 1 <= wait <= 60
    assert counters().ask(lambda c: c.room(other)) == (3, 0)


def test_tries_that_go_on_and_news(counters: Callable[[], SharedCounters]) -> None:
    """Both are counted over all processes."""
    window = Window("pair", "anna 192.0.2.1", 3, 60)
    assert [counters().ask(lambda c: c.begin(window)) for _ in range(2)] == [1, 2]
    counters().ask(lambda c: c.end(window))
    assert counters().ask(lambda c: c.begin(window)) == 2
    assert [counters().ask(lambda c: c.first("x", 60)) for _ in range(3)] == [True, False, False]


def test_windows_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry counts for exactly its time, wherever a clock's minute begins."""
    now = [1000.0]
    storage = BoundedStorage(10, clock=lambda: now[0])
    assert storage.acquire_entry("k", 2, 60)
    now[0] += 59
    assert storage.acquire_entry("k", 2, 60)
    assert not storage.acquire_entry("k", 2, 60)
    assert storage.get_moving_window("k", 2, 60) == (1000.0, 2)
    now[0] += 1
    assert storage.get_moving_window("k", 2, 60) == (1059.0, 1)
    now[0] += 60
    assert storage.get_moving_window("k", 2, 60)[1] == 0
    assert len(storage) == 0


def test_counters_begin_anew_and_never_go_below_nothing() -> None:
    """A count that lost its beginning does not allow more."""
    now = [0.0]
    storage = BoundedStorage(10, clock=lambda: now[0])
    assert storage.incr("k", 10, -1) == 0
    assert [storage.incr("k", 10), storage.incr("k", 10)] == [1, 2]
    now[0] += 10
    assert storage.get("k") == 0
    assert storage.incr("k", 10) == 1


def test_memory_is_bounded() -> None:
    """The longest unused is forgotten, what is in use stays."""
    storage = BoundedStorage(50)
    for number in range(500):
        storage.acquire_entry(f"w{number}", 5, 60)
        storage.incr(f"c{number}", 60)
        storage.acquire_entry("kept", 10_000, 60)
    assert len(storage) == 100
    assert storage.get_moving_window("kept", 10_000, 60)[1] == 500


def test_a_flood_of_names_does_not_forget_who_is_guessed_at() -> None:
    """Else a guesser would begin anew after trying as many names that don't exist."""
    storage = BoundedStorage(100)
    for _ in range(3):
        storage.acquire_entry("victim", 3, 60)
    for number in range(1000):
        storage.acquire_entry(f"nobody{number}", 3, 60)
    assert storage.get_moving_window("victim", 3, 60)[1] == 3
    assert len(storage) == 100


def test_without_redis_this_process_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Redis that is away or goes away is said once and costs nobody the sign-in; a process counts up to its share."""
    now = [0.0]
    window = Window("user", "anna", 8, 60)
    with redis_server.running(tmp_path) as redis:
        counters = SharedCounters(Counters(BoundedStorage(100), share=4), redis.url, clock=lambda: now[0])
        counters.ask(lambda c: c.add(window))
        redis.stop()
        assert counters.ask(lambda c: c.room(window)) == (2, 0)
        counters.ask(lambda c: c.add(window))
        assert counters.ask(lambda c: c.room(window))[0] == 1
        assert len(caplog.records) == 1
        assert "Redis does not answer" in caplog.text
        redis.start()
        now[0] += 60
        assert counters.ask(lambda c: c.room(window)) == (8, 0), "asked again, and it has forgotten"


@pytest.mark.parametrize("url", ["memory://", "http://x", "redis://[", "nonsense"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    """At start, with the setting's name."""
    with pytest.raises(ConfigurationError, match="redis_url"):
        SharedCounters(Counters(BoundedStorage(10)), url)
