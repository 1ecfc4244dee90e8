"""The operations that are timed on one address book, each with a strict look at every answer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from bench import dav, processes
from bench.cards import Contact, contacts
from bench.client import Answer, Client, basic, closed_loop
from bench.errors import WrongAnswer

BATCH: Final = 500
"""Cards that a multiget asks for at a time."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """A server that runs: where its address book is, and which processes are its own.

    `static`: answers are prepared, and each kind of question has an address of its own below the book's.
    """

    name: str
    port: int
    path: str
    user: str = ""
    password: str = ""
    pids: tuple[int, ...] = ()
    static: bool = False
    facts: str = ""
    mkcol: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done in one run."""

    seconds: float = 4.0
    writes: int = 200
    deltas: int = 20
    queries: int = 10


@dataclass(slots=True)
class Bench:
    """One address book with its N contacts."""

    target: Target
    contacts: Sequence[Contact]
    effort: Effort
    client: Client = field(init=False)
    revisions: dict[str, int] = field(default_factory=dict)
    names: dict[str, Contact] = field(init=False)
    idle_mib: float = field(init=False)

    def __post_init__(self) -> None:
        credentials = basic(self.target.user, self.target.password) if self.target.user else {}
        self.client = Client(processes.HOST, self.target.port, credentials)
        self.names = {contact.href: contact for contact in self.contacts}
        self.idle_mib = processes.pss_mib(self.target.pids)

    def place(self, kind: str) -> str:
        """Where a kind of question goes."""
        return self.target.path + kind if self.target.static else self.target.path

    def ask(self, method: str, kind: str, body: bytes, depth: str = "0") -> Answer:
        """A question with an XML body, answered with a multistatus."""
        answer = self.client.request(method, self.place(kind), {**dav.XML, "Depth": depth}, body)
        if answer.status != 207:
            raise WrongAnswer(f"{method} {kind}: HTTP {answer.status}", answer.head + answer.body)
        return answer

    def put(self, contact: Contact, revision: int = 0, *, new: bool = False) -> Answer:
        """Stores a revision of a contact; a new one only where nothing is yet."""
        headers = {**dav.VCARD, "If-None-Match": "*"} if new else dav.VCARD
        return self.client.request("PUT", self.target.path + contact.href, headers, contact.vcard(revision).encode())

    @contextmanager
    def clocked(self) -> Iterator[Figures]:
        """Figures that have, at the end, the time inside requests and the CPU of both sides."""
        figures: Figures = {}
        before = processes.cpu_seconds(self.target.pids)
        with self.client.measured() as meter:
            yield figures
        figures["seconds"] = meter.seconds
        figures["client_cpu_share"] = meter.share
        figures["server_cpu_s"] = processes.cpu_seconds(self.target.pids) - before

    def populate(self) -> None:
        """Makes the book where that is needed, and stores the contacts."""
        if self.target.mkcol:
            answer = self.client.request("MKCOL", self.target.path, dav.XML, dav.MKCOL)
            if answer.status != 201:
                raise WrongAnswer(f"MKCOL: HTTP {answer.status}", answer.body)
        for contact in self.contacts:
            answer = self.put(contact)
            if answer.status not in (201, 204):
                raise WrongAnswer(f"PUT: HTTP {answer.status}", answer.head + answer.body)

    def check_names(self, found: dict[str, dict[str, str]], what: str) -> None:
        """WrongAnswer unless exactly the book's contacts are there, each with an etag."""
        missing, strange = self.names.keys() - found.keys(), found.keys() - self.names.keys()
        if missing or strange:
            raise WrongAnswer(
                f"{what}: {len(missing)} cards are missing, {len(strange)} are strange: {found.keys()}"[:600]
            )
        if not all(properties.get(dav.D + "getetag") for properties in found.values()):
            raise WrongAnswer(f"{what}: an etag is missing")

    def check_card(self, name: str, properties: dict[str, str], known: dict[str, Contact] | None = None) -> None:
        """WrongAnswer unless the card is there with all that it was stored with."""
        text = properties.get(dav.CARD + "address-data", "")
        (known or self.names)[name].check(text, self.revisions.get(name, 0))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def poll(bench: Bench, connections: int) -> Figures:
    """PROPFIND Depth 0 of getctag and sync-token in a closed loop."""
    first = bench.ask("PROPFIND", "poll", dav.POLL)
    found = dav.read(first.body, "poll").found
    if len(found) != 1 or not all(
        properties.get(dav.CS + "getctag") and properties.get(dav.D + "sync-token") for properties in found.values()
    ):
        raise WrongAnswer("poll: one response with getctag and sync-token is needed", first.body)
    message = bench.client.message("PROPFIND", bench.place("poll"), {**dav.XML, "Depth": "0"}, dav.POLL)
    messages, expected, seconds = [message] * connections, [first] * connections, bench.effort.seconds
    closed_loop(bench.client, messages, expected, seconds / 8)  # servers fork and open what they need
    before = processes.cpu_seconds(bench.target.pids)
    loop = closed_loop(bench.client, messages, expected, seconds)
    spent = processes.cpu_seconds(bench.target.pids) - before
    return {
        "rps": loop.rate,
        "p50_ms": 1000 * percentile(loop.latencies, 0.5),
        "p99_ms": 1000 * percentile(loop.latencies, 0.99),
        "client_cpu_share": loop.cpu / loop.wall,
        "server_cpu_ms": 1000 * spent / len(loop.latencies),
        "bytes": len(first.body),
    }


