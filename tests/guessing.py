"""Clients that guess passwords, in a process of their own: what they cost is not taken from whoever measures beside."""

from __future__ import annotations

import base64
import http.client
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

PROPFIND = b'<propfind xmlns="DAV:"><prop><sync-token/></prop></propfind>'


def basic(login: str, secret: str) -> dict[str, str]:
    """The header for credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()}


class Caller:
    """One connection of a client whose address the proxy tells."""

    def __init__(self, url: str, address: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
        self._headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}

    def poll(self, headers: dict[str, str], login: str = "acme~v0") -> int:
        """The status of a poll of the directory."""
        path = f"/dav/{login}/directory/"
        sent = {**self._headers, **headers, "Depth": "0", "Content-Type": "application/xml"}
        self._connection.request("PROPFIND", path, PROPFIND, sent)
        return self._status()

    def contacts(self, headers: dict[str, str]) -> int:
        """The status of the contacts."""
        self._connection.request("GET", "/contacts", headers={**self._headers, **headers})
        return self._status()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _status(self) -> int:
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


@contextmanager
def elsewhere() -> Iterator[None]:
    """For a client that measures: as if it had a core of its own, where the process may say so."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def guesses(url: str, guessers: int, victims: int, numbers: range) -> Counter[int]:
    """How many answers of each status: each guesser tries a password for each number, five of six for the victims
    v0, v1 … and one of six for a name that nobody has, and these count as status 0.
    """
    # What guessers compute would be computed elsewhere: it comes after everything else.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    ends: Counter[int] = Counter()

    def guess(guesser: int) -> Counter[int]:
        own: Counter[int] = Counter()
        with closing(Caller(url, f"203.0.113.{guesser + 1}")) as caller:
            for n in numbers:
                login = f"acme~v{n % victims}" if n % 6 else f"acme~nobody{guesser}-{n}"
                status = caller.contacts(basic(login, f"wrong-{guesser}-{n}"))
                own[status if n % 6 else 0] += 1
        return own

    with ThreadPoolExecutor(guessers) as pool:
        for own in pool.map(guess, range(guessers)):
            ends.update(own)
    return ends
