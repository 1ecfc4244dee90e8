"""Xandikos from PyPI, in a virtual environment of its own below bench/.cache: git storage, no authentication."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import processes
from bench.cards import Contact
from bench.errors import Missing
from bench.operations import Target
from bench.peers import USER

_PROGRAM = Path(__file__).parent.parent / ".cache" / "xandikos" / "bin" / "xandikos"


class Xandikos:
    """The default address book of a principal."""

    name = "xandikos"
    label = "Xandikos"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """It has no users: whoever asks is the principal."""
        if not _PROGRAM.exists():
            raise Missing("Xandikos is not installed: make bench/.cache/xandikos")
        port = processes.free_port()
        command = [str(_PROGRAM), "serve", "--directory", str(folder / "data"), "--defaults"]
        command += ["--current-user-principal", f"/{USER}", "--listen-address", processes.HOST, "--port", str(port)]
        with processes.running(command, folder / "xandikos.log", port=port) as pid:
            yield Target(
                name=self.name,
                port=port,
                path=f"/{USER}/contacts/addressbook/",
                pids=(pid,),
                facts="a git repository, no authentication, no rights",
            )
