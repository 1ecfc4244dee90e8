"""The line of those whose secret is still to be looked at: who rests, who is sent away, and who goes before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from carddav_msg import bootstrap
from carddav_msg.errors import Rejected, Throttled
from carddav_msg.services.authentication import Face, Strangers
from tests.builders import add_network, add_users, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.settings import Settings

HERE, ELSEWHERE, SHARED = "192.0.2.7", "198.51.100.9", "203.0.113.1"


class Clock:
    """A clock that moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def look(
    strangers: Strangers, clock: Clock, seconds: float, wrong: Exception | None = None, *, suspect: bool = True
) -> None:
    """A secret that is looked at for so long."""
    with suppress(Rejected, Throttled), strangers.turn(suspect=suspect):
        clock.now += seconds
        if wrong:
            raise wrong


def test_suspects_rest_after_a_wrong_secret() -> None:
    """Three times as long as it took, at most a second; not after a right one, and nobody else rests."""
    clock = Clock()
    strangers = Strangers(2, 5, clock=clock, sleep=clock.sleep)
    look(strangers, clock, 0.02, Rejected("password"))
    look(strangers, clock, 0.01, suspect=False)
    look(strangers, clock, 0.5, Throttled("user", 1))
    look(strangers, clock, 0.5)
    look(strangers, clock, 0.5)
    assert clock.slept == [0, 0.05, 1, 0]


def test_a_quick_wrong_secret_of_somebody_else_ends_no_rest() -> None:
    """Suspects wait for the longest of the rests."""
    clock = Clock()
    strangers = Strangers(2, 5, clock=clock, sleep=clock.sleep)
    look(strangers, clock, 0.2, Rejected("password"))
    look(strangers, clock, 0.01, Rejected("password"), suspect=False)
    look(strangers, clock, 0.2)
    assert clock.slept == [0, 0.59]


def test_an_error_of_ours_leaves_the_line_open() -> None:
    """Whatever happens to one, the next has their turn."""
    strangers = Strangers(1, 1)
    for suspect in (True, False, True):
        with suppress(ZeroDivisionError), strangers.turn(suspect=suspect):
            assert strangers.is_crowded() == suspect
            raise ZeroDivisionError
    assert not strangers.is_crowded()


def test_suspects_leave_threads_to_others(settings: Settings, services: Services) -> None:
    """With one thread for suspects: a second one is sent away, unless the user is known there; others just wait."""
    acme = add_network(services, "acme")
    add_users(services, acme, [new_user(f"u{n}", password=f"right-{n}") for n in range(3)])

    def tries(at: Services, login: str, secret: str, address: str) -> str:
        try:
            at.authentication.enter(login, secret, Face.CONTACTS, address=address)
        except Rejected as error:
            return error.reason
        except Throttled as error:
            return f"throttled {error.window}, {error.retry_after}"
        return "in"

    assert tries(services, "acme~u0", "right-0", HERE) == "in"
    again = bootstrap.build(replace(settings, threads=1, workers=1, shared_sources=(SHARED,)))
    assert tries(again, "acme~u1", "wrong", HERE) == "password"
    assert tries(again, "acme~u1", "wrong", SHARED) == "password"
    begun, go_on, verify = threading.Event(), threading.Event(), again.passwords.verify

    def held(password: str, stored: str, **options: bool) -> Any:
        begun.set()
        assert go_on.wait(60)
        return verify(password, stored, **options)

    again.passwords.verify = held  # type: ignore[method-assign]
    with ThreadPoolExecutor(5) as pool:
        guess = pool.submit(tries, again, "acme~u1", "wrong-1", HERE)
        assert begun.wait(60)
        try:
            assert tries(again, "acme~u2", "right-2", HERE) == "throttled address, 2"
            assert tries(again, "acme~nobody", "wrong", HERE) == "throttled address, 2"
            known = pool.submit(tries, again, "acme~u0", "right-0", HERE)
            far = pool.submit(tries, again, "acme~u2", "wrong-2", ELSEWHERE)
            office = pool.submit(tries, again, "acme~u2", "right-2", SHARED)
        finally:
            go_on.set()
        assert guess.result() == "password"
        assert known.result() == "in"
        assert far.result() == "password"
        assert office.result() == "in"
    assert tries(again, "acme~u2", "right-2", HERE) == "in"
