"""The servers that are measured: each module starts one, with a new and empty folder, on a free port."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bench.cards import Contact
from bench.operations import Target


class Peer(Protocol):
    """How a server is started. `start` raises errors.Missing when something is not installed."""

    name: str
    label: str

    def start(self, folder: Path, contacts: Sequence[Contact]) -> AbstractContextManager[Target]:
        """Runs the server until the block ends; static ones already hold the contacts."""
        ...


USER, PASSWORD = "bench", "correct-horse-7"  # the same for all
