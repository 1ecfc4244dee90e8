"""What the modules that write share: the connection, the time, and the one way to replace rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.rows import Retention
from carddav_msg.domain.audit import Actor


class Writes:
    """The base of a transaction: `now` is microseconds UTC, `actor` who writes."""

    def __init__(self, connection: Connection, now: int, actor: Actor, retention: Retention) -> None:
        self.connection = connection
        self.now = now
        self.actor = actor
        self.retention = retention

    @property
    def _locks_rows(self) -> bool:
        """PostgreSQL locks rows; SQLite's BEGIN IMMEDIATE has locked everything already."""
        return self.connection.dialect.name == "postgresql"

    def _upsert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts rows, or sets their other columns where the primary key exists."""
        if not rows:
            return
        insert: Any = (postgresql if self._locks_rows else sqlite).insert(table)
        keys = [column.name for column in table.primary_key]
        others = [name for name in rows[0] if name not in keys]
        if others:
            statement = insert.on_conflict_do_update(
                index_elements=keys, set_={name: insert.excluded[name] for name in others}
            )
        else:
            statement = insert.on_conflict_do_nothing(index_elements=keys)
        self.connection.execute(statement, list(rows))
