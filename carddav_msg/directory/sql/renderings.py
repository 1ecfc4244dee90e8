"""Which way of rendering is in force, which networks follow it, and the lock of the one process that renders."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from carddav_msg.directory.rows import Rendering
from carddav_msg.directory.sql.schema import books, cards, networks, renderings

_LOCK: Final = 0x63_61_72_64  # the key of an advisory lock, which belongs to one database


def own_number(rendering: Rendering) -> ColumnElement[int]:
    """The number of a process's way of rendering, as an expression. One that was never announced, such as that of a
    command with other settings, counts like the newest of code that is no newer."""
    newest = select(func.max(renderings.c.id))
    return func.coalesce(
        newest.where(renderings.c.fingerprint == rendering.fingerprint).scalar_subquery(),
        newest.where(renderings.c.version <= rendering.version).scalar_subquery(),
        0,
    )


def read_networks_to_render(connection: Connection, rendering: Rendering) -> list[int]:
    """See `RenderingReads`."""
    return list(connection.scalars(select(networks.c.id).where(*_due(rendering)).order_by(networks.c.id)))


def count_cards_to_render(connection: Connection, rendering: Rendering) -> int:
    """See `RenderingReads`."""
    joined = cards.join(books, books.c.id == cards.c.book).join(networks, networks.c.id == books.c.network)
    return connection.execute(select(func.count()).select_from(joined).where(*_due(rendering))).scalar_one()


def _due(rendering: Rendering) -> tuple[ColumnElement[bool], ...]:
    newest = select(func.max(renderings.c.id)).scalar_subquery()
    own = select(func.max(renderings.c.id)).where(renderings.c.fingerprint == rendering.fingerprint).scalar_subquery()
    return own == newest, networks.c.rendered < newest


@contextmanager
def rendering_alone(engine: Engine) -> Iterator[None]:
    """A lock of one process at a time: an advisory one of PostgreSQL, or one on a file beside that of SQLite."""
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}-rebuild").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            yield
        finally:
            with suppress(DBAPIError):  # with the connection the lock went, too
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
