"""Writing devices, sign-in codes, removed users, and what hangs on keys: `SignInWrites` of the port."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, delete, insert, literal, select, union, update
from sqlalchemy.dialects import postgresql, sqlite

from carddav_msg.directory.signin import SealedPassword
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import (
    cleared_nodes,
    codes,
    credentials,
    devices,
    former_users,
    keys,
    networks,
    staging,
    users,
)
from carddav_msg.directory.sql.signinreads import sealed_by
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.domain.identifiers import login_of

_DAY: Final = 24 * 3600 * 1_000_000


class SignInWrites(Writes):
    """What sign-in and its administration write."""

    def seen_device(self, user: int, device: str, session_epoch: int, key_id: str) -> None:
        values = {"last_seen": self.now, "session_epoch": session_epoch, "key_id": key_id}
        where = (devices.c.user == user, devices.c.device == device)
        if not self.connection.execute(update(devices).where(*where).values(values)).rowcount:
            # Two servers may see a new phone at the same moment.
            new: Any = (postgresql if self._locks_rows else sqlite).insert(devices)
            values |= {"user": user, "device": device, "first_seen": self.now, "revoked": False}
            self.connection.execute(new.values(values).on_conflict_do_nothing())

    def revoke_device(self, user: int, device: str, *, revoked: bool) -> bool:
        where = (devices.c.user == user, devices.c.device == device)
        return self.connection.execute(update(devices).where(*where).values(revoked=revoked)).rowcount > 0

    def add_codes(self, new: Sequence[tuple[int, str, int]], expires: int) -> None:
        rows = [
            {
                "user": user,
                "digest": digest,
                "session_epoch": session_epoch,
                "made": self.now,
                "expires": expires,
                "revoked": False,
            }
            for user, digest, session_epoch in new
        ]
        self.connection.execute(insert(codes), rows)
        # A code that nobody used in time is of no interest for longer than somebody may ask why it did not work.
        old = self.now - self.retention.observations * _DAY
        self.connection.execute(delete(codes).where(codes.c.first_used == 0, codes.c.expires < old))

    def use_code(self, code: int) -> bool:
        statement = update(codes).where(codes.c.id == code, codes.c.first_used == 0).values(first_used=self.now)
        return self.connection.execute(statement).rowcount > 0

    def revoke_codes(self, user: int) -> int:
        usable = (codes.c.first_used > 0) | (codes.c.expires > self.now)
        statement = update(codes).where(codes.c.user == user, codes.c.revoked.is_(False))
        count = self.connection.execute(statement.where(usable).values(revoked=True)).rowcount
        self.connection.execute(statement.values(revoked=True))
        return count

    def clear_nodes(self, network: int, user: int, gone: Collection[str], there: Collection[str]) -> None:
        known = (cleared_nodes.c.network == network, cleared_nodes.c.user == user)
        for some in codec.chunks(sorted(there)):
            self.connection.execute(delete(cleared_nodes).where(*known, cleared_nodes.c.name.in_(some)))
        rows = [{"network": network, "user": user, "name": name, "since": self.now} for name in sorted(gone)]
        self._upsert(cleared_nodes, rows)

    def sealed_with(self, key_id: str, limit: int) -> list[SealedPassword]:
        query = (
            select(users.c.id, networks.c.network_id, users.c.cloud_username, users.c.uid, credentials.c.sip_password)
            .join(networks, networks.c.id == users.c.network)
            .join(credentials, credentials.c.user == users.c.id)
            .where(sealed_by(key_id, credentials.c.sip_password))
            .limit(limit)
        )
        if self._locks_rows:
            query = query.with_for_update(of=credentials)
        return [
            SealedPassword(user, login_of(network_id, name), uid, bytes(sealed))
            for user, network_id, name, uid, sealed in self.connection.execute(query)
        ]

    def drop_sealed(self, key_id: str) -> int:
        statement = update(credentials).where(sealed_by(key_id, credentials.c.sip_password))
        return self.connection.execute(statement.values(sip_password=None)).rowcount

    def key_in_use(self, key_id: str) -> bool:
        stored = select(literal(1)).where(sealed_by(key_id, credentials.c.sip_password))
        staged = select(literal(1)).where(sealed_by(key_id, staging.c.sip_password))
        return any(self.connection.execute(query.limit(1)).first() for query in (stored, staged))

    def forget_key(self, key_id: str) -> None:
        self.connection.execute(delete(keys).where(keys.c.key_id == key_id))

    def _remember_removed(self, which: ColumnElement[bool]) -> None:
        """Keeps of users who are about to be removed what knows their phones again, for as long as deletions."""
        there = users.join(networks, networks.c.id == users.c.network)
        of_user = (users.c.cloud_username_key, users.c.id)
        rest = (networks.c.refresh_denied, literal(self.now, BigInteger))
        now = select(*of_user, users.c.session_epoch, *rest).select_from(there).where(which)
        # Phones of an ended session are told apart, too: a user is often disabled first and removed later.
        before = (
            select(*of_user, devices.c.session_epoch, *rest)
            .select_from(there.join(devices, devices.c.user == users.c.id))
            .where(which)
        )
        columns = ["user_key", "user", "session_epoch", "refresh_denied", "removed"]
        new: Any = (postgresql if self._locks_rows else sqlite).insert(former_users)
        self.connection.execute(new.from_select(columns, union(now, before)).on_conflict_do_nothing())
        old = self.now - self.retention.tombstones * _DAY
        self.connection.execute(delete(former_users).where(former_users.c.removed < old))
