"""One HTTP client for all servers: raw sockets kept alive, each request one send, acknowledged at once.

The clock runs from the send to the last byte; whoever calls looks at the answer afterwards.
"""

from __future__ import annotations

import base64
import os
import re
import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bench.errors import WrongAnswer

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_PART: Final = 1 << 18
_PATIENCE: Final = 600.0


class ConnectionLost(ConnectionError):
    """The server closed a connection before the end of an answer."""


@dataclass(slots=True)
class Answer:
    """An answer with its body put together."""

    status: int
    head: bytes
    body: bytes
    closes: bool
    seconds: float = 0.0
    first_byte: float = 0.0

    def header(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        found = re.search(rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else ""


@dataclass(slots=True)
class Meter:
    """What the requests of a stretch cost this side."""

    seconds: float = 0.0
    cpu: float = 0.0
    requests: int = 0
    received: int = 0

    @property
    def share(self) -> float:
        """CPU of the client per second of waiting: near 1 the client is what is measured."""
        return self.cpu / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class Client:
    """Asks one server over one connection at a time. Not for several threads."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    meter: Meter = field(default_factory=Meter)
    _socket: socket.socket | None = None

    def message(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
        """The bytes of a request."""
        lines = {"Host": f"{self.host}:{self.port}", **self.headers, **(headers or {})}
        if body or method in ("PUT", "POST", "PROPFIND", "REPORT"):
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Sends and waits for the answer; a kept connection that the server closed meanwhile is made anew."""
        message = self.message(method, path, headers, body)
        cpu, begun = time.process_time(), time.perf_counter()
        answer = self._exchange(message, bodyless=method == "HEAD", begun=begun)
        answer.seconds = time.perf_counter() - begun
        self.meter.seconds += answer.seconds
        self.meter.cpu += time.process_time() - cpu
        self.meter.requests += 1
        self.meter.received += len(answer.head) + len(answer.body)
        return answer

    def _exchange(self, message: bytes, *, bodyless: bool, begun: float) -> Answer:
        for last in (False, True):
            kept = self._socket is not None
            try:
                if self._socket is None:
                    self._socket = self.connect()
                self._socket.sendall(message)
                answer = _receive(self._socket, bodyless=bodyless, begun=begun)
                if answer.closes:
                    self.close()
                return answer
            except ConnectionError:
                self.close()
                if last or not kept:
                    raise
        raise AssertionError("not reached")

    def connect(self) -> socket.socket:
        """A new connection."""
        made = socket.create_connection((self.host, self.port), timeout=_PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(made, server_hostname=self.host) if self.tls else made

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @contextmanager
    def measured(self) -> Iterator[Meter]:
        """A meter of its own for a stretch of requests."""
        outer, self.meter = self.meter, Meter()
        try:
            yield self.meter
        finally:
            self.meter = outer


def basic(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _receive(source: socket.socket, *, bodyless: bool, begun: float) -> Answer:
    buffer = bytearray()
    _more(source, buffer)
    first = time.perf_counter() - begun
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        _more(source, buffer)
    head, start = bytes(buffer[: end + 2]), end + 4
    status, lower = int(head[9:12]), head.lower()
    closes = b"\r\nconnection: close" in lower or (head.startswith(b"HTTP/1.0") and b"keep-alive" not in lower)
    length = _LENGTH.search(head)
    if bodyless or status in (204, 304):
        body = b""
    elif b"\r\ntransfer-encoding: chunked" in lower:
        body = _chunks(source, buffer, start)
    elif length:
        body = _counted(source, buffer, start, int(length[1]))
    else:
        closes, body = True, _to_the_end(source, buffer, start)
    return Answer(status, head, body, closes, first_byte=first)


def _more(source: socket.socket, buffer: bytearray) -> None:
    # Without this, a server that writes small pieces waits 40 ms for an acknowledgement that the kernel holds back.
    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    part = source.recv(_PART)
    if not part:
        raise ConnectionLost
    buffer += part


def _counted(source: socket.socket, buffer: bytearray, start: int, length: int) -> bytes:
    got = len(buffer)
    if got < start + length:
        buffer += bytes(start + length - got)
        with memoryview(buffer) as view:
            while got < len(view):
                received = source.recv_into(view[got:])
                if not received:
                    raise ConnectionLost
                got += received
    return bytes(buffer[start : start + length])


def _chunks(source: socket.socket, buffer: bytearray, position: int) -> bytes:
    parts: list[bytes] = []
    while True:
        while (end := buffer.find(b"\r\n", position)) < 0:
            _more(source, buffer)
        size = int(buffer[position:end].split(b";")[0], 16)
        position = end + 2
        while len(buffer) < position + size + 2:
            _more(source, buffer)
        if not size:
            return b"".join(parts)
        parts.append(bytes(buffer[position : position + size]))
        position += size + 2
        if position > 4 * _PART:
            del buffer[:position]
            position = 0


def _to_the_end(source: socket.socket, buffer: bytearray, start: int) -> bytes:
    while part := source.recv(_PART):
        buffer += part
    return bytes(buffer[start:])


@dataclass(slots=True)
class Loop:
    """What a closed loop saw."""

    latencies: list[float]
    wall: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.wall


def closed_loop(
    client: Client, messages: list[bytes], expected: list[Answer], seconds: float, *, least: int = 10
) -> Loop:
    """Drives as many connections as there are messages, each with its own, the next as soon as the answer is there.

    Every answer has to be the expected one, to the byte. Runs for `seconds`, longer (12 times at most) until there are
    `least` answers.
    """
    return _ClosedLoop(client, messages, expected, seconds, least).run()


@dataclass(slots=True)
class _Line:
    """A connection of a loop: `tail` is the last piece of the right answer as it comes over the wire, once known."""

    number: int
    socket: socket.socket
    begun: float
    buffer: bytes = b""
    tail: bytes = b""
    start: bytes = b""
    connecting: bool = True


class _ClosedLoop:
    def __init__(
        self, client: Client, messages: list[bytes], expected: list[Answer], seconds: float, least: int
    ) -> None:
        self._client, self._messages, self._expected = client, messages, expected
        self._seconds, self._least = seconds, least
        self._poll = select.epoll()
        self._lines: dict[int, _Line] = {}
        self._latencies: list[float] = []

    def run(self) -> Loop:
        cpu, begun = time.process_time(), time.perf_counter()
        try:
            for number in range(len(self._messages)):
                self._open(number, time.perf_counter())
            self._run(begun)
            return Loop(self._latencies, time.perf_counter() - begun, time.process_time() - cpu)
        finally:
            for line in self._lines.values():
                line.socket.close()
            self._poll.close()

    def _run(self, begun: float) -> None:
        lines, latencies, clock = self._lines, self._latencies, time.perf_counter
        until, latest = begun + self._seconds, begun + 12 * self._seconds
        while True:
            ready = self._poll.poll(_PATIENCE)
            if not ready:
                raise WrongAnswer(f"no answer within {_PATIENCE:.0f} s")
            for number, _ in ready:
                line = lines[number]
                if line.connecting:
                    self._connected(line)
                    continue
                part = line.socket.recv(_PART)
                buffer = line.buffer = line.buffer + part if line.buffer else part
                if not (line.tail and buffer.startswith(line.start) and buffer.endswith(line.tail)):
                    if not part and not buffer:  # closed while idle: the same question again, with the clock running
                        self._reopen(line, line.begun)
                        continue
                    if not self._complete(line, ended=not part):
                        continue
                now = clock()
                latencies.append(now - line.begun)
                if now >= until and (len(latencies) >= self._least or now >= latest):
                    return
                if self._expected[line.number].closes:
                    self._reopen(line, now)
                else:
                    line.buffer, line.begun = b"", clock()
                    line.socket.sendall(self._messages[line.number])

    def _complete(self, line: _Line, *, ended: bool) -> bool:
        """Whether the buffer is a whole answer; WrongAnswer if it is another than the expected one."""
        end = line.buffer.find(b"\r\n\r\n")
        expected = self._expected[line.number]
        if end < 0:
            if ended:
                raise WrongAnswer("the connection was closed within an answer", line.buffer)
            return False
        try:
            answer = _receive(_Replay(line.buffer), bodyless=False, begun=0.0)  # type: ignore[arg-type]
        except ConnectionLost:
            if ended:
                raise WrongAnswer("the connection was closed within an answer", line.buffer) from None
            return False
        if answer.closes and not ended and not expected.closes:
            raise WrongAnswer("the server closes connections only now and then", line.buffer)
        if expected.closes and not ended and not _LENGTH.search(line.buffer, 0, end + 2):
            return False
        if answer.status != expected.status or answer.body != expected.body:
            raise WrongAnswer("another answer than the first time", line.buffer)
        if not expected.closes:
            line.start, line.tail = line.buffer[:12], line.buffer[end:]
        return True

    def _open(self, number: int, begun: float) -> None:
        """Begins to connect; a server that takes its time with that must not hold up the other lines."""
        made = socket.socket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        made.connect_ex((self._client.host, self._client.port))
        self._poll.register(made.fileno(), select.EPOLLOUT)
        self._lines[made.fileno()] = _Line(number, made, begun)

    def _connected(self, line: _Line) -> None:
        if error := line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ConnectionError(f"the server takes no connection: {os.strerror(error)}")
        line.connecting = False
        line.socket.setblocking(True)
        self._poll.modify(line.socket.fileno(), select.EPOLLIN)
        line.socket.sendall(self._messages[line.number])

    def _reopen(self, line: _Line, begun: float) -> None:
        self._poll.unregister(line.socket.fileno())
        del self._lines[line.socket.fileno()]
        line.socket.close()
        self._open(line.number, begun)


class _Replay:
    """The bytes that have come so far, as a socket that is closed behind them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def setsockopt(self, *_: object) -> None:
        """There is no socket."""

    def recv(self, size: int) -> bytes:
        """The next bytes."""
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part

    def recv_into(self, view: memoryview) -> int:
        """The next bytes, into a buffer."""
        part = self.recv(len(view))
        view[: len(part)] = part
        return len(part)
