"""A cold start: every phone has a typed password, and the server has just been restarted, so that it remembers none.

Each first request costs a password hash. The phones come back within seconds of each other and poll again and again; a
latency counts from when a request was due, since phones don't wait for each other.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bench import dav, machine, processes
from bench.client import Client, basic
from bench.directory import Tenant, write_networks, write_users
from bench.errors import WrongAnswer
from bench.operations import Figures, percentile
from bench.peers import PASSWORD
from bench.peers.ours import Installation

GOOD: Final = 1.0
"""Seconds: the start is over when from then on p99 stays below."""
_CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """All phones come back within `herd` seconds; then each polls every `period` seconds, until `seconds` are over."""

    phones: int = 5_000
    herd: float = 10.0
    period: float = 60.0
    seconds: float = 300.0


QUICK: Final = Choice(phones=20, herd=0.5, period=1.0, seconds=3.0)


@dataclass(slots=True)
class Seen:
    """(second in which it was due, latency) of each right answer, the problems, and the memory now and then."""

    answers: list[tuple[int, float]] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)


def run(choice: Choice, say: Callable[[str], None]) -> dict[str, Any]:
    """Lets all phones sign in once, restarts the server, and watches them come back."""
    tenant = Tenant("cold", choice.phones)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        installation = Installation(Path(name))
        write_networks([tenant], installation.folder / "networks.csv")
        write_users([tenant], installation.folder / "users.csv")
        installation.run("import", "networks", "networks.csv")
        installation.run("import", "users", "users.csv")
        with installation.serve():
            say(f"{choice.phones:,} phones sign in for the first time")
            token = _drive(installation.port, tenant, [(0.0, number) for number in range(choice.phones)], "", Seen())
        with installation.serve() as pid:
            say("the server was restarted, and they come back")
            seen = Seen()
            with _watched(pid, seen):
                _drive(installation.port, tenant, _schedule(choice), token, seen)
    found = figures(seen)
    say(f"cold start: {found}")
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe(),
        "tables": {"cold start": {f"{choice.phones:,} phones": found}},
        "notes": [
            f"CardDAV polls with Basic and a typed password: all phones within {choice.herd:g} s of the restart, then "
            f"each every {choice.period:g} s for {choice.seconds:g} s, over {_CONNECTIONS} connections.",
            "Seconds until p99 < 1 s: from when on it is so for the requests that were due in each second.",
        ],
    }


def figures(seen: Seen) -> Figures:
    """What is told of a start."""
    by_second: dict[int, list[float]] = {}
    for second, latency in seen.answers:
        by_second.setdefault(second, []).append(latency)
    slow = [second for second, latencies in by_second.items() if percentile(latencies, 0.99) >= GOOD]
    # Whoever was due in a slow second had an answer after as long as that took.
    over = max((second + max(by_second[second]) for second in slow), default=0.0)
    latencies = [latency for _, latency in seen.answers]
    return {
        "seconds until p99 < 1 s": over,
        "slowest s": max(latencies),
        "answers": float(len(latencies)),
        "failures": float(sum(seen.problems.values())),
        "peak PSS MiB": max(seen.memory),
    }


def _schedule(choice: Choice) -> list[tuple[float, int]]:
    """(when, which phone): the same in every run."""
    chance = random.Random("cold start")
    first = [chance.uniform(0, choice.herd) for _ in range(choice.phones)]
    rounds = int(choice.seconds // choice.period) + 1
    due = ((start + turn * choice.period, phone) for turn in range(rounds) for phone, start in enumerate(first))
    return sorted(item for item in due if item[0] <= choice.seconds)


def _drive(port: int, tenant: Tenant, schedule: Sequence[tuple[float, int]], token: str, seen: Seen) -> str:
    """Sends the polls when they are due; each has to give the token (any, when there is none yet, and all the same)."""
    lock, items, begun = threading.Lock(), iter(schedule), time.perf_counter()
    tokens = {token} if token else set[str]()

    def work() -> None:
        client = Client(processes.HOST, port)
        while True:
            with lock:
                at, number = next(items, (0.0, -1))
            if number < 0:
                break
            if (wait := begun + at - time.perf_counter()) > 0:
                time.sleep(wait)
            found, problem = _poll(client, tenant, number)
            with lock:
                if problem:
                    seen.problems[problem] += 1
                else:
                    seen.answers.append((int(at), time.perf_counter() - begun - at))
                    tokens.add(found)
        client.close()

    threads = [threading.Thread(target=work) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(tokens) != 1:
        raise WrongAnswer(f"{len(tokens)} sync tokens of one book that nobody changed: {seen.problems.most_common(3)}")
    return tokens.pop()


def _poll(client: Client, tenant: Tenant, number: int) -> tuple[str, str]:
    """(sync token, "") or ("", problem)."""
    login = tenant.login(number)
    headers = {**basic(login, PASSWORD), **dav.XML, "Depth": "0"}
    try:
        answer = client.request("PROPFIND", f"/dav/{quote(login)}/directory/", headers, dav.POLL)
        if answer.status != 207:
            return "", f"HTTP {answer.status}"
        (properties,) = dav.read(answer.body, "poll").found.values()
        return properties[dav.D + "sync-token"].strip(), ""
    except (WrongAnswer, OSError, KeyError, ValueError) as error:
        client.close()
        return "", type(error).__name__


@contextmanager
def _watched(pid: int, seen: Seen) -> Iterator[None]:
    """Notes the memory of the server's processes twice a second."""
    done = threading.Event()

    def watch() -> None:
        while True:
            seen.memory.append(processes.pss_mib([pid]))
            if done.wait(0.5):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
