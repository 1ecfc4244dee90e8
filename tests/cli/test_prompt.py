"""The password prompt, on a real terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

from carddav_msg.bootstrap import Services
from carddav_msg.services.authentication import Face
from carddav_msg.settings import Settings
from tests.cli.conftest import Command
from tests.servers import environment

PATIENCE = 30.0
_ON_TERMINAL = """
import os, runpy
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first terminal that a new session opens is its own
runpy.run_module("carddav_msg", run_name="__main__", alter_sys=True)
"""


class Terminal:
    """A program on a terminal of its own: what it shows is read, what it asks is answered."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self.shown = ""
        self._terminal, other_end = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *arguments],
            env=environment(settings) | {"TERM": "xterm", "COLUMNS": "100"},
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            start_new_session=True,
        )
        os.close(other_end)

    def answer(self, question: str, text: str) -> None:
        """Waits for a question and answers it."""
        seen = len(self.shown)
        until = time.monotonic() + PATIENCE
        while question not in self.shown[seen:]:
            assert time.monotonic() < until, self.shown
            assert self._read(), self.shown
        os.write(self._terminal, text.encode() + b"\n")

    def finish(self) -> int:
        """Reads to the end and gives the exit code."""
        while self._read():
            pass
        os.close(self._terminal)
        return self._process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # Linux: the program has ended
            return False
        self.shown += data.decode()
        return bool(data)


def test_the_password_is_asked_twice_and_never_shown(acme: Command, settings: Settings, services: Services) -> None:
    """`user add` without an option asks, asks again after two that differ, and shows nothing that is typed."""
    terminal = Terminal(settings, "user", "add", "acme", "bert", "--display-name", "Bert")
    terminal.answer("Password: ", "canary-one")
    terminal.answer("The same again: ", "canary-two")
    terminal.answer("Password: ", "canary-one")
    terminal.answer("The same again: ", "canary-one")
    assert terminal.finish() == 0
    assert "canary" not in terminal.shown
    assert "Added acme~bert (Bert)." in terminal.shown
    assert services.authentication.enter("acme~bert", "canary-one", Face.CARDDAV).cloud_username == "bert"


def test_a_terminal_gets_pictures(acme: Command, settings: Settings) -> None:
    """On a terminal, tables are drawn and states are ✓ and ✗; a name can't bring markup of its own."""
    acme.ok("user", "set", "acme", "anna", "--unlisted", "--display-name", "[red]Anna[/red]")
    terminal = Terminal(settings, "user", "list", "acme")
    assert terminal.finish() == 0
    assert "✓" in terminal.shown
    assert "✗" in terminal.shown
    assert "[red]Anna" in terminal.shown
