"""Databases for tests: each kind is migrated once a run, into a template, and copied for each test."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from carddav_msg.settings import Settings
from tests import clusters, required

TEMPLATE = "carddav_msg_template"


def quick_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory, where the machine has such a place: for many commits, which don't wait for a disk there."""
    memory = "/dev/shm"  # noqa: S108  # the folder in it has an unguessable name
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


class Databases:
    """The databases of one test run. Every process of the run makes one of these for the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def settings(self, tmp_path: Path, database_url: str) -> Settings:
        """Settings of a test: the keys of the run, cheap password hashes."""
        keys = tmp_path / "keys.toml"
        shutil.copy2(self._keys(), keys)
        return Settings(database_url=database_url, keys_file=str(keys), argon2_memory=8, argon2_time=1)

    def sqlite(self, tmp_path: Path) -> str:
        """The URL of a new, migrated SQLite database."""
        file = tmp_path / "carddav-msg.db"
        shutil.copyfile(self._sqlite_template(), file)
        return f"sqlite:///{file}"

    @contextlib.contextmanager
    def postgresql(self) -> Iterator[str]:
        """The URL of a new, migrated PostgreSQL database, dropped at the end; skips without PostgreSQL."""
        try:
            self._postgresql_template()
        except clusters.PostgresqlMissing as missing:
            required.missing(str(missing))
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield clusters.url(self._folder, name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _keys(self) -> Path:
        path = self._folder / "keys.toml"
        with clusters.locked(self._folder / "keys.lock"):
            if not path.exists():
                keyring.write(path, keyring.generate())
        return path

    def _sqlite_template(self) -> Path:
        path, unfinished = self._folder / "template.db", self._folder / "unfinished.db"
        with clusters.locked(self._folder / "sqlite.lock"):
            if not path.exists():
                self._migrate(f"sqlite:///{unfinished}")
                if unfinished.with_name("unfinished.db-wal").exists():
                    raise RuntimeError("A migration left the SQLite file open: its last changes are not in it.")
                unfinished.rename(path)
        return path

    def _postgresql_template(self) -> None:
        done = self._folder / "postgresql.done"
        if done.exists():
            return
        with clusters.locked(self._folder / "postgresql-template.lock"):
            if done.exists():
                return
            try:
                import psycopg  # noqa: F401  # only to say what is missing
            except ImportError:
                reason = "psycopg is not installed: pip install carddav-msg[postgresql]."
                raise clusters.PostgresqlMissing(reason) from None
            clusters.start(self._folder)
            self._execute(f"CREATE DATABASE {TEMPLATE}")
            self._migrate(clusters.url(self._folder, TEMPLATE))
            done.touch()

    def _migrate(self, database_url: str) -> None:
        """A database as an installation has it that will be served by this release with default settings."""
        bootstrap.migrate(Settings(database_url=database_url, keys_file=str(self._keys())))

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(clusters.conninfo(self._folder), autocommit=True) as connection:
            connection.execute(statement.encode())