def listing(bench: Bench) -> Figures:
    """PROPFIND Depth 1 of getetag."""
    with bench.clocked() as figures:
        answer = bench.ask("PROPFIND", "list", dav.LIST, "1")
    bench.check_names(dav.read(answer.body, "list").members(bench.target.path), "list")
    return {
        **figures,
        "ms": 1000 * figures["seconds"],
        "first_byte_ms": 1000 * answer.first_byte,
        "bytes": len(answer.body),
    }


def _synced(bench: Bench, kind: str, token: str) -> tuple[list[str], str, list[bytes]]:
    """Hrefs, token and bodies of a sync-collection, gone on with where an answer was truncated."""
    hrefs, bodies = [], []
    while True:
        body = bench.ask("REPORT", kind, dav.sync(token)).body
        named, token = dav.quick(body)
        bodies.append(body)
        hrefs += [href for href in named if not href.endswith("/")]
        if b" 507 " not in body:
            return hrefs, token, bodies


def initial(bench: Bench) -> Figures:
    """sync-collection without a token, then multiget of all cards, 500 at a time."""
    got = []
    with bench.clocked() as figures:
        hrefs, _, bodies = _synced(bench, "sync", "")
        report = bench.client.meter.seconds
        if any(b" 404 " in body for body in bodies):  # servers that list deleted cards even now: not asked for again
            gone = frozenset[str]().union(*(dav.read(body, "sync").gone for body in bodies))
            hrefs = [href for href in hrefs if unquote(href) not in gone]
        for number, start in enumerate(range(0, len(hrefs), BATCH)):
            got.append(bench.ask("REPORT", f"multiget-{number}", dav.multiget(hrefs[start : start + BATCH])).body)
    listed: dict[str, dict[str, str]] = {}
    for body in bodies:
        listed |= dav.read(body, "sync").members(bench.target.path)
    bench.check_names(listed, "sync")
    cards: dict[str, dict[str, str]] = {}
    for body in got:
        cards |= dav.read(body, "multiget").members(bench.target.path)
    bench.check_names(cards, "multiget")
    for name, properties in cards.items():
        bench.check_card(name, properties)
    return {
        **figures,
        "report_ms": 1000 * report,
        "multiget_ms": 1000 * (figures["seconds"] - report) / len(got),
        "bytes": sum(map(len, bodies + got)),
    }


def first(bench: Bench) -> Figures:
    """List and initial sync of a state that nobody has asked for before: each right after a change of one card."""
    answers = []
    for number, operation in enumerate((listing, initial)):
        if not bench.target.static:
            _overwrite(bench, bench.contacts[number])
        answers.append(operation(bench))
    listed, loaded = answers
    return {
        "list_ms": listed["ms"],
        "initial_s": loaded["seconds"],
        "multiget_ms": loaded["multiget_ms"],
        "client_cpu_share": max(listed["client_cpu_share"], loaded["client_cpu_share"]),
    }


def delta(bench: Bench) -> Figures:
    """After a change of one card: sync-collection with the token from before, then multiget of what it names."""
    _, token, _ = _synced(bench, "sync", "")
    seconds, overwrites, shares, spent = [], [], [], 0.0
    for turn in range(bench.effort.deltas):
        contact = bench.contacts[(turn * 7919 + 13) % len(bench.contacts)]
        if not bench.target.static:
            overwrites.append(_overwrite(bench, contact))
        with bench.clocked() as figures:
            hrefs, after, _ = _synced(bench, "delta-sync", token)
            answer = bench.ask("REPORT", "delta-multiget", dav.multiget(hrefs))
        members = dav.read(answer.body, "delta").members(bench.target.path)
        if len(hrefs) != 1 or len(members) != 1:
            raise WrongAnswer(f"delta: {len(hrefs)} changes and {len(members)} cards, not 1 and 1", answer.body)
        if not bench.target.static:
            if after == token or members.keys() != {contact.href}:
                raise WrongAnswer("delta: the token of before, or another card than the changed one", answer.body)
            bench.check_card(contact.href, members[contact.href])
            token = after
        seconds.append(figures["seconds"])
        shares.append(figures["client_cpu_share"])
        spent += figures["server_cpu_s"]
    result = {
        "ms": 1000 * statistics.median(seconds),
        "client_cpu_share": statistics.median(shares),
        "server_cpu_ms": 1000 * spent / len(seconds),
    }
    if overwrites:
        result["put_over_ms"] = 1000 * statistics.median(overwrites)
    return result


