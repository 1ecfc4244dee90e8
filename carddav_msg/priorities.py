"""Which of our threads go first when cores are scarce (Linux; elsewhere nothing happens).

A thread that hashes is at work for longer than the kernel's slice of time, and since Linux 6.6 a slice once begun is
kept, also by a thread of low priority. Threads whose slices are shorter may interrupt it since Linux 6.12
(Documentation/scheduler/sched-eevdf.rst), so those that answer get short ones.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from typing import Final

_NICE: Final = 10
_SHORT: Final = 100_000  # nanoseconds, the least there is
_USUAL: Final = 3_000_000
_CALLS: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""sched_setattr(2), which no C library had a name for before glibc 2.41."""


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of linux/sched/types.h, as it was at first."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    )


def answer_soon() -> None:
    """For the process that answers, before its threads begin: they inherit it."""
    if sys.platform == "linux":
        _set_slice(_SHORT)


def step_back() -> None:
    """For a thread that hashes: everything else of the machine goes before."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, max(_NICE, os.getpriority(os.PRIO_PROCESS, own)))
        _set_slice(_USUAL)


def _set_slice(nanoseconds: int) -> None:
    """For this thread, unless an operator chose how it is scheduled. Kernels that know no slices, or forbid to choose
    them, leave all as it is.
    """
    number = _CALLS.get(platform.machine())
    usual = os.sched_getscheduler(0) == os.SCHED_OTHER
    if usual and number is not None and sys.maxsize > 2**32:  # a 32-bit program has other numbers
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        size = ctypes.sizeof(_Attributes)
        attributes = _Attributes(size=size, sched_nice=nice, sched_runtime=nanoseconds)
        ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), 0)
