"""carddav-msg as `carddav-msg serve` starts it: SQLite, durable, rights on, argon2id passwords."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import processes
from bench.cards import Contact
from bench.operations import Target
from bench.peers import PASSWORD, USER

ROOT = Path(__file__).parent.parent.parent
NETWORK = "bench"


class Installation:
    """An installation in a folder of its own: its settings, and the command run with them."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.config = folder / "carddav-msg.toml"
        self.port = processes.free_port()
        values = {
            "database_url": f"sqlite:///{folder}/carddav-msg.db",
            "keys_file": str(folder / "keys.toml"),
            "host": processes.HOST,
            "port": self.port,
            "public_url": f"http://{processes.HOST}:{self.port}",
            "log_level": "warning",
            **settings,
        }
        self.config.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in values.items()), "utf-8")
        self.run("keys", "init")
        self.run("migrate")

    def command(self, *arguments: str) -> list[str]:
        """The command line of a command of ours."""
        return [sys.executable, "-m", "carddav_msg", "--config", str(self.config), *arguments]

    def environ(self) -> Mapping[str, str]:
        """An environment that finds the packages of this tree and has no settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CARDDAV_MSG_")}
        return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}

    def run(self, *arguments: str, text: str = "") -> str:
        """Runs a command and returns what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environ(),
            cwd=self.folder,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"carddav-msg {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def serve(self) -> Iterator[int]:
        """Serves until the block ends; gives the first process."""
        log = self.folder / "serve.log"
        with processes.running(self.command("serve"), log, port=self.port, environ=self.environ()) as pid:
            yield pid


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


class Ours:
    """Our server."""

    name = "ours"
    label = "carddav-msg"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """The personal book of a user."""
        installation = Installation(folder)
        installation.run("network", "add", NETWORK)
        installation.run(
            "user", "add", NETWORK, USER, "--display-name", "Bench", "--password-stdin", text=PASSWORD + "\n"
        )
        with installation.serve() as pid:
            yield Target(
                name=self.name,
                port=installation.port,
                path=f"/dav/{NETWORK}~{USER}/personal/",
                user=f"{NETWORK}~{USER}",
                password=PASSWORD,
                pids=(pid,),
                facts="SQLite, argon2id (remembered), rights on, PUT durable (fsync)",
            )
