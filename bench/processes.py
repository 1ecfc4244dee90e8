"""Servers under test as processes: started, waited for, their CPU and memory read, ended."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], log: Path, *, port: int, environ: Mapping[str, str] | None = None, user: str | None = None
) -> Iterator[int]:
    """Runs a command, gives its process id when the port takes connections, and ends it with all its children."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=environ,
            user=user,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        family = tree([process.pid])
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in family - {process.pid}:  # such as Cyrus' idle services, which outlive their master for a while
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return
        time.sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{log.stem} did not start:\n{tail}")


def tree(roots: Sequence[int]) -> set[int]:
    """The processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            children.setdefault(int(_stat(int(name))[1]), []).append(int(name))
    found: set[int] = set()
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, [])
    return found


def cpu_seconds(roots: Sequence[int]) -> float:
    """CPU time of the trees so far, with that of children that have ended; in steps of a clock tick (10 ms)."""
    total = 0
    for pid in tree(roots):
        with suppress(OSError):
            total += sum(map(int, _stat(pid)[11:15]))
    return total / _TICKS


def pss_mib(roots: Sequence[int]) -> float:
    """Memory of the trees: shared pages counted once, divided among those that share them."""
    total = 0
    for pid in tree(roots):
        with suppress(OSError):
            found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
            total += int(found[1]) if found else 0
    return total / 1024


def peak_mib(pid: int) -> float:
    """The most memory that a process has had so far."""
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command, which may have anything in it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
