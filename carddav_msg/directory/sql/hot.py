"""The few statements that phones wait for: written in Core, compiled once per dialect, run on the pooled driver
connection as tuples. A statement rebuilt for each call costs more than the database's answer to it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Engine,
    Select,
    String,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql import CompoundSelect

from carddav_msg.directory.rows import CardRow, Door, Entry, Named
from carddav_msg.directory.sql.schema import (
    Row,
    Text,
    book_members,
    books,
    cards,
    credentials,
    devices,
    grants,
    network_cloud_ids,
    network_domains,
    networks,
    photos,
    tombstones,
    user_aliases,
    users,
)
from carddav_msg.domain.access import Book, BookKind, Grant
from carddav_msg.errors import Unavailable

log = logging.getLogger(__name__)

_BOOK = (
    books.c.id,
    books.c.network,
    books.c.kind,
    books.c.slug,
    books.c.display_name,
    books.c.owner,
    func.coalesce(book_members.c.access, books.c.everyone),
    books.c.epoch,
    books.c.seq,
    books.c.floor,
    books.c.description,
    books.c.color,
    books.c.modified,
)


class Statement:
    """A compiled statement with the order (or names) of its parameters."""

    __slots__ = ("constants", "order", "sql")

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self.sql = compiled.string
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}
        self.order = tuple(compiled.positiontup or ()) if compiled.positional else None

    def bind(self, parameters: dict[str, Any]) -> Any:
        if self.constants:
            parameters = {**self.constants, **parameters}
        return parameters if self.order is None else tuple(parameters[name] for name in self.order)


class SqlHotReads:
    """`HotReads` of the port. Threads may share it; each call borrows a connection for one statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        for name, statement in _statements(self._sqlite).items():
            setattr(self, f"_{name}", Statement(statement, engine))

    _door: Statement
    _listing: Statement
    _changes: Statement
    _cards: Statement
    _card: Statement
    _texts: Statement
    _search: Statement
    _fragments: Statement
    _home: Statement
    _photo: Statement
    _selected: Statement
    _named: Statement

    def _run(self, statement: Statement, **parameters: Any) -> list[Any]:
        bound = statement.bind(parameters)
        dbapi = self._engine.dialect.dbapi
        for attempt in (1, 2):
            try:
                connection = self._engine.raw_connection()
            except (dbapi.Error, TimeoutError) as error:  # type: ignore[union-attr]  # an engine always has its driver
                log.warning("The database can't be reached: %s", error)
                raise Unavailable(f"The database can't be reached ({type(error).__name__}).") from None
            try:
                driver: Any = connection.dbapi_connection
                return list(driver.execute(statement.sql, bound).fetchall())
            except dbapi.OperationalError as error:  # type: ignore[union-attr]  # an engine always has its driver
                # A pooled connection may have died with its server; a new one tells whether the server is back.
                connection.invalidate()
                log.warning("The database could not answer: %s", error)
                if self._sqlite or attempt == 2:
                    raise Unavailable(f"The database can't answer now ({type(error).__name__}).") from None
            finally:
                connection.close()
        raise AssertionError("unreachable")

    def _array(self, values: Sequence[Any]) -> Any:
        return json.dumps(list(values)) if self._sqlite else list(values)

    def door(self, network_key: str, user_key: str, slug: str, device: str = "") -> Door | None:
        rows = self._run(self._door, network_key=network_key, user_key=user_key, slug=slug, device=device)
        if not rows:
            return None
        row = rows[0]
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
            book=_book(row[11:]) if row[11] is not None else None,
        )

    def listing(self, book: int, after: int, limit: int) -> list[Entry]:
        return [Entry(*row) for row in self._run(self._listing, book=book, after=after, limit=limit)]

    def changes(self, book: int, after: int, deletions_after: int, limit: int) -> list[Entry]:
        rows = self._run(self._changes, book=book, after=after, deletions_after=deletions_after, limit=limit)
        return [Entry(*row) for row in rows]

    def cards(self, book: int, hrefs: Sequence[str]) -> list[CardRow]:
        return [CardRow(*row) for row in self._run(self._cards, book=book, hrefs=self._array(hrefs))]

    def card(self, book: int, href: str) -> CardRow | None:
        rows = self._run(self._card, book=book, href=href)
        return CardRow(*rows[0]) if rows else None

    def texts(self, book: int, after: int, limit: int) -> list[tuple[int, CardRow]]:
        return [(row[0], CardRow(*row[1:])) for row in self._run(self._texts, book=book, after=after, limit=limit)]

    def search(self, book: int, text: str, after: int, limit: int) -> list[tuple[int, CardRow]]:
        rows = self._run(self._search, book=book, wanted=text, after=after, limit=limit)
        return [(row[0], CardRow(*row[1:])) for row in rows]

    def fragments(self, book: int, after: int, limit: int) -> list[tuple[int, int, str]]:
        return [(row[0], row[1], row[2]) for row in self._run(self._fragments, book=book, after=after, limit=limit)]

    def home(self, user: int) -> list[Book]:
        return [_book(row) for row in self._run(self._home, user=user)]

    def photo(self, digest: str) -> tuple[str, bytes] | None:
        rows = self._run(self._photo, digest=digest)
        return (rows[0][0], bytes(rows[0][1])) if rows else None

    def selected(self, cloud_id: str, hosts: Sequence[str]) -> tuple[set[int], list[set[int]]]:
        found: list[set[int]] = [set() for _ in range(len(hosts) + 1)]
        for number, host in enumerate(hosts or [""]):
            if cloud_id or host:
                for step, network in self._run(self._selected, cloud_id="" if number else cloud_id, host=host):
                    found[0 if step == 0 else number + 1].add(network)
        return found[0], found[1:]

    def named(self, networks: Sequence[int], user_key: str) -> tuple[list[Named], list[Named], list[Named]]:
        steps: tuple[list[Named], list[Named], list[Named]] = ([], [], [])
        if networks:
            for row in self._run(self._named, networks=self._array(networks), key=user_key):
                steps[row[0]].append(Named(*row[1:]))
        return steps


