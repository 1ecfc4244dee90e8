"""Writing the audit and the versions of cards that were overwritten or deleted.

What is older than its time is forgotten whenever something is added, so nobody has to remember to tidy up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import case, func, select, update

from carddav_msg.directory.rows import StoredCard
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import books, card_versions, cards
from carddav_msg.directory.sql.writes import Writes
from carddav_msg.domain.audit import AuditEntry, CardVersion

_DAY: Final = 24 * 3600 * 1_000_000


class HistoryWrites(Writes):
    """The audit, the history of cards, and the mass-deletion guard's counts."""

    def record(self, entries: Sequence[AuditEntry]) -> None:
        rows = [
            {
                "network": entry.network,
                "action": entry.action,
                "subject": entry.subject,
                "before": entry.before,
                "after": entry.after,
                **self._by(),
            }
            for entry in entries
        ]
        if rows:
            self._each(self.statements.record, rows)
            self._rows(self.statements.forget_audit, oldest=self.now - self.retention.audit * _DAY)

    def keep_versions(self, book: int, old: Sequence[StoredCard], action: str) -> None:
        rows = [
            {
                "book": book,
                "href": card.href,
                "uid": card.uid,
                "action": action,
                "text": card.text,
                "by": self.actor.user,
                **self._by(),
            }
            for card in old
        ]
        if rows:
            self._each(self.statements.keep_version, rows)
            self._rows(self.statements.forget_versions, oldest=self.now - self.retention.history * _DAY)

    def deleted_lately(self, book: int, since: int) -> int:
        query = select(func.count()).where(
            card_versions.c.book == book,
            card_versions.c.by == self.actor.user,
            card_versions.c.at >= since,
            card_versions.c.action == "deleted",
        )
        return int(self.connection.execute(query).scalar_one())

    def version(self, version: int) -> CardVersion | None:
        row = self.connection.execute(select(card_versions).where(card_versions.c.id == version)).first()
        return codec.version_of(row) if row else None

    def version_texts(self, book: int, href: str) -> list[str]:
        query = select(card_versions.c.text).where(card_versions.c.book == book, card_versions.c.href == href)
        return list(self.connection.scalars(query))

    def count_cards(self, book: int) -> int:
        return int(self.connection.execute(select(func.count()).where(cards.c.book == book)).scalar_one())

    def allow_deletions(self, book: int, until: int) -> None:
        self.connection.execute(update(books).where(books.c.id == book).values(allow_delete_until=until))

    def deletions_allowed_until(self, book: int) -> int:
        query = select(books.c.allow_delete_until).where(books.c.id == book)
        return int(self.connection.execute(query).scalar() or 0)

    def new_epochs(self) -> int:
        # The time is later than any epoch of the lost days, unless the clock stands still.
        later = case((books.c.epoch < self.now, self.now), else_=books.c.epoch + 1)
        return self.connection.execute(update(books).values(epoch=later)).rowcount

    def _by(self) -> dict[str, Any]:
        return {
            "at": self.now,
            "actor": self.actor.name,
            "face": self.actor.face,
            "address": self.actor.address,
        }
