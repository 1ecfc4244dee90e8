"""Reads for administration and sign-in, and the directory itself: `SqlDirectory` implements the port."""

from __future__ import annotations

import copy
import random
import string
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import BoundedSemaphore
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, func, literal, or_, select, union_all
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import CompoundSelect

from carddav_msg.directory.rows import (
    Credentials,
    DirectoryBook,
    GrantRow,
    Rendering,
    Retention,
    SeenCard,
    SharedBook,
    UserWithSecrets,
)
from carddav_msg.directory.sql import codec, engine, renderings
from carddav_msg.directory.sql.borrowed import Borrowed
from carddav_msg.directory.sql.engine import Conflict, open_engines, translated
from carddav_msg.directory.sql.hot import SqlHotReads
from carddav_msg.directory.sql.migrate import schema_problem
from carddav_msg.directory.sql.observing import read_observations, read_observed
from carddav_msg.directory.sql.schema import (
    audit,
    book_members,
    books,
    card_versions,
    cards,
    credentials,
    grants,
    keys,
    network_aliases,
    network_cloud_ids,
    network_domains,
    networks,
    user_aliases,
    users,
)
from carddav_msg.directory.sql.signinreads import SqlSignInReads
from carddav_msg.directory.sql.writer import SqlTransaction
from carddav_msg.directory.sql.writestatements import WriteStatements
from carddav_msg.domain.audit import SERVER, Actor, AuditEntry, CardVersion
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.observations import Observation, Outcome
from carddav_msg.domain.user import User
from carddav_msg.errors import Unavailable

