"""Reads of more and more server processes on one PostgreSQL: until the cores end, two answer twice as much as one."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import dav, front, machine, processes
from bench.client import Client, Loop, basic, closed_loop
from bench.directory import Tenant, write_networks, write_users
from bench.errors import WrongAnswer
from bench.operations import Figures
from bench.peers import PASSWORD
from bench.peers.ours import Installation

_CONNECTIONS: Final = 4
"""To each server process."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The size of the book, the numbers of server processes, and how long each is asked."""

    users: int = 10_000
    servers: tuple[int, ...] = (1, 2, 4)
    seconds: float = 5.0


QUICK: Final = Choice(users=100, servers=(1, 2), seconds=0.5)


@dataclass(frozen=True, slots=True)
class _Read:
    """A request, and the status of its right answer."""

    title: str
    method: str
    depth: str
    body: bytes


_READS: Final = (_Read("poll", "PROPFIND", "0", dav.POLL), _Read("list", "PROPFIND", "1", dav.LIST))


def run(choice: Choice, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures by read and number of server processes."""
    tenant = Tenant("scaling", choice.users)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, front.postgresql(_open(Path(name))) as database:
        folder = Path(name)
        url = f"postgresql+psycopg://bench@{processes.HOST}:{database.port}/bench"
        installation = Installation(folder, database_url=url)
        write_networks([tenant], folder / "networks.csv")
        write_users([tenant], folder / "users.csv")
        installation.run("import", "networks", "networks.csv")
        installation.run("import", "users", "users.csv")
        tables: dict[str, dict[str, Figures]] = {read.title: {} for read in _READS}
        for count in choice.servers:
            with _servers(installation, count) as servers:
                for read in _READS:
                    row = f"{count} server process{'es' if count > 1 else ''}"
                    tables[read.title][row] = _measured(read, tenant, servers, database.pid, choice.seconds)
                    say(f"{read.title}, {row}: {tables[read.title][row]}")
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe(),
        "runs": 1,
        "tables": {f"{title} of {choice.users:,} cards, PostgreSQL": rows for title, rows in tables.items()},
    }


def _open(folder: Path) -> Path:
    folder.chmod(0o755)  # PostgreSQL gives up root and still has to read it
    return folder


@contextmanager
def _servers(installation: Installation, count: int) -> Iterator[dict[int, int]]:
    """Servers of one process each, as they would stand on several machines: port → process."""
    with ExitStack() as stack:
        servers = {}
        for number in range(count):
            port = processes.free_port()
            command = installation.command("serve", "--port", str(port), "--workers", "1")
            log = installation.folder / f"serve-{number}.log"
            server = processes.running(command, log, port=port, environ=installation.environ())
            servers[port] = stack.enter_context(server)
        yield servers


def _measured(read: _Read, tenant: Tenant, servers: dict[int, int], database: int, seconds: float) -> Figures:
    """All servers are asked at the same time, each by a process of its own."""
    before = processes.cpu_seconds([*servers.values()]), processes.cpu_seconds([database])
    with multiprocessing.get_context("spawn").Pool(len(servers)) as pool:
        loops = pool.starmap(_asked, [(read, tenant, port, seconds) for port in servers])
    wall = max(loop.wall for loop in loops)
    own, of_database = (
        now - then
        for now, then in zip(
            (processes.cpu_seconds([*servers.values()]), processes.cpu_seconds([database])), before, strict=True
        )
    )
    return {
        "answers/s": sum(loop.rate for loop in loops),
        "server cores": own / wall,
        "PostgreSQL cores": of_database / wall,
        "client cores": sum(loop.cpu / loop.wall for loop in loops),
    }


def _asked(read: _Read, tenant: Tenant, port: int, seconds: float) -> Loop:
    login = tenant.login(0)
    client = Client(processes.HOST, port, basic(login, PASSWORD))
    headers, path = {**dav.XML, "Depth": read.depth}, f"/dav/{login}/directory/"
    right = client.request(read.method, path, headers, read.body)
    if right.status != 207:
        raise WrongAnswer(f"{read.title}: HTTP {right.status}", right.body)
    found = len(dav.read(right.body, read.title).found)
    if found != (1 if read.depth == "0" else tenant.users + 1):
        raise WrongAnswer(f"{read.title}: {found} members", right.body)
    message = client.message(read.method, path, headers, read.body)
    try:
        return closed_loop(client, [message] * _CONNECTIONS, [right] * _CONNECTIONS, seconds)
    finally:
        client.close()
