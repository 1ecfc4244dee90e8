"""The worker processes of `serve`: granian's, with our listener, our logs and our way to take new settings.

Whatever the workers need is imported before the first one is forked, so that they share its memory; nothing is opened
then: no connection, no thread, no lock that somebody holds.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # its stubs lag behind

from carddav_msg import logs
from carddav_msg.cli.listener import BACKLOG
from carddav_msg.priorities import answer_soon

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from carddav_msg.bootstrap import Services
    from carddav_msg.entrance import Entrance
    from carddav_msg.settings import Settings

log: Final = logging.getLogger(__name__)

_LOGGERS: Final = ("_granian", "granian.access")
_CONNECTIONS: Final = 8192
"""Connections that one worker keeps open at the same time; those of idle phones cost some kilobytes each."""
_IDLE_MILLISECONDS: Final = 30_000
# A longer head is answered with 431: passwords in a query are short, and memory is not for strangers.
_HEAD: Final = 64 * 1024
_GRACE_SECONDS: Final = 30
_OVERLAP_SECONDS: Final = 1.0
_BEGUN_SECONDS: Final = 2.0
_PARTING_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.02
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_M_MMAP_THRESHOLD: Final = -3  # mallopt(3)
_M_ARENA_MAX: Final = -8


class Workers(Granian):  # type: ignore[misc,valid-type]  # the class is chosen when granian is imported
    """Processes that answer, each on its listener or all on one. SIGHUP replaces them one by one, SIGTERM lets them
    finish and ends them.

    `server` gives the services and the application of the moment, each time that a worker is started.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        settings: Settings,
        server: Callable[[], tuple[Services, Entrance]],
    ) -> None:
        super().__init__(
            target="carddav-msg",
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.threads,
            runtime_mode=RuntimeModes.st,
            loop=Loops.asyncio,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=_CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS, max_buffer_size=_HEAD),
            log_level=LogLevels.error,
            respawn_failed_workers=True,
            respawn_interval=_OVERLAP_SECONDS,
            workers_kill_timeout=_GRACE_SECONDS,
        )
        self._listeners = listeners
        self._server = server

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        _give_memory_back()
        self.on_startup(self._prepare)
        self.on_reload(self._prepare)
        self.serve(target_loader=self._application, wrap_loader=False)

    def _prepare(self) -> None:
        """Before workers are forked: what they have in common is complete, and stays where it is."""
        import phonenumbers  # noqa: F401  # the first card that is written would import it, in each worker

        logs.adopt(*_LOGGERS)
        gc.collect()
        gc.freeze()  # the collector would write to every object, and so give each worker its own copy

    def _application(self) -> WSGIApplication:
        """Called in each worker, behind the fork."""
        from carddav_msg.wsgi import begin

        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # in each thread begun from here on: one waits for them
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not our parent's; granian puts its own there when it begins
        answer_soon()
        for listener in self._listeners:
            if listener is not self._sso:  # nobody here would take what comes there
                listener.close()
        services, application = self._server()
        logs.configure(services.settings.log_level)
        logs.adopt(*_LOGGERS)
        begin(services)
        threading.Thread(target=self._end_gently, args=(application,), name="farewell", daemon=True).start()
        return application

    def _end_gently(self, application: Entrance) -> None:
        """Waits for the signal that ends a worker, and takes leave before granian does what it does then.

        It would close a connection that it took a moment ago, with a request on its way. So the worker first takes no
        more, in favour of whoever else has the listener, and answers what comes on those it has.
        """
        signal.sigwait(_ENDING)
        while not callable(end := signal.getsignal(signal.SIGTERM)):  # granian has not begun yet
            time.sleep(_POLL_SECONDS)
        try:
            application.close_connections()
            until = time.monotonic() + _PARTING_SECONDS
            while not _leave(self._sso) and time.monotonic() < until:  # granian has not come so far
                time.sleep(_POLL_SECONDS)
            time.sleep(_PARTING_SECONDS)
        finally:
            end(signal.SIGTERM, None)

    def _init_shared_socket(self) -> None:
        """On Linux granian would open a listener in each worker, and lose the queue of one that ends."""

    def _drop_shared_socket(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        self._sso = self._listeners[idx % len(self._listeners)]
        self._shd = SocketHolder(self._sso.fileno(), self._sso.family == socket.AF_UNIX, BACKLOG)  # type: ignore[call-arg]
        return super()._spawn_worker(idx, target, callback_loader)

    def _respawn_workers(self, workers: Sequence[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replaces workers one by one. granian's own goes on with that when the server is told to end meanwhile, and it
        takes a worker that dies soon after a reload for one that never works.
        """
        for idx in workers:
            if self.interrupt_signal:
                break
            old, new = self.wrks[idx], self._spawn_worker(idx, spawn_target, target_loader)
            new.start()
            self.wrks[idx] = new
            if not delay:  # it died
                self.respawned_wrks[idx] = time.monotonic()
            self._wait(delay)
            if not new.is_alive() and old.is_alive():
                log.error("A new worker ended at once, so the old one stays.")
                self.wrks[idx] = old
                self._forget(new)
                continue
            old.terminate()
            self._wait(_GRACE_SECONDS, old)
            if self.interrupt_signal:
                self.wrks.append(old)
                break
            if old.is_alive():
                old.kill()
            old.join()
        if self.interrupt_signal or self.reload_signal or self.interrupt_children:
            self.main_loop_interrupt.set()  # it was cleared here, or for the reload, and there is more to do

    def _forget(self, worker: Any) -> None:
        """Nobody is to be started because this worker ended, whether that was noticed yet or not."""
        worker.interrupt_by_parent = True
        self._wait(_POLL_SECONDS)  # granian's thread that notices it may be about to say so
        while worker.idx in self.interrupt_children:
            self.interrupt_children.remove(worker.idx)
        self.main_loop_interrupt.clear()

    def _wait(self, seconds: float, *workers: Any) -> None:
        """For so long, or until these workers have ended or the server is told to end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.interrupt_signal:
            if workers and not any(worker.is_alive() for worker in workers):
                return
            time.sleep(_POLL_SECONDS)

    def _stop_workers(self) -> None:
        # A worker that is just beginning can lose the signal; granian sends it once more, and waits.
        for worker in self.wrks:
            worker.terminate()
        self._drop_shared_socket()  # who comes now is refused, and goes to another server, if there is one
        until = time.monotonic() + _BEGUN_SECONDS
        while time.monotonic() < until and any(worker.is_alive() for worker in self.wrks):
            time.sleep(_POLL_SECONDS)
        super()._stop_workers()
        if self.interrupt_signal:
            self.interrupt_children.clear()  # they were told to end, too, and did so before us


def _leave(listener: socket.socket) -> bool:
    """Makes this process have no part in the listener any more, in favour of whoever else has it; False when granian's
    runtime does not wait for it yet. Elsewhere than on Linux nothing can be done, and nothing is to be waited for.

    First it is taken out of what the runtime waits for: to close it would not do, since it is reported as long as
    another process holds it. When the runtime wants to take it out itself it learns that it is gone. Then a socket that
    nobody knows takes its number, which the runtime still uses and will close.
    """
    if sys.platform != "linux":
        return True
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind("")  # a name that the kernel makes up
        nobody.listen(0)
        nobody.setblocking(False)
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                if os.readlink(entry) != "anon_inode:[eventpoll]":
                    continue
                said = Path(f"/proc/self/fdinfo/{entry.name}").read_text("ascii")
                if str(listener.fileno()) not in re.findall(r"^tfd:\s*(\d+)", said, re.MULTILINE):
                    continue
                with select.epoll.fromfd(os.dup(int(entry.name))) as runtime:
                    runtime.unregister(listener)
                os.dup2(nobody.fileno(), listener.fileno())
                return True
    return False


def _give_memory_back() -> None:
    """Makes glibc return what a password hash used (19 MiB) instead of keeping it, in each thread that ever hashed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other libraries of C return it anyway
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        mallopt(_M_ARENA_MAX, 2)
