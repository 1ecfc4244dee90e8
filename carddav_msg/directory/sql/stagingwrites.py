"""Writing the staging table of imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.rows import StagedRow
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import staging, users
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.domain.user import User


class StagingWrites(Writes):
    """Rows of an import that is under way; `run` is its name."""

    def stage(self, run: str, rows: Sequence[StagedRow]) -> list[tuple[int, int]]:
        dialect: Any = postgresql if self._locks_rows else sqlite
        statement = (
            dialect.insert(staging)
            .on_conflict_do_nothing(index_elements=["run", "network", "user_key"])
            .returning(staging.c.line)
        )
        stored: set[int] = set()
        for some in codec.chunks(rows):
            stored.update(self.connection.scalars(statement, [{"run": run, **_values(row)} for row in some]))
        return [(row.line, self._staged_as(run, row)) for row in rows if row.line not in stored]

    def _staged_as(self, run: str, row: StagedRow) -> int:
        """The line of the staged row that has the user of this one."""
        query = select(staging.c.line).where(
            staging.c.run == run, staging.c.network == row.network, staging.c.user_key == row.user_key
        )
        return int(self.connection.scalars(query).one())

    def staged(self, run: str, after: int, limit: int) -> list[StagedRow]:
        query = (
            select(staging).where(staging.c.run == run, staging.c.line > after).order_by(staging.c.line).limit(limit)
        )
        return [_staged(row) for row in self.connection.execute(query)]

    def staged_conflicts(self, run: str) -> list[tuple[int, str]]:
        # Rows that have just come have no statistics: PostgreSQL might compare every one with every user.
        self._analyse(staging, users)
        first = staging.alias("first")
        problems: list[tuple[int, str]] = []
        for name, shown in (("sip_username_key", "SIP username"), ("external_id", "external_id")):
            # A window, not a join of the table with itself: that takes a time that grows with the square of the rows.
            same = (
                select(
                    staging.c.line,
                    func.min(staging.c.line).over(partition_by=(staging.c.network, staging.c[name])).label("first"),
                )
                .where(staging.c.run == run, staging.c[name].is_not(None))
                .subquery()
            )
            for line, other in self.connection.execute(select(same).where(same.c.first < same.c.line)):
                problems.append((line, f"has the {shown} of line {other}."))
        query = (
            select(staging.c.line, first.c.line)
            .join(
                first,
                and_(
                    first.c.run == staging.c.run,
                    first.c.network == staging.c.network,
                    first.c.user_key == staging.c.sip_username_key,
                    first.c.line != staging.c.line,
                ),
            )
            .where(staging.c.run == run)
        )
        for line, other in self.connection.execute(query):
            problems.append((line, f"has a SIP username that is the Cloud Username of line {other}."))
        return sorted(problems)

    def staged_users(self, run: str, rows: Sequence[StagedRow]) -> dict[int, User]:
        found: dict[int, User] = {}
        lines = [row.line for row in rows]
        for some in codec.chunks(lines):
            for column, staged in (
                (users.c.cloud_username_key, staging.c.user_key),
                (users.c.external_id, staging.c.external_id),
            ):
                query = (
                    select(staging.c.line, users)
                    .join(users, and_(users.c.network == staging.c.network, column == staged))
                    .where(staging.c.run == run, staging.c.line.in_(some))
                )
                for row in self.connection.execute(query):
                    found[row.line] = codec.user_of(row)
        return found

    def save_staged_secrets(self, run: str, rows: Sequence[tuple[int, str | None, bytes | None]]) -> None:
        if rows:
            statement = (
                update(staging)
                .where(staging.c.run == run, staging.c.line == bindparam("at"))
                .values(sealed_password=None, password_hash=bindparam("hashed"), sip_password=bindparam("sealed"))
            )
            self.connection.execute(statement, [{"at": at, "hashed": h, "sealed": s} for at, h, s in rows])

    def unstaged_users(self, run: str) -> list[User]:
        of_run = select(staging.c.network).where(staging.c.run == run)
        named = of_run.where(staging.c.network == users.c.network, staging.c.user_key == users.c.cloud_username_key)
        external_ids = select(staging.c.network, staging.c.external_id).where(
            staging.c.run == run, staging.c.external_id.is_not(None)
        )
        unknown = tuple_(users.c.network, users.c.external_id).not_in(external_ids)
        query = (
            select(users)
            .where(users.c.network.in_(of_run.distinct()), users.c.enabled)
            .where(~named.exists(), or_(users.c.external_id.is_(None), unknown))
            .order_by(users.c.id)
        )
        return [codec.user_of(row) for row in self.connection.execute(query)]

    def discard_staged(self, run: str) -> None:
        self.connection.execute(delete(staging).where(staging.c.run == run))

    def discard_staged_before(self, run: str) -> None:
        self.connection.execute(delete(staging).where(staging.c.run < run))


def _values(row: StagedRow) -> dict[str, Any]:
    return {
        "line": row.line,
        "network": row.network,
        "user_key": row.user_key,
        "external_id": row.external_id,
        "sip_username_key": row.sip_username_key,
        "values": row.values,
        "sealed_password": row.sealed_password,
        "password_hash": row.password_hash,
        "sip_password": row.sip_password,
    }


def _staged(row: Any) -> StagedRow:
    return StagedRow(
        line=row.line,
        network=row.network,
        user_key=row.user_key,
        external_id=row.external_id,
        sip_username_key=row.sip_username_key,
        values=row.values,
        sealed_password=row.sealed_password,
        password_hash=row.password_hash,
        sip_password=row.sip_password,
    )
