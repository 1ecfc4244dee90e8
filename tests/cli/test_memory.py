"""Memory that a worker no longer needs goes back to the system."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from pathlib import Path

from carddav_msg.cli.workers import tidy_up
from tests.servers import environment

MIB = 1024 * 1024
BLOCK, BLOCKS, KEPT = 60_000, 1000, 20


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Frees most of 60 MB, with blocks in use between, and tidies up once; says how many MiB are left before and then.

    One block of twenty stays.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for number, block in enumerate(blocks):
        if number % KEPT:
            libc.free(block)
    before = resident()
    pauses = iter([None])
    try:
        tidy_up(lambda _: next(pauses))
    except StopIteration:
        print(before // MIB, resident() // MIB)


def test_what_is_free_between_what_is_used_is_returned() -> None:
    """Of 57 MiB that were freed in pieces nearly all is gone."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.test_memory"],
        env=environment(None),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    before, after = map(int, done.stdout.split())
    assert before - after > 40


if __name__ == "__main__":
    main()
