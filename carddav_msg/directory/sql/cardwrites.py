"""Writing cards: the rows, their numbers, tombstones and match keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from carddav_msg.directory.rows import StoredCard
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import books, card_keys, cards, tombstones, users
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.directory.sql.writestatements import STORED
from carddav_msg.domain.matchkeys import MatchKey

_DAY: Final = 24 * 3600 * 1_000_000


class CardWrites(Writes):
    """Cards of one book at a time; callers have taken the book's numbers."""

    def cards_of_users(self, book: int, users: Sequence[int]) -> list[StoredCard]:
        found: list[StoredCard] = []
        for some in codec.chunks(users):
            query = select(*STORED).where(cards.c.user.in_(some), cards.c.book == book).order_by(cards.c.id)
            found += map(_stored, self.connection.execute(query))
        return found

    def cards_between(self, book: int, after: int, until: int, limit: int) -> list[tuple[int, StoredCard]]:
        rows = self._rows(self.statements.cards_between, in_book=book, after=after, until=until, some=limit)
        return [(row.seq, _stored(row)) for row in rows]

    def directory_cards_between(
        self, book: int, after: int, until: int, limit: int
    ) -> list[tuple[int, StoredCard, str]]:
        rows = self._rows(self.statements.directory_cards_between, in_book=book, after=after, until=until, some=limit)
        return [(row.seq, _stored(row), row.cloud_username if row.enabled and row.messaging else "") for row in rows]

    def linked_books_of(self, network: int) -> list[int]:
        there = cards.join(users, users.c.id == cards.c.user).join(books, books.c.id == cards.c.book)
        query = select(books.c.id).distinct().select_from(there)
        query = query.where(users.c.network == network, books.c.kind != "directory").order_by(books.c.id)
        return list(self.connection.scalars(query))

    def stored_card(self, book: int, href: str) -> StoredCard | None:
        rows = self._rows(self.statements.stored_card, in_book=book, at_href=href)
        return _stored(rows[0]) if rows else None

    def href_of_uid(self, book: int, uid: str) -> str | None:
        rows = self._rows(self.statements.href_of_uid, in_book=book, of_uid=uid)
        return str(rows[0].href) if rows else None

    def save_cards(self, book: int, changed: Sequence[StoredCard], last_seq: int) -> None:
        numbered = list(enumerate(changed, last_seq - len(changed) + 1))
        old = [{"row": card.id, "seq": seq, **_values(card)} for seq, card in numbered if card.id]
        new = [{"book": book, "seq": seq, **_values(card)} for seq, card in numbered if not card.id]
        self._each(self.statements.update_card, old)
        self._each(self.statements.insert_card, new)
        if new:
            self._rows(
                self.statements.forget_tombstones, in_book=book, hrefs=self._array([card["href"] for card in new])
            )

    def save_links(self, changed: Sequence[StoredCard]) -> None:
        statement = update(cards).where(cards.c.id == bindparam("row"))
        values = [{"row": card.id, "whom": card.user or None, "why": card.link} for card in changed]
        self.connection.execute(statement.values(user=bindparam("whom"), link=bindparam("why")), values)

    def delete_cards(self, book: int, hrefs: Sequence[str], last_seq: int) -> None:
        gone = {"in_book": book, "hrefs": self._array(hrefs)}
        self._rows(self.statements.delete_cards, **gone)
        self._rows(self.statements.bury, **gone, first=last_seq - len(hrefs) + 1, now=self.now)
        # Here the book is locked, and no one has to remember to tidy up.
        self.prune(book, self.now - self.retention.tombstones * _DAY)

    def prune(self, book: int, before: int) -> int:
        floor = self._rows(self.statements.last_forgotten, in_book=book, before=before)[0].floor
        if floor is None:
            return 0
        self.connection.execute(update(books).where(books.c.id == book, books.c.floor < floor).values(floor=floor))
        old = (tombstones.c.book == book, tombstones.c.seq <= floor)
        return self.connection.execute(delete(tombstones).where(*old)).rowcount

    def save_card_keys(self, network: int, book: int, keys: Mapping[str, Iterable[MatchKey]]) -> None:
        hrefs = list(keys)
        ids: dict[str, int] = {}
        for some in codec.chunks(hrefs):
            query = select(cards.c.href, cards.c.id).where(cards.c.book == book, cards.c.href.in_(some))
            ids.update((row.href, row.id) for row in self.connection.execute(query))
            self.connection.execute(delete(card_keys).where(card_keys.c.card.in_([ids[href] for href in some])))
        rows = [
            {"network": network, "kind": kind, "key": key, "card": ids[href]}
            for href, pairs in keys.items()
            for kind, key in dict.fromkeys(pairs)
        ]
        if rows:
            self.connection.execute(insert(card_keys), rows)

    def cards_with_keys(self, network: int, keys: Sequence[MatchKey]) -> list[tuple[int, StoredCard]]:
        found: dict[int, tuple[int, StoredCard]] = {}
        for some in codec.chunks(keys, 200):
            query = (
                select(cards.c.book, *STORED)
                .join(card_keys, card_keys.c.card == cards.c.id)
                .where(card_keys.c.network == network, tuple_(card_keys.c.kind, card_keys.c.key).in_(some))
                .order_by(cards.c.book, cards.c.id)
            )
            found.update((row.id, (row.book, _stored(row))) for row in self.connection.execute(query))
        return [found[row] for row in sorted(found, key=lambda row: (found[row][0], row))]

    def forget_card_keys(self, network: int) -> None:
        self.connection.execute(delete(card_keys).where(card_keys.c.network == network))


def _stored(row: Any) -> StoredCard:
    return StoredCard(
        id=row.id,
        href=row.href,
        uid=row.uid,
        etag=row.etag,
        user=row.user or 0,
        modified=row.modified,
        text=row.text,
        fragment=row.fragment,
        fn_key=row.fn_key,
        link=row.link,
    )


def _values(card: StoredCard) -> dict[str, Any]:
    return {
        "href": card.href,
        "uid": card.uid,
        "etag": card.etag,
        "user": card.user or None,
        "modified": card.modified,
        "size": len(card.text.encode()),
        "fn_key": card.fn_key,
        "link": card.link,
        "text": card.text,
        "fragment": card.fragment,
    }
