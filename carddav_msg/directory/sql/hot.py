"""The few statements that phones wait for: written in Core, compiled once per dialect, run on the pooled driver
connection as tuples. A statement rebuilt for each call costs more than the database's answer to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout

from carddav_msg.directory.rows import Asked, CardRow, Door, Entry, Named
from carddav_msg.directory.signin import AccountRow
from carddav_msg.directory.sql import arrays
from carddav_msg.directory.sql.accounts import account_of, member_of
from carddav_msg.directory.sql.borrowed import Borrowed
from carddav_msg.directory.sql.compiled import Statement
from carddav_msg.directory.sql.keptdoors import KeptDoors
from carddav_msg.directory.sql.statements import statements
from carddav_msg.domain.access import GRANTED, Book, BookKind, Grant
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import Unavailable

log = logging.getLogger(__name__)


class SqlHotReads:
    """`HotReads` of the port. Threads may share it; each call borrows a connection for one statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._borrowed = Borrowed(engine, engine.raw_connection)
        self._sqlite = engine.dialect.name == "sqlite"
        self._doors = KeptDoors(str(engine.url.database)) if self._sqlite else None
        for name, statement in statements(self._sqlite).items():
            setattr(self, f"_{name}", Statement(statement, engine.dialect))

    _door: Statement
    _granted_door: Statement
    _home_door: Statement
    _listing: Statement
    _changes: Statement
    _cards: Statement
    _card: Statement
    _texts: Statement
    _names: Statement
    _numbered_cards: Statement
    _fragments: Statement
    _home: Statement
    _member: Statement
    _account: Statement
    _known_place: Statement
    _photo: Statement
    _selected: Statement
    _named: Statement
    _network_row: Statement
    _two_networks: Statement

    def _run(self, statement: Statement, **parameters: Any) -> list[Any]:
        bound = statement.bind(parameters)
        dbapi = self._engine.dialect.dbapi
        for attempt in (1, 2):
            try:
                connection: Any = self._borrowed.take()
            except (dbapi.Error, PoolTimeout) as error:  # type: ignore[union-attr]  # an engine always has its driver
                log.warning("The database can't be reached: %s", error)
                raise Unavailable(f"The database can't be reached ({type(error).__name__}).") from None
            try:
                rows: list[Any] = connection.dbapi_connection.execute(statement.sql, bound).fetchall()
            except dbapi.DatabaseError as error:  # type: ignore[union-attr]  # an engine always has its driver
                # A kept connection may have died with its server; a new one tells whether the server is back.
                connection.invalidate()
                connection.close()
                self._borrowed.drop()
                if self._doors is not None:
                    self._doors.close()  # should there be another file now, it has to be looked at, too
                log.warning("The database could not answer: %s", error)
                if self._sqlite or attempt == 2:
                    raise Unavailable(f"The database can't answer now ({type(error).__name__}).") from None
            except BaseException:
                connection.close()
                raise
            else:
                self._borrowed.give_back(connection)
                return rows
        raise AssertionError("unreachable")

    def _array(self, values: Sequence[Any]) -> Any:
        return arrays.bound(values, sqlite=self._sqlite)

    def door(self, network_key: str, user_key: str, slug: str, device: str = "") -> Door | None:
        return self._kept((network_key, user_key, slug, device), self._read_door)

    def home_door(self, network_key: str, user_key: str, device: str = "") -> Door | None:
        return self._kept((network_key, user_key, None, device), self._read_home_door)

    def _kept(self, asked: Asked, read: Callable[..., Door | None]) -> Door | None:
        """A door from memory while it is certain that it is as it was, else read."""
        if self._doors is None:
            return read(*asked)
        doors = self._doors.unchanged()
        door = doors.get(asked)
        if door is None:
            door = read(*asked)
            if door is not None:
                doors[asked] = door
        return door

    def _read_door(self, network_key: str, user_key: str, slug: str, device: str) -> Door | None:
        network, tilde, book = slug.partition(GRANTED)
        asked = {"network_key": network_key, "user_key": user_key, "device": device}
        if tilde:
            rows = self._run(self._granted_door, book_network=fold(network), slug=book, **asked)
        else:
            rows = self._run(self._door, slug=slug, **asked)
        if not rows:
            return None
        book = rows[0][_DOOR_ENDS:]
        return _door(rows[0], _book(book) if book[0] is not None else None)

    def _read_home_door(self, network_key: str, user_key: str, _slug: None, device: str) -> Door | None:
        rows = self._run(self._home_door, network_key=network_key, user_key=user_key, device=device)
        if not rows:
            return None
        home = (row[_DOOR_ENDS:] for row in rows)
        return _door(rows[0], home=tuple(_book(book) for book in home if book[0] is not None))

    def listing(self, book: int, after: int, limit: int) -> list[Entry]:
        return self._run(self._listing, book=book, after=after, limit=limit)

    def changes(self, book: int, after: int, deletions_after: int, limit: int) -> list[Entry]:
        return self._run(self._changes, book=book, after=after, deletions_after=deletions_after, limit=limit)

    def cards(self, book: int, hrefs: Sequence[str]) -> list[CardRow]:
        return [CardRow(*row) for row in self._run(self._cards, book=book, hrefs=self._array(hrefs))]

    def card(self, book: int, href: str) -> CardRow | None:
        rows = self._run(self._card, book=book, href=href)
        return CardRow(*rows[0]) if rows else None

    def texts(self, book: int, after: int, limit: int) -> list[tuple[int, CardRow]]:
        return [(row[0], CardRow(*row[1:])) for row in self._run(self._texts, book=book, after=after, limit=limit)]

    def names(self, book: int, limit: int) -> tuple[int, str, str]:
        count, cards, names = self._run(self._names, book=book, limit=limit)[0]
        return count, cards or "", names or ""

    def numbered_cards(self, book: int, rows: Sequence[int]) -> list[CardRow]:
        return [CardRow(*row) for row in self._run(self._numbered_cards, book=book, rows=self._array(rows))]

    def fragments(self, book: int, after: int, limit: int) -> list[tuple[int, int, str]]:
        return [(row[0], row[1], row[2]) for row in self._run(self._fragments, book=book, after=after, limit=limit)]

    def home(self, user: int) -> list[Book]:
        return [_book(row[1:]) for row in self._run(self._home, user=user)]

    def member(self, user: int) -> tuple[User, Network] | None:
        rows = self._run(self._member, user=user)
        return member_of(rows[0]) if rows else None

    def account(self, user: int, device: str, since: int) -> AccountRow | None:
        rows = self._run(self._account, user=user, device=device, since=since)
        return account_of(rows[0]) if rows else None

    def known_place(self, user: int, place: str, since: int) -> bool:
        return bool(self._run(self._known_place, user=user, place=place, since=since))

    def photo(self, digest: str) -> tuple[str, bytes] | None:
        rows = self._run(self._photo, digest=digest)
        return (rows[0][0], bytes(rows[0][1])) if rows else None

    def selected(self, cloud_id: str, hosts: Sequence[str]) -> tuple[set[int], list[set[int]]]:
        found: list[set[int]] = [set() for _ in range(len(hosts) + 1)]
        if cloud_id or any(hosts):
            asked = self._array([host for host in hosts if host])
            for host, network in self._run(self._selected, cloud_id=cloud_id, hosts=asked):
                for place in [0] if host is None else [place for place, one in enumerate(hosts, 1) if one == host]:
                    found[place].add(network)
        return found[0], found[1:]

    def network_row(self, network_id: str) -> int | None:
        rows = self._run(self._network_row, key=fold(network_id))
        return rows[0][1] if rows else None

    def sole_network(self) -> int | None:
        rows = self._run(self._two_networks)
        return rows[0][0] if len(rows) == 1 else None

    def named(self, networks: Sequence[int], user_key: str) -> tuple[list[Named], list[Named], list[Named]]:
        steps: tuple[list[Named], list[Named], list[Named]] = ([], [], [])
        if networks:
            for row in self._run(self._named, networks=self._array(networks), key=user_key):
                steps[row[0]].append(Named(*row[1:]))
        return steps


_DOOR_ENDS = 12


def _door(row: Sequence[Any], book: Book | None = None, home: tuple[Book, ...] = ()) -> Door:
    return Door(
        user=row[0],
        network=row[1],
        network_id=row[2],
        cloud_username=row[3],
        enabled=bool(row[4]),
        messaging=bool(row[5]),
        session_epoch=row[6],
        secret_version=row[7] or 0,
        password_hash=row[8] or "",
        grants=_grants(row[9]) if row[9] else (),
        device_revoked=bool(row[10]),
        credentials_in_query=row[11],
        book=book,
        home=home,
    )


def _grants(text: str) -> tuple[Grant, ...]:
    pairs = (part.split(":") for part in text.split(","))
    return tuple(sorted((Grant(role, int(scope) or None) for role, scope in pairs), key=str))


@lru_cache(maxsize=4096)
def _book(row: tuple[Any, ...]) -> Book:
    """The same row is the same book: polls read nearly always the one that they read before."""
    kind = BookKind(row[2])
    access = "write" if kind is BookKind.PERSONAL else row[6]
    return Book(row[0], row[1], kind, row[3], row[4], row[5], access, *row[7:])
