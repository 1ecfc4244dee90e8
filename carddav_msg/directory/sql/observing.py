"""Reading and writing what was last seen of users: one row for each user, face and outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.sql.codec import chunks
from carddav_msg.directory.sql.schema import observations, users
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.domain.observations import Observation, Outcome

_DAY: Final = 24 * 3600 * 1_000_000
_KEY: Final = ("user", "face", "outcome")


class ObservationWrites(Writes):
    """Keeping observations; nothing that is served depends on them."""

    def save_observations(self, seen: Sequence[Observation]) -> None:
        """Keeps the newest of each user, face and outcome; those of users who are gone, and too old ones, are lost.

        One that did not fetch the directory leaves what the last fetch saw of it.
        """
        insert: Any = (postgresql if self._locks_rows else sqlite).insert(observations)
        new = insert.excluded
        names = [column.name for column in observations.columns if column.name not in (*_KEY, "book", "seq")]
        changes = {name: new[name] for name in names}
        for name in ("book", "seq"):
            changes[name] = case((new.book == 0, observations.c[name]), else_=new[name])
        statement = insert.on_conflict_do_update(index_elements=list(_KEY), set_=changes)
        # One order in all processes: two that write the same rows wait for each other instead of failing.
        for some in chunks(sorted(seen, key=lambda one: (one.user, one.face, one.outcome))):
            ids = {one.user for one in some}
            there = set(self.connection.scalars(select(users.c.id).where(users.c.id.in_(ids))))
            if rows := [asdict(one) | {"outcome": str(one.outcome)} for one in some if one.user in there]:
                self.connection.execute(statement, rows)

    def prune_observations(self) -> None:
        """Forgets what is older than it may get."""
        oldest = self.now - self.retention.observations * _DAY
        self.connection.execute(delete(observations).where(observations.c.at < oldest))


def read_observed(connection: Connection, since: int) -> list[tuple[int, str, Outcome]]:
    """(user, face, outcome) of all that was seen since a time."""
    query = select(observations.c.user, observations.c.face, observations.c.outcome).where(observations.c.at >= since)
    return [(user, face, Outcome(outcome)) for user, face, outcome in connection.execute(query)]


def read_observations(connection: Connection, user: int, since: int) -> list[Observation]:
    """What was seen of a user since a time, the oldest first."""
    query = select(observations).where(observations.c.user == user, observations.c.at >= since)
    rows = connection.execute(query.order_by(observations.c.at, observations.c.face, observations.c.outcome))
    return [Observation(**{**row._mapping, "outcome": Outcome(row.outcome)}) for row in rows]
