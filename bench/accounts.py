"""The faces beside CardDAV under load, an import, and a rename while phones go on reading. SQLite, durable."""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from bench import dav, machine, processes
from bench.client import Answer, Client, basic, closed_loop
from bench.directory import Tenant, write_networks, write_users
from bench.errors import WrongAnswer
from bench.operations import Figures, percentile
from bench.peers import PASSWORD
from bench.peers.ours import Installation

_CONNECTIONS: Final = 8
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class _Size:
    contacts: int
    imported: int
    seconds: float
    runs: int


def run(say: Callable[[str], None], *, quick: bool = False) -> dict[str, Any]:
    """All of it; figures by table and name."""
    size = _Size(100, 300, 0.5, 1) if quick else _Size(10_000, 100_000, 4.0, 3)
    middle, large = Tenant("middle", size.contacts), Tenant("large", size.imported)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        installation = Installation(Path(folder))
        write_networks([middle, large], installation.folder / "networks.csv")
        installation.run("import", "networks", "networks.csv")
        imports = {f"{tenant.users:,} users": _import(installation, tenant, say) for tenant in (middle, large)}
        with installation.serve() as pid:
            faces = _faces(installation, middle, pid, size, say)
            documents = _documents(installation, middle, size, say)
            renamed = _rename(installation, large, say)
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe(),
        "runs": size.runs,
        "tables": {
            f"{_CONNECTIONS} connections, {_CONNECTIONS} users": faces,
            f"contacts JSON, {middle.users - 1:,} entries": documents,
            "import": imports,
            "Network ID renamed while a phone polls": {f"{large.users:,} cards": renamed},
        },
    }


def _import(installation: Installation, tenant: Tenant, say: Callable[[str], None]) -> Figures:
    """The command as an operator runs it, and the most memory that its process had."""
    path = installation.folder / f"{tenant.network_id}.csv"
    write_users([tenant], path)
    begun = time.perf_counter()
    with (installation.folder / "import.log").open("ab") as log:
        process = subprocess.Popen(
            installation.command("import", "users", str(path)), env=installation.environ(), stdout=log, stderr=log
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, processes.peak_mib(process.pid))
            time.sleep(0.02)
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise WrongAnswer("import users failed", (installation.folder / "import.log").read_bytes()[-1500:])
    figures = {"seconds": seconds, "users a second": tenant.users / seconds, "peak MiB": peak}
    say(f"import of {tenant.users:,} users: {figures}")
    return figures


@dataclass(frozen=True, slots=True)
class _Question:
    """A request of one face for a user who has this secret."""

    title: str
    path: str
    login: str
    device: bool
    conditional: bool = False


_QUESTIONS: Final = tuple(
    _Question(f"{title}, {'device credential' if device else 'remembered password'}", path, login, device, conditional)
    for title, path, login, conditional in (
        ("provisioning", "/provisioning", "canonical", False),
        ("refresh", "/provisioning/refresh", "canonical", False),
        ("External Authentication", "/auth", "plain", False),
        ("contacts, 304", "/contacts", "canonical", True),
    )
    for device in (True, False)
)


def _faces(
    installation: Installation, tenant: Tenant, pid: int, size: _Size, say: Callable[[str], None]
) -> dict[str, Figures]:
    client = Client(processes.HOST, installation.port)
    # External Authentication takes the stored Cloud Username: the Cloud ID alone doesn't tell the two networks apart,
    # but the SIP host does.
    hint = {"host": f"sip.{tenant.network_id}.example.net"}
    secrets = [_provisioned(client, tenant.login(number)) for number in range(_CONNECTIONS)]
    results = {}

    def measure(title: str, messages: list[bytes], expected: list[Answer]) -> None:
        runs = [_looped(client, messages, expected, pid, size.seconds) for _ in range(size.runs)]
        results[title] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        say(f"{title}: {results[title]}")

    for question in _QUESTIONS:
        messages, expected = [], []
        for number, secret in enumerate(secrets):
            login = tenant.login(number) if question.login == "canonical" else f"u{number}"
            fields = {"username": login, "password": secret if question.device else PASSWORD, **hint}
            headers, body = dict(_FORM), urlencode(fields).encode()
            first = client.request("POST", question.path, headers, body)
            _check_face(question, first, number)
            if question.conditional:
                headers["If-None-Match"] = first.header("ETag")
                first = client.request("POST", question.path, headers, body)
                if first.status != 304:
                    raise WrongAnswer(f"{question.title}: HTTP {first.status}, not 304", first.body)
            messages.append(client.message("POST", question.path, headers, body))
            expected.append(first)
        measure(question.title, messages, expected)
    for kind, device in (("device credential", True), ("remembered password", False)):
        title = f"CardDAV poll, {kind}"
        messages, expected = [], []
        for number, secret in enumerate(secrets):
            login = tenant.login(number)
            place = f"/dav/{quote(login)}/directory/"
            headers = {**dav.XML, "Depth": "0", **basic(login, secret if device else PASSWORD)}
            first = client.request("PROPFIND", place, headers, dav.POLL)
            if not any(
                properties.get(f"{dav.D}sync-token") for properties in dav.read(first.body, title).found.values()
            ):
                raise WrongAnswer(f"{title}: HTTP {first.status}, without a sync token", first.body)
            messages.append(client.message("PROPFIND", place, headers, dav.POLL))
            expected.append(first)
        measure(title, messages, expected)
    client.close()
    return results


