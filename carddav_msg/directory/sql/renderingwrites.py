"""Bringing another way of rendering into force."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from carddav_msg.directory.sql.renderings import own_number
from carddav_msg.directory.sql.schema import networks, renderings
from carddav_msg.directory.sql.writes import Writes


class RenderingWrites(Writes):
    """See `directory.rendering`."""

    def announce(self, *, again: bool = False) -> bool:
        if self._locks_rows:
            self.connection.exec_driver_sql(f"LOCK TABLE {renderings.name} IN SHARE ROW EXCLUSIVE MODE")
        own = self.statements.rendering
        known = self.connection.execute(select(renderings).order_by(renderings.c.id)).all()
        if known and known[-1].fingerprint == own.fingerprint:
            return True
        if known and not again:
            newest = known[-1].version
            if own.version < newest or (
                own.version == newest and own.fingerprint in {row.fingerprint for row in known}
            ):
                return False
        values = {"version": own.version, "fingerprint": own.fingerprint, "since": self.now}
        self.connection.execute(insert(renderings).values(id=known[-1].id + 1 if known else 1, **values))
        return True

    def render_everything(self) -> None:
        self.connection.execute(update(networks).values(rendered=0))

    def begin_rendering(self, network: int) -> None:
        self._number_network(network, "rendering")

    def end_rendering(self, network: int) -> None:
        self._number_network(network, "rendered")

    def _number_network(self, network: int, name: str) -> None:
        own: Any = own_number(self.statements.rendering)
        self.connection.execute(update(networks).where(networks.c.id == network).values({name: own}))
