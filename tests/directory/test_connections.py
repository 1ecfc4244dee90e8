"""How many connections a process opens, and what happens to those who find none."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from carddav_msg import bootstrap
from carddav_msg.directory.sql import engine
from carddav_msg.errors import Unavailable
from carddav_msg.settings import Settings


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