def _grants(text: str) -> tuple[Grant, ...]:
    pairs = (part.split(":") for part in text.split(","))
    return tuple(sorted((Grant(role, int(scope) or None) for role, scope in pairs), key=str))


def _book(row: Sequence[Any]) -> Book:
    kind = BookKind(row[2])
    access = "write" if kind is BookKind.PERSONAL else row[6]
    return Book(row[0], row[1], kind, row[3], row[4], row[5], access, *row[7:])


def _statements(sqlite: bool) -> dict[str, Select[Any] | CompoundSelect[Any]]:
    def among(column: ColumnElement[Any], name: str, kind: Any) -> ColumnElement[bool]:
        if sqlite:
            return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))
        return column == any_(cast(bindparam(name), ARRAY(kind)))

    book: BindParameter[Any] = bindparam("book")
    after: BindParameter[Any] = bindparam("after")
    page: BindParameter[Any] = bindparam("limit", type_=Row)
    card_row = (cards.c.href, cards.c.etag, cards.c.text, cards.c.uid, cards.c.modified, cards.c.size)
    texts = select(cards.c.seq, *card_row).where(cards.c.book == book, cards.c.seq > after)
    # Not LIKE: it has metacharacters, and SQLite's does not tell "a" from "A".
    place = func.instr if sqlite else func.strpos
    return {
        "door": _door_statement(func.group_concat if sqlite else func.string_agg),
        "listing": select(cards.c.seq, cards.c.href, cards.c.etag)
        .where(cards.c.book == book, cards.c.seq > after)
        .order_by(cards.c.seq)
        .limit(page),
        "changes": union_all(
            select(cards.c.seq, cards.c.href, cards.c.etag).where(cards.c.book == book, cards.c.seq > after),
            select(tombstones.c.seq, tombstones.c.href, null()).where(
                tombstones.c.book == book, tombstones.c.seq > after, tombstones.c.seq > bindparam("deletions_after")
            ),
        )
        .order_by(literal_column("1"))
        .limit(page),
        "cards": select(*card_row).where(cards.c.book == book, among(cards.c.href, "hrefs", String)),
        "card": select(*card_row).where(cards.c.book == book, cards.c.href == bindparam("href")),
        "texts": texts.order_by(cards.c.seq).limit(page),
        "search": texts.where(place(cards.c.fn_key, bindparam("wanted", type_=Text)) > literal_column("0"))
        .order_by(cards.c.seq)
        .limit(page),
        "fragments": select(cards.c.seq, func.coalesce(cards.c.user, 0), cards.c.fragment)
        .where(cards.c.book == book, cards.c.seq > after)
        .order_by(cards.c.seq)
        .limit(page),
        "home": select(*_BOOK)
        .select_from(
            users.join(books, _in_home()).outerjoin(
                book_members, and_(book_members.c.book == books.c.id, book_members.c.user == users.c.id)
            )
        )
        .where(users.c.id == bindparam("user"))
        .order_by(books.c.owner, books.c.kind, books.c.slug),
        "photo": select(photos.c.media_type, photos.c.body).where(photos.c.digest == bindparam("digest")),
        "selected": union_all(
            select(literal_column("0"), network_cloud_ids.c.network).where(
                network_cloud_ids.c.cloud_id == bindparam("cloud_id")
            ),
            select(literal_column("1"), networks.c.id).where(
                networks.c.sip_host_key == bindparam("host"), bindparam("host", type_=Text) != literal_column("''")
            ),
            select(literal_column("1"), network_domains.c.network).where(network_domains.c.domain == bindparam("host")),
        ),
        "named": _named_statement(
            among(users.c.network, "networks", Row), among(user_aliases.c.network, "networks", Row)
        ),
    }


