"""Writing users, their secrets, grants, devices and match keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, or_, select, tuple_, update

from carddav_msg.directory.rows import Credentials
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import (
    books,
    cards,
    cleared_nodes,
    credentials,
    grants,
    user_aliases,
    user_keys,
    users,
)
from carddav_msg.directory.sql.signinwrites import SignInWrites
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.matchkeys import MatchKey
from carddav_msg.domain.user import User

_ALL_NETWORKS = 0


class UserWrites(SignInWrites):
    """Users of one directory; callers hold the lock of the users' network."""

    def add_users(self, new: Sequence[User]) -> list[User]:
        stored: list[User] = []
        statement = insert(users).returning(users.c.id, sort_by_parameter_order=True)
        for some in codec.chunks(new):
            values = [{**codec.user_values(u), "session_epoch": u.session_epoch, "changed": self.now} for u in some]
            ids = self.connection.scalars(statement, values).all()
            stored += [replace(user, id=row) for user, row in zip(some, ids, strict=True)]
        return stored

    def save_users(self, changed: Sequence[User]) -> None:
        if changed:
            values = [{**codec.user_values(u), "changed": self.now, "row": u.id} for u in changed]
            settable: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "row"}
            self.connection.execute(update(users).where(users.c.id == bindparam("row")).values(settable), values)

    def grown(self) -> None:
        self._analyse(users, cards, credentials, user_keys)

    def add_user_alias(self, user: User, cloud_username: str) -> None:
        row = {"network": user.network, "alias_key": fold(cloud_username), "user": user.id}
        self._upsert(user_aliases, [row])

    def remove_user(self, user: int) -> None:
        self._remember_removed(users.c.id == user)
        self.connection.execute(delete(cleared_nodes).where(cleared_nodes.c.user == user))
        self.connection.execute(delete(books).where(books.c.owner == user))
        self.connection.execute(delete(users).where(users.c.id == user))

    def users_by_id(self, ids: Sequence[int]) -> list[User]:
        found: list[User] = []
        for some in codec.chunks(ids):
            rows = self.connection.execute(select(users).where(users.c.id.in_(some)).order_by(users.c.id))
            found += map(codec.user_of, rows)
        return found

    def users_after(self, network: int, after: str, limit: int) -> list[User]:
        key = users.c.cloud_username_key
        query = select(users).where(users.c.network == network, key > fold(after)).order_by(key).limit(limit)
        return [codec.user_of(row) for row in self.connection.execute(query)]

    def find_user(self, network: int, *, external_id: str = "", cloud_username: str = "") -> User | None:
        row: Row[tuple[object, ...]] | None = None
        if external_id:
            query = select(users).where(users.c.network == network, users.c.external_id == external_id)
            row = self.connection.execute(query).first()
        if row is None and cloud_username:
            key = fold(cloud_username)
            old = select(user_aliases.c.user).where(user_aliases.c.network == network, user_aliases.c.alias_key == key)
            query = (
                select(users)
                .where(users.c.network == network, or_(users.c.cloud_username_key == key, users.c.id.in_(old)))
                .order_by((users.c.cloud_username_key == key).desc())
            )
            row = self.connection.execute(query).first()
        return codec.user_of(row) if row else None

    def name_conflicts(self, network: int, checked: Sequence[User]) -> list[str]:
        problems: list[str] = []
        for some in codec.chunks(checked, 200):
            by_id = {user.id for user in some}
            keys = {fold(name) for user in some for name in (user.cloud_username, user.sip_username) if name}
            taken: dict[str, list[tuple[int, str, str]]] = {}
            for key_column, kind in (
                (users.c.cloud_username_key, "Cloud Username"),
                (users.c.sip_username_key, "SIP username"),
            ):
                query = select(users.c.id, key_column, users.c.cloud_username)
                for row in self.connection.execute(query.where(users.c.network == network, key_column.in_(keys))):
                    taken.setdefault(row[1], []).append((row[0], kind, row[2]))
            problems += _conflicts(some, taken, by_id)
        return problems

    def save_password_hashes(self, hashes: Sequence[tuple[int, str]], *, new_secret: bool) -> None:
        known = self._with_credentials([user for user, _ in hashes])
        new = [{"user": user, "password_hash": hashed} for user, hashed in hashes if user not in known]
        old = [{"row": user, "hashed": hashed} for user, hashed in hashes if user in known]
        if new:
            self.connection.execute(insert(credentials), new)
        if old:
            statement = update(credentials).where(credentials.c.user == bindparam("row"))
            values: dict[str, Any] = {"password_hash": bindparam("hashed")}
            if new_secret:
                values["secret_version"] = credentials.c.secret_version + 1
            self.connection.execute(statement.values(values), old)

    def save_sip_passwords(self, passwords: Sequence[tuple[int, bytes | None]]) -> None:
        self._upsert(credentials, [{"user": user, "sip_password": sealed} for user, sealed in passwords])

    def credentials(self, ids: Sequence[int]) -> dict[int, Credentials]:
        found: dict[int, Credentials] = {}
        for some in codec.chunks(ids):
            for row in self.connection.execute(select(credentials).where(credentials.c.user.in_(some))):
                found[row.user] = Credentials(row.password_hash, row.secret_version, row.sip_password)
        return found

    def _with_credentials(self, ids: Sequence[int]) -> set[int]:
        return set(self.credentials(ids))

    def end_sessions(self, ids: Sequence[int]) -> None:
        for some in codec.chunks(ids):
            statement = update(users).where(users.c.id.in_(some))
            self.connection.execute(statement.values(session_epoch=users.c.session_epoch + 1))

    def save_grant(self, user: int, role: str, scope: int | None) -> bool:
        row = {"user": user, "role": role, "scope": scope or _ALL_NETWORKS}
        known = select(grants).where(*(grants.c[name] == value for name, value in row.items()))
        if self.connection.execute(known).first():
            return False
        self.connection.execute(insert(grants).values(row))
        return True

    def remove_grant(self, user: int, role: str, scope: int | None) -> bool:
        statement = delete(grants).where(
            grants.c.user == user, grants.c.role == role, grants.c.scope == (scope or _ALL_NETWORKS)
        )
        return self.connection.execute(statement).rowcount > 0

    def admins(self, network: int) -> set[int]:
        return set(
            self.connection.scalars(select(grants.c.user).where(grants.c.role == "admin", grants.c.scope == network))
        )

    def save_user_keys(self, keys: Sequence[tuple[User, Iterable[MatchKey]]]) -> set[MatchKey]:
        touched: set[MatchKey] = set()
        for some in codec.chunks(keys):
            of_these = user_keys.c.user.in_([user.id for user, _ in some])
            old = self.connection.execute(select(user_keys.c.kind, user_keys.c.key).where(of_these))
            touched.update((row.kind, row.key) for row in old)
            self.connection.execute(delete(user_keys).where(of_these))
            rows: list[dict[str, Any]] = [
                {"network": user.network, "kind": kind, "key": key, "user": user.id}
                for user, pairs in some
                for kind, key in dict.fromkeys(pairs)
            ]
            if rows:
                self.connection.execute(insert(user_keys), rows)
            touched.update((row["kind"], row["key"]) for row in rows)
        return touched

    def users_with_keys(self, network: int, keys: Sequence[MatchKey]) -> dict[MatchKey, list[User]]:
        found: dict[MatchKey, list[User]] = {}
        for some in codec.chunks(keys, 200):
            query = (
                select(user_keys.c.kind, user_keys.c.key, users)
                .join(users, users.c.id == user_keys.c.user)
                .where(user_keys.c.network == network, tuple_(user_keys.c.kind, user_keys.c.key).in_(some))
            )
            for row in self.connection.execute(query):
                found.setdefault((row.kind, row.key), []).append(codec.user_of(row))
        return found

    def forget_user_keys(self, network: int) -> None:
        self.connection.execute(delete(user_keys).where(user_keys.c.network == network))


def _conflicts(checked: Sequence[User], taken: dict[str, list[tuple[int, str, str]]], batch: set[int]) -> list[str]:
    problems = []
    for user in checked:
        for name, own in ((user.cloud_username, "Cloud Username"), (user.sip_username, "SIP username")):
            for row, kind, other in taken.get(fold(name), ()) if name else ():
                if row == user.id or row in batch:
                    continue
                problems.append(f"The {own} {name!r} of {user.cloud_username!r} is the {kind} of {other!r}.")
    return problems