T = TypeVar("T")
_TRIES = 5
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""What `lower` of both databases does, with the collation that our columns have."""


class SqlDirectory(SqlSignInReads, SqlHotReads):
    """The directory on a SQL database. Opening connects to nothing; threads share one object, processes don't."""

    def __init__(self, url: str, retention: Retention, rendering: Rendering, threads: int) -> None:
        self._reads, writes = open_engines(url, threads)
        self._writers = Borrowed(writes, writes.connect)
        self._turn = BoundedSemaphore(engine.writers(threads))
        self._actor = SERVER
        self._retention = retention
        self._rendering = rendering
        self._write_statements = WriteStatements(writes, rendering)
        super().__init__(self._reads)

    def acting(self, actor: Actor) -> SqlDirectory:
        acting = copy.copy(self)
        acting._actor = actor
        return acting

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with translated(), self._writing() as connection, connection.begin():
            now = time.time_ns() // 1000
            yield SqlTransaction(connection, self._write_statements, now, self._actor, self._retention)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection for a change, kept for the next one if it was good."""
        # A thread that waits for the pool would not be woken by one that is kept beside it.
        if not self._turn.acquire(timeout=engine.BUSY_SECONDS):
            raise Unavailable("Too many changes wait for the database.")
        try:
            connection = self._writers.take()
            try:
                yield connection
            except BaseException:
                if connection.invalidated:  # its server went away, and the others' with it
                    self._writers.drop()
                connection.close()
                raise
            self._writers.give_back(connection)
        finally:
            self._turn.release()

    def transact(self, work: Callable[[SqlTransaction], T]) -> T:
        for attempt in range(_TRIES):
            try:
                with self.write() as transaction:
                    return work(transaction)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311  # a pause, not a secret
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._doors is not None:
            self._doors.close()  # before the last one that may write, which tidies up the log
        self._borrowed.drop()
        self._writers.drop()

    def networks(self) -> list[Network]:
        with self._reading() as connection:
            return read_networks(connection, select(networks).order_by(networks.c.network_key))

    def network(self, network_id: str) -> Network | None:
        key = fold(network_id)
        by_alias = networks.join(network_aliases, network_aliases.c.network == networks.c.id)
        # Not `or`: the database would look at every row.
        query = union_all(
            select(literal(0).label("place"), networks).where(networks.c.network_key == key),
            select(literal(1), networks).select_from(by_alias).where(network_aliases.c.alias_key == key),
        )
        with self._reading() as connection:
            found = read_networks(connection, query.order_by("place"))
        return found[0] if found else None

    def user(self, network: int, name: str) -> User | None:
        key = fold(name)
        by_alias = users.join(user_aliases, user_aliases.c.user == users.c.id)
        before = (user_aliases.c.network == network, user_aliases.c.alias_key == key)
        query = union_all(
            select(literal(0).label("place"), users).where(
                users.c.network == network, users.c.cloud_username_key == key
            ),
            select(literal(1), users).select_from(by_alias).where(users.c.network == network, *before),
        )
        with self._reading() as connection:
            row = connection.execute(query.order_by("place")).first()
        return codec.user_of(row) if row else None

    def is_named(self, user: int, network_id: str, name: str) -> bool:
        network_key, user_key = fold(network_id), fold(name)
        there = users.join(networks, networks.c.id == users.c.network)
        once = select(network_aliases.c.network).where(network_aliases.c.alias_key == network_key)
        before = select(user_aliases.c.user).where(user_aliases.c.alias_key == user_key)
        query = (
            select(users.c.id)
            .select_from(there)
            .where(
                users.c.id == user,
                or_(networks.c.network_key == network_key, networks.c.id.in_(once)),
                or_(users.c.cloud_username_key == user_key, users.c.id.in_(before)),
            )
        )
        with self._reading() as connection:
            return connection.execute(query).first() is not None

    def users(self, network: int, after: str, limit: int) -> list[User]:
        query = (
            select(users)
            .where(users.c.network == network, users.c.cloud_username_key > fold(after))
            .order_by(users.c.cloud_username_key)
            .limit(limit)
        )
        with self._reading() as connection:
            return [codec.user_of(row) for row in connection.execute(query)]

    def with_secrets(self, user: int) -> UserWithSecrets | None:
        query = (
            select(users, credentials.c.password_hash, credentials.c.secret_version, credentials.c.sip_password)
            .outerjoin(credentials, credentials.c.user == users.c.id)
            .where(users.c.id == user)
        )
        with self._reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        secrets = Credentials(row.password_hash or "", row.secret_version or 0, row.sip_password)
        return UserWithSecrets(codec.user_of(row), secrets)

    def directory_books(self, network: int) -> list[DirectoryBook]:
        with self._reading() as connection:
            return read_directory_books(connection, network)

    def shared_books(self, network: int) -> list[SharedBook]:
        count = select(func.count()).where(cards.c.book == books.c.id).scalar_subquery()
        query = (
            select(books, count.label("cards"))
            .where(books.c.network == network, books.c.kind == "shared")
            .order_by(books.c.slug)
        )
        members = (
            select(book_members.c.book, users.c.cloud_username, book_members.c.access)
            .join(users, users.c.id == book_members.c.user)
            .where(users.c.network == network)
            .order_by(users.c.cloud_username_key)
        )
        with self._reading() as connection:
            by_book: dict[int, list[tuple[str, str]]] = {}
            for book, name, access in connection.execute(members):
                by_book.setdefault(book, []).append((name, access))
            return [
                SharedBook(
                    book=row.id,
                    network=network,
                    slug=row.slug,
                    display_name=row.display_name,
                    description=row.description,
                    everyone=row.everyone,
                    members=tuple(by_book.get(row.id, ())),
                    cards=row.cards,
                    allow_delete_until=row.allow_delete_until,
                )
                for row in connection.execute(query)
            ]

    def grants(self, network: int | None) -> list[GrantRow]:
        scopes = networks.alias("scopes")
        query = (
            select(
                networks.c.network_id,
                users.c.cloud_username,
                grants.c.role,
                func.coalesce(scopes.c.network_id, literal("*")),
            )
            .select_from(
                grants.join(users, users.c.id == grants.c.user)
                .join(networks, networks.c.id == users.c.network)
                .outerjoin(scopes, scopes.c.id == grants.c.scope)
            )
            .order_by(networks.c.network_key, users.c.cloud_username_key, grants.c.role)
        )
        if network is not None:
            query = query.where(grants.c.scope.in_([0, network]))
        with self._reading() as connection:
            return [GrantRow(*row) for row in connection.execute(query)]

    def key_checks(self) -> dict[str, tuple[str, str]]:
        with self._reading() as connection:
            return {row.key_id: (row.purpose, row.check_value) for row in connection.execute(select(keys))}

    def view_counts(self, network: int) -> dict[int, tuple[int, int]]:
        readers = select(func.count()).where(users.c.view == books.c.id).scalar_subquery()
        held = select(func.count()).where(cards.c.book == books.c.id).scalar_subquery()
        query = select(books.c.id, readers, held).where(books.c.network == network, books.c.kind == "directory")
        with self._reading() as connection:
            return {book: (users_, cards_) for book, users_, cards_ in connection.execute(query)}

    def audit(
        self, network: int | None, before: int, limit: int, *, actor: str = "", subject: str = "", since: int = 0
    ) -> list[tuple[int, AuditEntry]]:
        query = select(audit).where(audit.c.id < before).order_by(audit.c.id.desc()).limit(limit)
        if network is not None:
            query = query.where(audit.c.network == network)
        if actor:
            query = query.where(func.lower(audit.c.actor) == actor.translate(_LOWER))
        if subject:
            query = query.where(func.lower(audit.c.subject).contains(subject.translate(_LOWER), autoescape=True))
        if since:
            query = query.where(audit.c.at >= since)
        with self._reading() as connection:
            return [(row.id, codec.audit_entry_of(row)) for row in connection.execute(query)]

    def versions(self, book: int, name: str, limit: int) -> list[CardVersion]:
        query = select(card_versions).where(card_versions.c.book == book)
        if name:
            query = query.where(or_(card_versions.c.href == name, card_versions.c.uid == name))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(card_versions.c.at.desc(), card_versions.c.id.desc()).limit(limit))
            return [codec.version_of(row) for row in rows]

    def observations(self, user: int, since: int) -> list[Observation]:
        with self._reading() as connection:
            return read_observations(connection, user, since)

    def observed(self, since: int) -> list[tuple[int, str, Outcome]]:
        with self._reading() as connection:
            return read_observed(connection, since)

    def card_of(self, book: int, user: int) -> SeenCard | None:
        query = select(cards.c.seq, cards.c.text, cards.c.fragment).where(cards.c.book == book, cards.c.user == user)
        with self._reading() as connection:
            row = connection.execute(query).first()
        return SeenCard(*row) if row else None

    def networks_to_render(self) -> list[int]:
        with self._reading() as connection:
            return renderings.read_networks_to_render(connection, self._rendering)

    def cards_to_render(self) -> int:
        with self._reading() as connection:
            return renderings.count_cards_to_render(connection, self._rendering)

    def rendering_alone(self) -> AbstractContextManager[None]:
        return renderings.rendering_alone(self._reads)

    def ready(self) -> str:
        try:
            with self._reading() as connection:
                return schema_problem(connection)
        except (Unavailable, DBAPIError) as error:
            return f"The database does not answer ({type(error).__name__})."


def read_networks(connection: Connection, query: Select[Any] | CompoundSelect[Any]) -> list[Network]:
    """Networks of a query over the table, with their domains and Cloud IDs."""
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    domains = _by_network(connection, network_domains, network_domains.c.domain, ids)
    cloud_ids = _by_network(connection, network_cloud_ids, network_cloud_ids.c.cloud_id, ids)
    return [codec.network_of(row, domains.get(row.id, ()), cloud_ids.get(row.id, ())) for row in rows]


def read_directory_books(connection: Connection, network: int) -> list[DirectoryBook]:
    """The views of a network, the first made first."""
    query = select(books.c.id, books.c.view, books.c.rule).where(
        books.c.network == network, books.c.kind == "directory"
    )
    return [
        DirectoryBook(row.id, row.view, codec.view_of(row.rule))
        for row in connection.execute(query.order_by(books.c.id))
    ]


def _by_network(connection: Connection, table: Any, column: Any, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for some in codec.chunks(ids):
        for network, value in connection.execute(select(table.c.network, column).where(table.c.network.in_(some))):
            found.setdefault(network, []).append(value)
    return found