def _in_home() -> ColumnElement[bool]:
    """A book is in a user's home: the view the user has, the network's shared books, the user's own."""
    return and_(
        books.c.network == users.c.network,
        or_(books.c.owner == literal_column("0"), books.c.owner == users.c.id),
        or_(books.c.kind != literal_column("'directory'"), books.c.id == users.c.view),
    )


def _door_statement(concatenate: Callable[..., ColumnElement[Any]]) -> Select[Any]:
    roles = (
        select(concatenate(grants.c.role + literal_column("':'") + cast(grants.c.scope, Text), literal_column("','")))
        .where(grants.c.user == users.c.id)
        .scalar_subquery()
    )
    return (
        select(
            users.c.id,
            users.c.network,
            networks.c.network_id,
            users.c.cloud_username,
            users.c.enabled,
            users.c.messaging,
            users.c.session_epoch,
            credentials.c.secret_version,
            credentials.c.password_hash,
            roles,
            devices.c.revoked,
            *_BOOK,
        )
        .select_from(
            users.join(networks, networks.c.id == users.c.network)
            .outerjoin(credentials, credentials.c.user == users.c.id)
            .outerjoin(devices, and_(devices.c.user == users.c.id, devices.c.device == bindparam("device")))
            .outerjoin(books, and_(_in_home(), books.c.slug == bindparam("slug")))
            .outerjoin(book_members, and_(book_members.c.book == books.c.id, book_members.c.user == users.c.id))
        )
        .where(networks.c.network_key == bindparam("network_key"), users.c.cloud_username_key == bindparam("user_key"))
    )


def _named_statement(in_networks: ColumnElement[bool], alias_in_networks: ColumnElement[bool]) -> CompoundSelect[Any]:
    key: BindParameter[Any] = bindparam("key")
    columns = (
        users.c.id,
        users.c.network,
        networks.c.network_key,
        users.c.cloud_username_key,
        users.c.cloud_username,
        users.c.sip_username,
    )
    there = users.join(networks, networks.c.id == users.c.network)
    return union_all(
        select(literal_column("0"), *columns).select_from(there).where(in_networks, users.c.cloud_username_key == key),
        select(literal_column("1"), *columns)
        .select_from(there.join(user_aliases, user_aliases.c.user == users.c.id))
        .where(alias_in_networks, user_aliases.c.alias_key == key),
        select(literal_column("2"), *columns).select_from(there).where(in_networks, users.c.sip_username_key == key),
    )