def _provisioned(client: Client, login: str) -> str:
    """The device credential that a phone gets at sign-in."""
    body = urlencode({"username": login, "password": PASSWORD}).encode()
    answer = client.request("POST", "/provisioning", _FORM, body)
    secret = ElementTree.fromstring(answer.body).findtext("cloud_password") if answer.status == 200 else None
    if not secret or secret == PASSWORD:
        raise WrongAnswer(f"provisioning gives no device credential: HTTP {answer.status}", answer.body)
    return secret


def _check_face(question: _Question, answer: Answer, number: int) -> None:
    wanted = {
        "/auth": f"<uri>sip:sip{number}@",
        "/contacts": '"contacts":[',
    }.get(question.path, f"<cloud_username>u{number}</cloud_username>")
    if answer.status != 200 or wanted.encode() not in answer.body:
        raise WrongAnswer(f"{question.title}: HTTP {answer.status}", answer.head + answer.body)


def _looped(client: Client, messages: list[bytes], expected: list[Answer], pid: int, seconds: float) -> Figures:
    closed_loop(client, messages, expected, seconds / 8)
    before = processes.cpu_seconds([pid])
    loop = closed_loop(client, messages, expected, seconds)
    return {
        "req/s": loop.rate,
        "p50 ms": 1000 * percentile(loop.latencies, 0.5),
        "p99 ms": 1000 * percentile(loop.latencies, 0.99),
        "server CPU ms": 1000 * (processes.cpu_seconds([pid]) - before) / len(loop.latencies),
        "client CPU share": loop.cpu / loop.wall,
    }


def _documents(
    installation: Installation, tenant: Tenant, size: _Size, say: Callable[[str], None]
) -> dict[str, Figures]:
    """Whole documents: plain ones, and compressed ones where the server does that."""
    client = Client(processes.HOST, installation.port, basic(tenant.login(1), PASSWORD))
    results = {}
    for title, headers in (("as it is", {}), ("gzip accepted", {"Accept-Encoding": "gzip"})):
        answers = [client.request("GET", "/contacts", headers) for _ in range(max(3, 5 * size.runs))]
        for answer in answers:
            check_contacts(answer, tenant.network_id, tenant.users - 1)
        results[title] = {
            "first byte ms": 1000 * statistics.median(answer.first_byte for answer in answers),
            "total ms": 1000 * statistics.median(answer.seconds for answer in answers),
            "bytes": len(answers[0].body),
        }
        say(f"contacts JSON, {title}: {results[title]}")
    client.close()
    return results


def check_contacts(answer: Answer, network_id: str, count: int) -> None:
    """WrongAnswer unless it is a contacts document of so many people, each with the messaging identity."""
    body = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body
    if answer.status != 200 or not answer.header("ETag"):
        raise WrongAnswer(f"contacts: HTTP {answer.status}", answer.head + body)
    entries = json.loads(body)["contacts"]
    people = {entry.get("cloudUsername") for entry in entries if entry.get("networkId") == network_id}
    if len(entries) != count or len(people) != count:
        raise WrongAnswer(f"contacts: {len(entries)} entries of {len(people)} people, not {count}", body)


def _rename(installation: Installation, tenant: Tenant, say: Callable[[str], None]) -> Figures:
    login, new = tenant.login(1), f"{tenant.network_id}-renamed"
    with _reading(installation, login) as latencies:
        begun = time.perf_counter()
        installation.run("network", "set", tenant.network_id, "--network-id", new)
        seconds = time.perf_counter() - begun
    client = Client(processes.HOST, installation.port, basic(login, PASSWORD))
    check_contacts(client.request("GET", "/contacts"), new, tenant.users - 1)
    client.close()
    figures = {
        "seconds": seconds,
        "polls meanwhile": len(latencies),
        "p50 ms": 1000 * percentile(latencies, 0.5),
        "p99 ms": 1000 * percentile(latencies, 0.99),
        "slowest ms": 1000 * max(latencies),
    }
    say(f"rename of {tenant.users:,} cards: {figures}")
    return figures


@contextmanager
def _reading(installation: Installation, login: str) -> Iterator[list[float]]:
    """Polls one after the other beside the block; gives the list of their latencies. WrongAnswer if one failed."""
    latencies: list[float] = []
    failed: list[str] = []
    done = threading.Event()
    place = f"/dav/{quote(login)}/directory/"

    def read() -> None:
        client = Client(processes.HOST, installation.port, basic(login, PASSWORD))
        try:
            while not failed and (not done.is_set() or not latencies):
                answer = client.request("PROPFIND", place, {**dav.XML, "Depth": "0"}, dav.POLL)
                latencies.append(answer.seconds)
                if answer.status != 207:
                    failed.append(f"HTTP {answer.status}")
        except OSError as error:
            failed.append(str(error))
        finally:
            client.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield latencies
    finally:
        done.set()
        reader.join()
    if failed:
        raise WrongAnswer(f"a poll during the rename: {failed[0]}")