def _overwrite(bench: Bench, contact: Contact) -> float:
    revision = bench.revisions.get(contact.href, 0) + 1
    answer = bench.put(contact, revision)
    if answer.status not in (200, 201, 204):
        raise WrongAnswer(f"PUT over a card: HTTP {answer.status}", answer.head + answer.body)
    bench.revisions[contact.href] = revision
    return answer.seconds


def writes(bench: Bench) -> Figures:
    """PUT of new cards with `If-None-Match: *` one after the other, and their DELETE."""
    new = contacts(bench.effort.writes, "new")
    stored = []
    with bench.clocked() as figures:
        for contact in new:
            answer = bench.put(contact, new=True)
            if answer.status not in ((201, 204) if bench.target.static else (201,)):
                raise WrongAnswer(f"PUT: HTTP {answer.status}", answer.head + answer.body)
            stored.append(answer.seconds)
    if not bench.target.static:
        _check_stored(bench, new)
    deleted = []
    for contact in new:
        answer = bench.client.request("DELETE", bench.target.path + contact.href)
        if answer.status not in (200, 204):
            raise WrongAnswer(f"DELETE: HTTP {answer.status}", answer.head + answer.body)
        deleted.append(answer.seconds)
    if not bench.target.static and bench.client.request("GET", bench.target.path + new[0].href).status != 404:
        raise WrongAnswer("GET of a deleted card: not HTTP 404")
    return {
        "put_ms": 1000 * statistics.mean(stored),
        "put_p99_ms": 1000 * percentile(stored, 0.99),
        "delete_ms": 1000 * statistics.mean(deleted),
        "client_cpu_share": figures["client_cpu_share"],
        "server_cpu_ms": 1000 * figures["server_cpu_s"] / len(new),
    }


def _check_stored(bench: Bench, new: Sequence[Contact]) -> None:
    status = bench.put(new[0], new=True).status
    if status != 412:
        raise WrongAnswer(f"PUT with If-None-Match: * over a card: HTTP {status}, not 412")
    named = {contact.href: contact for contact in new[:BATCH]}
    body = bench.ask("REPORT", "", dav.multiget(bench.target.path + name for name in named)).body
    members = dav.read(body, "multiget of new cards").members(bench.target.path)
    if members.keys() != named.keys():
        raise WrongAnswer("PUT: not all new cards are there", body)
    for name, properties in members.items():
        bench.check_card(name, properties, named)


def query(bench: Bench) -> Figures:
    """addressbook-query: FN contains a word (i;unicode-casemap) that ten cards have."""
    seconds, shares, spent = [], [], 0.0
    wanted = {contact.href for contact in bench.contacts if contact.marked}
    for _ in range(bench.effort.queries):
        with bench.clocked() as figures:
            answer = bench.ask("REPORT", "query", dav.QUERY, "1")
        members = dav.read(answer.body, "query").members(bench.target.path)
        if members.keys() != wanted:
            raise WrongAnswer(f"query: {len(members)} hits, not {len(wanted)}", answer.body)
        for name, properties in members.items():
            bench.check_card(name, properties)
        seconds.append(figures["seconds"])
        shares.append(figures["client_cpu_share"])
        spent += figures["server_cpu_s"]
    return {
        "ms": 1000 * statistics.median(seconds),
        "client_cpu_share": statistics.median(shares),
        "server_cpu_ms": 1000 * spent / len(seconds),
    }


def memory(bench: Bench) -> Figures:
    """What the server's processes hold after all of it, and held before the first card."""
    return {"pss_mib": processes.pss_mib(bench.target.pids), "idle_mib": bench.idle_mib}


ALONE: Final[dict[str, Callable[[Bench], Figures]]] = {
    "poll_1": lambda bench: poll(bench, 1),
    "poll_8": lambda bench: poll(bench, 8),
    "list": listing,
    "initial": initial,
    "first": first,
    "delta": delta,
    "writes": writes,
    "query": query,
    "memory": memory,
}
"""The operations that ask alone, by their names, in the order in which they run."""
