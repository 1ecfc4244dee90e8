"""Writing cards: the rows, their numbers, tombstones and match keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from carddav_msg.directory.rows import StoredCard
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import card_keys, cards, tombstones
from carddav_msg.directory.sql.writes import Writes

_STORED = (
    cards.c.id,
    cards.c.href,
    cards.c.uid,
    cards.c.etag,
    cards.c.user,
    cards.c.modified,
    cards.c.text,
    cards.c.fragment,
    cards.c.fn_key,
)


class CardWrites(Writes):
    """Cards of one book at a time; callers have taken the book's numbers."""

    def cards_of_users(self, book: int, users: Sequence[int]) -> list[StoredCard]:
        found: list[StoredCard] = []
        for some in codec.chunks(users):
            query = select(*_STORED).where(cards.c.user.in_(some), cards.c.book == book).order_by(cards.c.id)
            found += map(_stored, self.connection.execute(query))
        return found

    def cards_after(self, book: int, after: int, limit: int) -> list[StoredCard]:
        query = select(*_STORED).where(cards.c.book == book, cards.c.id > after).order_by(cards.c.id).limit(limit)
        return [_stored(row) for row in self.connection.execute(query)]

    def stored_card(self, book: int, href: str) -> StoredCard | None:
        row = self.connection.execute(select(*_STORED).where(cards.c.book == book, cards.c.href == href)).first()
        return _stored(row) if row else None

    def href_of_uid(self, book: int, uid: str) -> str | None:
        return self.connection.execute(select(cards.c.href).where(cards.c.book == book, cards.c.uid == uid)).scalar()

    def save_cards(self, book: int, changed: Sequence[StoredCard], last_seq: int) -> None:
        first = last_seq - len(changed) + 1
        rows = [{**_values(card), "book": book, "seq": seq} for seq, card in enumerate(changed, first)]
        new = [row for row, card in zip(rows, changed, strict=True) if not card.id]
        old = [{**row, "row": card.id} for row, card in zip(rows, changed, strict=True) if card.id]
        if new:
            self.connection.execute(insert(cards), new)
            for some in codec.chunks([row["href"] for row in new]):
                self.connection.execute(
                    delete(tombstones).where(tombstones.c.book == book, tombstones.c.href.in_(some))
                )
        if old:
            settable: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "book"}
            self.connection.execute(update(cards).where(cards.c.id == bindparam("row")).values(settable), old)

    def delete_cards(self, book: int, hrefs: Sequence[str], last_seq: int) -> None:
        for some in codec.chunks(hrefs):
            self.connection.execute(delete(cards).where(cards.c.book == book, cards.c.href.in_(some)))
        first = last_seq - len(hrefs) + 1
        rows = [{"book": book, "href": href, "seq": seq, "deleted": self.now} for seq, href in enumerate(hrefs, first)]
        self._upsert(tombstones, rows)

    def save_card_keys(self, network: int, book: int, href: str, keys: Iterable[tuple[str, str]]) -> None:
        card = self.connection.execute(
            select(cards.c.id).where(cards.c.book == book, cards.c.href == href)
        ).scalar_one()
        self.connection.execute(delete(card_keys).where(card_keys.c.card == card))
        rows = [{"network": network, "kind": kind, "key": key, "card": card} for kind, key in dict.fromkeys(keys)]
        if rows:
            self.connection.execute(insert(card_keys), rows)


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
        "text": card.text,
        "fragment": card.fragment,
    }
