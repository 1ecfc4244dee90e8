"""Phones on a bad line: they read a whole sync at some kilobytes a second while others poll."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench import dav, processes
from bench.client import Client, basic
from bench.errors import WrongAnswer
from bench.operations import Bench, Figures, poll

READERS: Final = 16
_PIECE: Final = 2048
_PAUSE: Final = 0.2  # with the piece above: 10 KB a second
_QUESTIONS: Final = 8
"""Asked at once: the kernel keeps some megabytes that nobody has read yet, so one answer would be slow for nobody."""


class _Reader(threading.Thread):
    """Asks for everything, more than once, and takes it slowly until told to end."""

    def __init__(self, port: int, message: bytes, end: threading.Event) -> None:
        super().__init__()
        self._port = port
        self._message = message
        self._end = end
        self.taken = b""

    def run(self) -> None:
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel would take all of it at once
            line.connect((processes.HOST, self._port))
            line.sendall(self._message * _QUESTIONS)
            self.taken = line.recv(_PIECE)
            while self.taken and not self._end.wait(_PAUSE):
                line.recv(_PIECE)


@contextmanager
def readers(bench: Bench, count: int = READERS) -> Iterator[list[_Reader]]:
    """Slow readers of the whole book, of which each has got its first bytes."""
    target = bench.target
    client = Client(processes.HOST, target.port, basic(target.user, target.password) if target.user else {})
    message = client.message("REPORT", bench.place("sync"), {**dav.XML, "Depth": "0"}, dav.sync(""))
    end = threading.Event()
    there = [_Reader(target.port, message, end) for _ in range(count)]
    for reader in there:
        reader.start()
    try:
        while not all(reader.taken for reader in there):
            if not all(reader.is_alive() for reader in there):
                raise WrongAnswer("slow readers: a connection was lost before its first byte")
            end.wait(0.01)
        for reader in there:
            if not re.match(rb"HTTP/1\.[01] 207 ", reader.taken):
                raise WrongAnswer("slow readers: another answer than 207", reader.taken)
        yield there
    finally:
        end.set()
        for reader in there:
            reader.join()


def beside_slow_readers(bench: Bench) -> Figures:
    """The poll of one connection, first alone and then beside the readers."""
    quiet = poll(bench, 1)
    with readers(bench):
        beside = poll(bench, 1)
    return {
        "quiet_p99_ms": quiet["p99_ms"],
        "p99_ms": beside["p99_ms"],
        "times": beside["p99_ms"] / quiet["p99_ms"],
        "client_cpu_share": beside["client_cpu_share"],
    }
