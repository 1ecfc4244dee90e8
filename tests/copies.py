"""Copies of a database that are put back later, as an operator restores a backup: while nobody is connected."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from carddav_msg.directory.sql.schema import metadata


class SqliteCopies:
    """Backups of a SQLite file, put back as an operator would: with the server stopped."""

    def __init__(self, url: str) -> None:
        self._file = Path(str(make_url(url).database))

    def save(self, name: str) -> None:
        saved = self._file.with_name(name)
        saved.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._file)) as source, closing(sqlite3.connect(saved)) as target:
            source.backup(target)

    def put_back(self, name: str) -> None:
        for leftover in ("-wal", "-shm"):
            self._file.with_name(self._file.name + leftover).unlink(missing_ok=True)
        shutil.copyfile(self._file.with_name(name), self._file)


class PostgresqlCopies:
    """Copies of all that is in a PostgreSQL database, its sequences too, each in a schema of its own."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def save(self, name: str) -> None:
        self._execute(
            f"CREATE SCHEMA IF NOT EXISTS {name}",
            f"CREATE TABLE IF NOT EXISTS {name}.sequences (sequencename name, last_value bigint)",
            *(f"CREATE TABLE IF NOT EXISTS {name}.{table} (LIKE public.{table})" for table in _TABLES),
            *(f"DELETE FROM {name}.{table}" for table in (*_TABLES, "sequences")),
            *(f"INSERT INTO {name}.{table} SELECT * FROM public.{table}" for table in _TABLES),
            f"INSERT INTO {name}.sequences "
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'",
        )

    def put_back(self, name: str) -> None:
        self._execute(
            "SET session_replication_role = replica",
            *(f"DELETE FROM public.{table}" for table in _TABLES),
            *(f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE SELECT * FROM {name}.{table}" for table in _TABLES),
            "SELECT setval(('public.' || sequencename)::regclass, coalesce(last_value, 1), last_value IS NOT NULL) "
            f"FROM {name}.sequences",
        )

    def _execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._url) as connection:
            connection.execute(";\n".join(statements).encode())


_TABLES = [table.name for table in metadata.sorted_tables]
