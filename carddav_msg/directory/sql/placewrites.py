"""Writing where users sign in from: `save_place` of the port."""

from __future__ import annotations

from sqlalchemy import delete

from carddav_msg.directory.sql.schema import known_places
from carddav_msg.directory.sql.writes import Writes


class PlaceWrites(Writes):
    """The surroundings in which users are known."""

    def save_place(self, user: int, place: str, keep_from: int) -> None:
        self._upsert(known_places, [{"user": user, "place": place, "last_seen": self.now}])
        old = (known_places.c.user == user, known_places.c.last_seen < keep_from)
        self.connection.execute(delete(known_places).where(*old))
