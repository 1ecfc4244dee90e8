"""How many connections a process opens, and what happens to those who find none."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from carddav_msg import bootstrap
from carddav_msg.directory.sql import engine
from carddav_msg.errors import Unavailable
from carddav_msg.settings import Settings
from tests.databases import Databases


def test_writers_beyond_the_connections_are_told_to_come_later(
    any_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds no connection in time gets Unavailable, as with a busy database; others are not disturbed."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    monkeypatch.setattr(engine, "BESIDE", 0)
    with contextlib.closing(bootstrap.open_directory(replace(any_settings, threads=1))) as directory:
        with directory.write() as transaction:
            with pytest.raises(Unavailable, match="Too many"), directory.write():
                pass
            assert directory.networks() == []
            transaction.save_key_check("k1", "memory", "kept")
        assert directory.key_checks()["k1"] == ("memory", "kept")


def test_whoever_waits_gets_the_next_connection(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is one that is kept at hand: nobody waits beside idle connections until the time is over."""
    monkeypatch.setattr(engine, "BESIDE", 0)
    with contextlib.closing(bootstrap.open_directory(replace(any_settings, threads=2))) as directory:
        done: list[int] = []

        def change(number: int) -> None:
            with directory.write() as transaction:
                transaction.save_key_check(f"k{number}", "memory", "kept")
            done.append(number)

        monkeypatch.setattr(engine, "BUSY_SECONDS", 60)
        turn = directory._turn
        waiting = threading.Event()
        acquire = turn.acquire

        def acquiring(*args: object, **options: float) -> bool:
            if acquire(blocking=False):
                return True
            waiting.set()
            return acquire(*args, **options)

        monkeypatch.setattr(turn, "acquire", acquiring)
        with ThreadPoolExecutor(4) as pool:
            with directory._writing(), directory._writing():
                changes = [pool.submit(change, number) for number in range(4)]
                assert waiting.wait(30)
            for one in changes:
                one.result(timeout=30)
        assert sorted(done) == [0, 1, 2, 3]
        assert set(directory.key_checks()) == {"k0", "k1", "k2", "k3"}


def test_who_finds_a_database_locked_is_told_to_come_later(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the write lock too long, perhaps a backup tool: nothing is lost, and the connection is good."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    bootstrap.migrate(settings)
    with contextlib.closing(bootstrap.open_directory(settings)) as directory:
        path = make_url(settings.database_url).database or ""
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            for _ in range(2):
                with pytest.raises(Unavailable, match="can't answer now"), directory.write():
                    pass
            somebody.execute("ROLLBACK")
        with directory.write() as transaction:
            transaction.save_key_check("k1", "memory", "kept")
        assert directory.key_checks()["k1"] == ("memory", "kept")


def test_kept_connections_whose_server_restarted_are_given_up_together(databases: Databases, tmp_path: Path) -> None:
    """Of four writers that were at work before, one change fails, and not the next three."""
    with (
        databases.postgresql() as url,
        contextlib.closing(bootstrap.open_directory(databases.settings(tmp_path, url))) as directory,
        contextlib.closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as operator,
    ):
        with contextlib.ExitStack() as writers:
            for _ in range(4):
                writers.enter_context(directory.write())
        gone = operator.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).fetchone()
        assert gone == (4,)
        with pytest.raises(Unavailable), directory.write() as transaction:
            transaction.save_key_check("k1", "memory", "lost")
        for number in range(4):
            with directory.write() as transaction:
                transaction.save_key_check(f"k{number}", "memory", "kept")
        assert {key: check for key, (_, check) in directory.key_checks().items()} == dict.fromkeys(
            ("k0", "k1", "k2", "k3"), "kept"
        )
