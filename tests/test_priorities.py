"""Who answers may interrupt who hashes."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from carddav_msg import priorities

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priorities of their own")


def _after(act: Callable[[], None]) -> tuple[int, int]:
    """(nice, slice in nanoseconds or 0 where the kernel tells none) of a thread that did it."""

    def work() -> tuple[int, int]:
        act()
        attributes = priorities._Attributes()
        number = priorities._CALLS[platform.machine()] + 1  # sched_getattr(2)
        done = ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
        assert done == 0
        return attributes.sched_nice, attributes.sched_runtime

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_who_hashes_steps_back_and_nobody_else_does() -> None:
    """Only the thread that asks for it is moved; slices are shorter for who answers, where kernels have them."""
    nice, usual = _after(priorities.step_back)
    own, short = _after(priorities.answer_soon)
    assert nice == 10
    assert own == os.getpriority(os.PRIO_PROCESS, 0)
    assert short <= usual
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    if release >= (6, 12):
        assert short == 100_000
        assert usual == 3_000_000


def test_another_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the number of the call is not known, nothing is called; where it is, it is."""
    called: list[object] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: called.append(name) or ctypes.PyDLL(name))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(priorities.answer_soon).result()
        assert len(called) == 1
        monkeypatch.setattr(platform, "machine", lambda: "pdp11")
        pool.submit(priorities.answer_soon).result()
    assert len(called) == 1
