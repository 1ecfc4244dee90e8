"""The provider mix: 300 networks with 60,000 users on PostgreSQL behind nginx with TLS, at the rates of real phones.

An open loop: requests are due at times that don't wait for answers, and a latency counts from when a request was due.
"""

from __future__ import annotations

import heapq
import random
import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import front, machine, phones, processes
from bench.client import Client
from bench.directory import Tenant, provider, write_networks, write_users
from bench.errors import WrongAnswer
from bench.operations import Figures, percentile
from bench.peers.ours import Installation
from bench.phones import Phone

RATES: Final = {"contacts": 333.0, "book": 33.0, "refresh": 17.0, "sign-in": 1.0, "edit": 5.0}
"""Requests a second of 60,000 users: contacts each 3 minutes, a tenth as many CardDAV polls, a refresh an hour."""
_SCALES: Final = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02)
_PROBE: Final = 10.0
_LATE: Final = 0.5
"""Seconds: a scale is carried when requests begin no later than that after they are due (in 99 of 100)."""
_WORKERS: Final = 24


@dataclass(frozen=True, slots=True)
class Choice:
    """`scale`: share of the full rates, None for the largest carried; each network has 1/`shrink` of its users."""

    scale: float | None = None
    seconds: float = 60.0
    networks: int = 300
    shrink: int = 1

    def tenants(self) -> list[Tenant]:
        """The networks of the run."""
        return provider(self.networks, self.shrink)


QUICK: Final = Choice(scale=0.05, seconds=5.0, networks=20, shrink=50)


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    at: float
    kind: str = field(compare=False)
    phone: Phone = field(compare=False)


@dataclass(slots=True)
class _Seen:
    """What the workers of a stretch saw, put together under a lock."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    received: int = 0


def run(choice: Choice, say: Callable[[str], None]) -> dict[str, Any]:
    """Builds the provider, finds the scale, and measures it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        database = stack.enter_context(front.postgresql(folder))
        url = f"postgresql+psycopg://bench@{processes.HOST}:{database.port}/bench"
        installation = Installation(folder, database_url=url)
        tenants = choice.tenants()
        say(f"importing {sum(tenant.users for tenant in tenants):,} users of {len(tenants)} networks")
        write_networks(tenants, folder / "networks.csv")
        write_users(tenants, folder / "users.csv")
        installation.run("import", "networks", "networks.csv")
        installation.run("import", "users", "users.csv")
        people = _phones(installation, tenants)
        server = stack.enter_context(installation.serve())
        proxy = stack.enter_context(front.nginx(folder, installation.port))
        drive = stack.enter_context(closing(_Drive(proxy.port, people)))
        scale = choice.scale or _carried(drive, say)
        parts = {"server": server, "PostgreSQL": database.pid, "nginx": proxy.pid}
        return _measured(drive, parts, scale, choice, say)


def _carried(drive: _Drive, say: Callable[[str], None]) -> float:
    for scale in _SCALES:
        seen = drive.stretch(scale, _PROBE)
        late = percentile(seen.late, 0.99)
        say(f"scale {scale}: {sum(map(len, seen.latencies.values()))} answers, {1000 * late:.0f} ms late at p99")
        if late <= _LATE and not seen.errors:
            return scale
    return _SCALES[-1]


def _measured(
    drive: _Drive, parts: dict[str, int], scale: float, choice: Choice, say: Callable[[str], None]
) -> dict[str, Any]:
    say(f"measuring {choice.seconds:.0f} s at scale {scale}")
    drive.learn(scale, choice.seconds)
    before = {name: processes.cpu_seconds([pid]) for name, pid in parts.items()}
    own, begun = _own_cpu(), time.perf_counter()
    seen = drive.stretch(scale, choice.seconds, learned=True)
    wall = time.perf_counter() - begun
    cpu = {name: (processes.cpu_seconds([pid]) - before[name]) / wall for name, pid in parts.items()}
    cpu["client"] = (_own_cpu() - own) / wall
    kinds = {name: _figures(values, wall) for name, values in sorted(seen.latencies.items())}
    if not kinds:
        raise WrongAnswer(f"the mix got no answer at all: {seen.errors.most_common(3)}")
    every = [value for values in seen.latencies.values() for value in values]
    kinds["all"] = _figures(every, wall)
    for name, figures in kinds.items():
        say(f"  {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe(),
        "scale": scale,
        "tables": {
            "kind": kinds,
            "cores used": {name: {"cores": value} for name, value in cpu.items()},
            "memory": {name: {"PSS MiB": processes.pss_mib([pid])} for name, pid in parts.items()},
        },
        "notes": [
            f"{choice.networks} networks, {sum(tenant.users for tenant in choice.tenants()):,} users, "
            f"{scale:.0%} of the full rates ({', '.join(f'{kind} {rate:g}/s' for kind, rate in RATES.items())}).",
            f"{choice.seconds:.0f} s, {_WORKERS} TLS connections. Latencies count from when a request was due.",
            f"{seen.received / wall / 2**20:.2f} MiB/s received. Errors: {sum(seen.errors.values())}"
            + "".join(f"; {count} × {problem}" for problem, count in seen.errors.most_common(5))
            + ".",
        ],
    }


