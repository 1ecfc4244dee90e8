"""A plain Radicale of this virtual environment: htpasswd, owner_only, files."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import processes
from bench.cards import Contact
from bench.operations import Target
from bench.peers import PASSWORD, USER

_CONFIG = """\
[server]
hosts = {host}:{port}
max_connections = 100
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}/collections
[logging]
level = error
"""


class Radicale:
    """The engine alone."""

    name = "radicale"
    label = f"Radicale {importlib.metadata.version('radicale')}"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """A collection of its own, made by MKCOL."""
        port, config = processes.free_port(), folder / "config"
        config.write_text(_CONFIG.format(host=processes.HOST, port=port, folder=folder), "utf-8")
        (folder / "users").write_text(f"{USER}:{PASSWORD}\n", "utf-8")
        command = [sys.executable, "-m", "radicale", "--config", str(config)]
        with processes.running(command, folder / "radicale.log", port=port) as pid:
            yield Target(
                name=self.name,
                port=port,
                path=f"/{USER}/bench/",
                user=USER,
                password=PASSWORD,
                pids=(pid,),
                facts="files, plain-text htpasswd (no hash to verify), owner_only, PUT durable (fsync)",
                mkcol=True,
            )
