"""Twenty guessers against the real server, while a known device polls: who gets how many tries, and who waits."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from pathlib import Path

from carddav_msg.bootstrap import Services
from carddav_msg.credentials import device
from carddav_msg.settings import Settings
from tests.builders import add_network, add_users, new_user
from tests.guessing import Caller, basic, elsewhere, guesses
from tests.processes import workers_of
from tests.profiles import SOAK, examples
from tests.servers import Server, Servers

GUESSERS, VICTIMS, LIMIT = 20, 10, 8
GROWTH = 32 * 1024 * 1024


def resident(server: Server) -> int:
    """Bytes of memory of the server's processes."""
    processes = [server.pid, *workers_of(server.pid)]
    lines = "".join(Path(f"/proc/{one}/status").read_text() for one in processes).splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def p99(times: list[float]) -> float:
    """In milliseconds."""
    return statistics.quantiles(times, n=100)[98] * 1000


def polls(caller: Caller, headers: dict[str, str], until: threading.Event, least: int) -> Iterator[tuple[int, float]]:
    """(status, seconds) of polls until the event, at least so many."""
    count = 0
    while count < least or not until.is_set():
        began = time.perf_counter()
        yield caller.poll(headers), time.perf_counter() - began
        count += 1


def test_guessers_get_what_is_configured_and_known_devices_never_wait(
    server: Servers, settings: Settings, services: Services, record_property: Callable[[str, object], None]
) -> None:
    """Each user gets the limit, from all addresses together; every poll of a known device is served meanwhile."""
    acme = add_network(services, "acme")
    users = add_users(services, acme, [new_user(f"v{n}", password=f"right-{n}") for n in range(VICTIMS)])
    phone = basic("acme~v0", device.issue(services.keyring, users[0].id, users[0].session_epoch, "phone"))
    typed = basic("acme~v0", "right-0")
    limits = {"throttle_user": LIMIT, "throttle_pair": LIMIT, "throttle_address": 10_000, "throttle_size": 1000}
    limits["throttle_window"] = 86_400  # the limits are those of one window, however long the guessing takes here
    running = server(
        settings, trusted_proxies=("127.0.0.1",), workers=2, threads=24, argon2_memory=19_456, argon2_time=2, **limits
    )
    with ExitStack() as stack:

        def caller_at(address: str) -> Caller:
            return stack.enter_context(closing(Caller(running.url, address)))

        known = caller_at("192.0.2.7")
        assert caller_at("192.0.2.8").poll(typed) == 207
        done = threading.Event()
        done.set()
        with elsewhere():
            quiet = [
                seconds for status, seconds in polls(known, phone, done, examples(ci=100, soak=5000)) if status == 207
            ]
        done.clear()
        each = examples(ci=400, soak=50_000) // GUESSERS // 2
        ends: Counter[int] = Counter()
        memory: list[int] = []

        def attack() -> None:
            try:
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    for half in (range(each), range(each, 2 * each)):
                        ends.update(pool.submit(guesses, running.url, GUESSERS, VICTIMS, half).result())
                        memory.append(resident(running))
            finally:
                done.set()

        with ThreadPoolExecutor(1) as pool:
            attacked = pool.submit(attack)
            with elsewhere():  # of this thread alone: the one that attacks is there already
                served = list(polls(known, phone, done, 100))
            attacked.result()
        loud = [seconds for _, seconds in served]
        record_property("quiet p99 ms", round(p99(quiet), 1))
        record_property("p99 ms under guesses", round(p99(loud), 1))
        print(f"\nknown device: p99 {p99(quiet):.1f} ms quiet, {p99(loud):.1f} ms under {2 * each * GUESSERS} guesses")
        if SOAK:  # few polls say nothing of a percentile
            assert p99(loud) < 3 * p99(quiet)
        assert caller_at("192.0.2.8").contacts(typed) == 200, "who signed in from there before is known"
        assert caller_at("198.51.100.1").contacts(typed) == 429, "from elsewhere the right password waits"
        assert {status for status, _ in served} == {207}
        assert ends[401] == VICTIMS * LIMIT
        assert ends[0] + ends[401] + ends[429] == ends.total() == 2 * each * GUESSERS
        assert memory[1] - memory[0] < GROWTH, "what a flood leaves behind has a bound"
