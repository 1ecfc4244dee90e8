"""What the modules that write share: the connection, the time, and the one way to replace rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.rows import Retention
from carddav_msg.directory.sql import arrays
from carddav_msg.directory.sql.compiled import Statement
from carddav_msg.directory.sql.engine import taken, unavailable
from carddav_msg.directory.sql.writestatements import WriteStatements
from carddav_msg.domain.audit import Actor
from carddav_msg.errors import CarddavMsgError


class Writes:
    """The base of a transaction: `now` is microseconds UTC, `actor` who writes."""

    def __init__(
        self, connection: Connection, statements: WriteStatements, now: int, actor: Actor, retention: Retention
    ) -> None:
        self.connection = connection
        self._driver: Any = connection.connection.driver_connection
        self.statements = statements
        self.now = now
        self.actor = actor
        self.retention = retention

    @property
    def _locks_rows(self) -> bool:
        """PostgreSQL locks rows; SQLite's BEGIN IMMEDIATE has locked everything already."""
        return self.connection.dialect.name == "postgresql"

    def _array(self, values: Sequence[Any]) -> Any:
        """Values as one parameter of a compiled statement."""
        return arrays.bound(values, sqlite=not self._locks_rows)

    def _rows(self, statement: Statement, **parameters: Any) -> list[Any]:
        """Runs a compiled statement on the driver's connection, in this transaction; its rows have names."""
        bound = statement.bind(parameters)
        try:
            cursor = self._driver.execute(statement.sql, bound)
            return list(map(statement.row._make, cursor.fetchall())) if statement.row else []
        except self._database_error as error:
            raise self._translated(error) from error

    def _each(self, statement: Statement, parameters: Iterable[dict[str, Any]]) -> None:
        """Runs a compiled statement once for each set of parameters, with as few round trips as the driver can."""
        bound = [statement.bind(some) for some in parameters]
        try:
            if len(bound) == 1:
                self._driver.execute(statement.sql, bound[0])
            elif bound:
                self._driver.cursor().executemany(statement.sql, bound)
        except self._database_error as error:
            raise self._translated(error) from error

    def _analyse(self, *tables: Table) -> None:
        """Has PostgreSQL look at how much there is in tables, also by this transaction, and plan anew. A table that
        somebody else has looked at for an unfinished transaction is left out: nobody waits for statistics."""
        if self._locks_rows:
            names = ", ".join(table.name for table in tables)
            self.connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {names}")

    @property
    def _database_error(self) -> type[Exception]:
        dbapi: Any = self.connection.dialect.loaded_dbapi
        error: type[Exception] = dbapi.DatabaseError
        return error

    def _translated(self, error: Exception) -> CarddavMsgError:
        """Our error for one of the driver."""
        constraint = isinstance(error, self.connection.dialect.loaded_dbapi.IntegrityError)
        return taken(error) if constraint else unavailable(error)

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