def _figures(latencies: Sequence[float], wall: float) -> Figures:
    return {
        "answers/s": len(latencies) / wall,
        "p50 ms": 1000 * percentile(latencies, 0.5),
        "p99 ms": 1000 * percentile(latencies, 0.99),
        "slowest ms": 1000 * max(latencies),
    }


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _phones(installation: Installation, tenants: Sequence[Tenant]) -> list[Phone]:
    """A phone for each user but the administrators, with the credential that provisioning would give it.

    They are made with the installation's own keys: 60,000 sign-ins with a password would take a quarter of an hour.
    """
    from carddav_msg import bootstrap, settings
    from carddav_msg.credentials import device

    services = bootstrap.build(settings.load(installation.config, {}))
    try:
        found = []
        for tenant in tenants:
            network = services.directory.network(tenant.network_id)
            if network is None:
                raise WrongAnswer(f"the import left out {tenant.network_id}")
            for user in services.administration.users.each(network):
                number = int(user.cloud_username.removeprefix("u"))
                secret = device.issue(services.keyring, user.id, user.session_epoch, f"phone-{number}")
                if number:
                    found.append(Phone(tenant, number, secret))
        return found
    finally:
        services.close()


class _Drive:
    """Drives the load. Which phone does what, and when, is the same in every run."""

    def __init__(self, port: int, people: Sequence[Phone]) -> None:
        self._people = people
        self._clients = [Client(processes.HOST, port, tls=front.trusting()) for _ in range(_WORKERS)]

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients:
            client.close()

    def schedule(self, scale: float, seconds: float) -> list[_Due]:
        """What is due when, in seconds from the begin."""

        def of(kind: str, rate: float) -> Iterator[_Due]:
            chance = random.Random(f"{kind} {scale} {seconds}")
            at = chance.expovariate(rate * scale)
            while at < seconds:
                yield _Due(at, kind, chance.choice(self._people))
                at += chance.expovariate(rate * scale)

        return list(heapq.merge(*(of(kind, rate) for kind, rate in RATES.items())))

    def learn(self, scale: float, seconds: float) -> None:
        """Lets the phones of a schedule know what a phone knows that has been there for long."""
        due = {(id(item.phone), item.kind): item for item in self.schedule(scale, seconds)}
        todo = [item for item in due.values() if item.kind in ("contacts", "book")]
        seen = _Seen()
        self._work(
            [_Due(0.0, item.kind, item.phone) for item in todo],
            lambda client, item: phones.learn(client, item.phone, book=item.kind == "book"),
            seen,
        )
        if seen.errors:
            raise WrongAnswer(f"phones can't learn: {seen.errors.most_common(3)}")

    def stretch(self, scale: float, seconds: float, *, learned: bool = False) -> _Seen:
        """One stretch of load."""
        if not learned:
            self.learn(scale, seconds)
        seen = _Seen()
        self._work(
            self.schedule(scale, seconds), lambda client, item: phones.KINDS[item.kind](client, item.phone), seen
        )
        return seen

    def _work(self, schedule: Sequence[_Due], act: Callable[[Client, _Due], str], seen: _Seen) -> None:
        lock, items, begun = threading.Lock(), iter(schedule), time.perf_counter()

        def work(client: Client) -> None:
            received = client.meter.received
            while True:
                with lock:
                    item = next(items, None)
                if item is None:
                    break
                wait = begun + item.at - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                late = time.perf_counter() - begun - item.at
                try:
                    kind, problem = act(client, item), ""
                except WrongAnswer as wrong:
                    kind, problem = "", wrong.problem
                except Exception as error:  # a worker that ended unseen would make the load smaller than it says
                    kind, problem = "", f"{item.kind}: {type(error).__name__}: {error}"[:200]
                    client.close()
                with lock:
                    seen.late.append(late)
                    if problem:
                        seen.errors[problem] += 1
                    else:
                        seen.latencies.setdefault(kind, []).append(time.perf_counter() - begun - item.at)
            with lock:
                seen.received += client.meter.received - received

        threads = [threading.Thread(target=work, args=(client,)) for client in self._clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
