"""Writing address books, their members and their change numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, insert, select, true, union, update

from carddav_msg.directory.rows import DirectoryBook
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import book_members, books, cards, users
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import View
from carddav_msg.errors import AlreadyExists, NotFound


class BookWrites(Writes):
    """Address books; `take_numbers` locks one until the transaction ends."""

    def add_book(self, book: Book, *, view: str = "", rule: View | None = None, everyone: str = "") -> Book:
        same = (books.c.network == book.network, books.c.slug == book.slug, books.c.view == view)
        owners = [0, book.owner] if book.owner else None
        query = select(books.c.id).where(*same)
        if owners:
            query = query.where(books.c.owner.in_(owners))
        if self.connection.execute(query).first():
            raise AlreadyExists(f"There is an address book {book.slug!r} already.")
        values: dict[str, Any] = {
            "network": book.network,
            "kind": str(book.kind),
            "owner": book.owner,
            "slug": book.slug,
            "view": view,
            "rule": codec.view_json(rule) if rule else "{}",
            "display_name": book.display_name,
            "description": book.description,
            "color": book.color,
            "everyone": everyone,
            # Rows of removed books are used again, also after a backup was restored: the time tells them apart.
            "epoch": max(book.epoch, self.now),
            "modified": self.now,
        }
        row = self.connection.execute(insert(books).values(values).returning(books.c.id)).scalar_one()
        return replace(book, id=row, epoch=values["epoch"], modified=self.now)

    def save_book(self, book: Book, *, everyone: str | None = None) -> None:
        values = {"display_name": book.display_name, "description": book.description, "color": book.color}
        if everyone is not None:
            values["everyone"] = everyone
        self.connection.execute(update(books).where(books.c.id == book.id).values(values))

    def save_member(self, book: int, user: int, access: str) -> None:
        if access:
            self._upsert(book_members, [{"book": book, "user": user, "access": access}])
        else:
            where = (book_members.c.book == book, book_members.c.user == user)
            self.connection.execute(delete(book_members).where(*where))

    def remove_book(self, book: int) -> None:
        self.connection.execute(delete(books).where(books.c.id == book))

    def book(self, book: int) -> Book | None:
        row = self.connection.execute(select(books).where(books.c.id == book)).first()
        if row is None:
            return None
        return Book(
            id=row.id,
            network=row.network,
            kind=BookKind(row.kind),
            slug=row.slug,
            display_name=row.display_name,
            owner=row.owner,
            access=row.everyone,
            epoch=row.epoch,
            seq=row.seq,
            floor=row.floor,
            description=row.description,
            color=row.color,
            modified=row.modified,
        )

    def move_readers(self, view: int, to: int) -> int:
        return self.connection.execute(update(users).where(users.c.view == view).values(view=to)).rowcount

    def directory_books(self, network: int) -> list[DirectoryBook]:
        query = select(books).where(books.c.network == network, books.c.kind == "directory").order_by(books.c.id)
        return [DirectoryBook(row.id, row.view, codec.view_of(row.rule)) for row in self.connection.execute(query)]

    def save_view(self, book: int, rule: View) -> None:
        self.connection.execute(update(books).where(books.c.id == book).values(rule=codec.view_json(rule)))

    def reader_views(self, network: int, of_books: Sequence[int]) -> dict[int, frozenset[View]]:
        found: dict[int, set[View]] = {book: set() for book in of_books}
        everyone = select(users.c.view).where(users.c.network == network).distinct().subquery()
        views = books.alias("views")
        for some in codec.chunks(of_books):
            here = books.c.id.in_(some)
            readers = union(
                select(books.c.id, users.c.view).join(users, users.c.id == books.c.owner).where(here),
                select(book_members.c.book, users.c.view)
                .join(users, users.c.id == book_members.c.user)
                .where(book_members.c.book.in_(some)),
                select(books.c.id, everyone.c.view)
                .join(everyone, true())
                .where(here, books.c.owner == 0, books.c.everyone != ""),
            ).subquery()
            query = select(readers.c.id, views.c.rule).join(views, views.c.id == readers.c.view)
            for book, rule in self.connection.execute(query):
                found[book].add(codec.view_of(rule))
        return {book: frozenset(rules) for book, rules in found.items()}

    def linked_books(self, of_users: Sequence[int]) -> list[int]:
        found: set[int] = set()
        for some in codec.chunks(of_users):
            query = select(books.c.id).distinct().join(cards, cards.c.book == books.c.id)
            found.update(self.connection.scalars(query.where(cards.c.user.in_(some), books.c.kind != "directory")))
        return sorted(found)

    def client_books(self, network: int) -> list[tuple[int, BookKind, int]]:
        query = select(books.c.id, books.c.kind, books.c.seq)
        query = query.where(books.c.network == network, books.c.kind != "directory").order_by(books.c.id)
        return [(row.id, BookKind(row.kind), row.seq) for row in self.connection.execute(query)]

    def shared_books(self, network: int) -> list[int]:
        query = select(books.c.id).where(books.c.network == network, books.c.kind == BookKind.SHARED)
        return list(self.connection.scalars(query.order_by(books.c.id)))

    def take_numbers(self, book: int, count: int) -> int:
        if count:
            rows = self._rows(self.statements.take_numbers, row=book, count=count, now=self.now)
        else:
            rows = self._rows(self.statements.lock_book, row=book)
        if not rows:
            raise NotFound("There is no such address book any more.")
        return int(rows[0].seq)
