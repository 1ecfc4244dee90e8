"""Opening the database: SQLite in WAL mode, or PostgreSQL; one pool for reads in autocommit, one for transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from carddav_msg.errors import AlreadyExists, ConfigurationError, Unavailable

BUSY_SECONDS = 10
CONNECT_SECONDS = 5
WRITERS = 8
BESIDE = 4
"""Connections beyond those of the threads that answer requests."""
CHECKPOINT_PAGES = 4000
"""Of the write-ahead log (16 MiB). The change that reaches it copies the pages back and takes as long as ten others. At
SQLite's own 1,000 that is one change of eighty, and a page that many changes touch is copied four times as often.
"""
_RETRYABLE = ("40001", "40P01")  # serialization_failure, deadlock_detected


def writers(threads: int) -> int:
    """How many changes one process has at work at a time."""
    return min(threads, WRITERS) + BESIDE


class Conflict(Unavailable):
    """A deadlock or a serialisation failure: the same transaction may succeed when it is run again."""


def database_url(text: str) -> URL:
    """The URL with the driver we ship; ConfigurationError for databases we don't run on."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigurationError(
            ["database_url: is not a SQLAlchemy URL such as sqlite:///var/carddav-msg.db."]
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise ConfigurationError(
            [f"database_url: {url.get_backend_name()} is not supported; use sqlite or postgresql."]
        )
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(["database_url: SQLite needs a file, such as sqlite:///var/carddav-msg.db."])
    return url


def is_new(text: str) -> bool:
    """True for a SQLite database whose file does not exist yet or is empty."""
    url = database_url(text)
    if url.get_backend_name() != "sqlite":
        return False
    path = Path(str(url.database))
    return not path.exists() or path.stat().st_size == 0


def open_engines(text: str, threads: int = 1) -> tuple[Engine, Engine]:
    """(reads, writes): nothing is connected yet, so both survive a fork.

    For reads there is a connection for each of `threads`, and a few for what is done beside requests. Writers mostly
    wait for each other in the database; here they wait for one of a few connections.
    """
    url = database_url(text)
    try:
        if url.get_backend_name() == "sqlite":
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
            # Reads are in autocommit: there is nothing to roll back when a connection goes back to its pool.
            # LIFO: the connection last used is the one whose pages SQLite has at hand.
            lifo = {"pool_use_lifo": True}
            reads = _create(url, threads, pool_reset_on_return=None, **lifo)
            writes = _create(url, min(threads, WRITERS), **lifo)
            for engine in (reads, writes):
                event.listen(engine, "connect", _configure_sqlite)
            event.listen(writes, "begin", _begin_immediate)
            return reads, writes
        # A phone gets its 503 soon; the driver alone would wait for more than two minutes.
        wait = {"connect_timeout": CONNECT_SECONDS}
        lock = {"options": f"-c lock_timeout={BUSY_SECONDS * 1000}"}
        reads = _create(url, threads, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, connect_args=wait)
        return reads, _create(url, min(threads, WRITERS), connect_args=wait | lock)
    except (ImportError, NoSuchModuleError):
        raise ConfigurationError(
            ["database_url: the PostgreSQL driver is not installed; install carddav-msg[postgresql]."]
        ) from None


def _create(url: URL, size: int, **options: Any) -> Engine:
    # hide_parameters: values of a failed statement (names, hashes) belong in no log.
    return create_engine(
        url, pool_size=size, max_overflow=BESIDE, pool_timeout=BUSY_SECONDS, hide_parameters=True, **options
    )


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _begin_immediate
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA synchronous = FULL")  # an answered PUT survives a power cut
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Any) -> None:
    """Takes the write lock at the start: a read lock that wants to become one later could only fail.

    On the driver's connection: to run any statement, SQLAlchemy takes a tenth of what a PUT takes.
    """
    try:
        connection.connection.driver_connection.execute("BEGIN IMMEDIATE")
    except sqlite3.DatabaseError as error:
        raise unavailable(error) from error


@contextmanager
def translated() -> Iterator[None]:
    """Turns the database's errors into ours; the text of a statement or its values never gets out."""
    try:
        yield
    except IntegrityError as error:
        raise taken(error) from error
    except PoolTimeout:
        raise Unavailable("Too many changes wait for the database.") from None
    except OperationalError as error:
        raise unavailable(error.orig) from error
    except DatabaseError as error:
        # What is left is a file that is no database, or a fault of ours in a statement.
        raise unavailable(error.orig) from error


def taken(_cause: BaseException) -> AlreadyExists:
    """The error for a broken constraint. Which one it was stays in the chain: its text may quote values."""
    return AlreadyExists("A name or key is taken already.")


def unavailable(cause: BaseException | None) -> Unavailable:
    """The error for an error of the driver; one that is worth another try is a `Conflict`."""
    if getattr(cause, "sqlstate", None) in _RETRYABLE:
        return Conflict("The database found a conflict with another change.", retry_after=1)
    if getattr(cause, "sqlite_errorname", "") == "SQLITE_NOTADB":
        return Unavailable("The file that database_url names is no SQLite database.")
    return Unavailable(f"The database can't answer now ({type(cause).__name__}).")
