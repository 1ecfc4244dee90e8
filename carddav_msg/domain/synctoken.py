"""Sync tokens (RFC 6578 §3.2) and collection tags. Only this module knows the format.

`data:,1/{book}.{epoch}.{seq}` names a state of a book; `data:,1/{book}.{epoch}.{seq}.{start}` one of an initial sync
that was cut: `seq` is the last change sent, `start` the book's number when that sync began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carddav_msg.errors import InvalidSyncToken

_TOKEN = re.compile(r"data:,1/([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})(?:\.([0-9]{1,18}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SyncToken:
    """A point in a book's history; `start` is None once the initial sync is complete."""

    book: int
    epoch: int
    seq: int
    start: int | None = None

    def __str__(self) -> str:
        tail = "" if self.start is None else f".{self.start}"
        return f"data:,1/{self.book}.{self.epoch}.{self.seq}{tail}"

    @classmethod
    def parse(cls, text: str) -> SyncToken:
        """The token of a text; InvalidSyncToken when it is none of ours."""
        match = _TOKEN.match(text)
        if not match:
            raise InvalidSyncToken("This is not a sync token of this server.")
        book, epoch, seq, start = match.groups()
        return cls(int(book), int(epoch), int(seq), None if start is None else int(start))

    @property
    def deletions_after(self) -> int:
        """Deletions up to this number are not listed: the client never saw those cards."""
        return self.seq if self.start is None else max(self.start, self.seq)

    def check(self, *, book: int, epoch: int, seq: int, floor: int) -> SyncToken:
        """This token, if it belongs to that state of the book; InvalidSyncToken if a new initial sync is needed."""
        pruned_from = self.seq if self.start is None else self.start
        if (self.book, self.epoch) != (book, epoch) or self.seq > seq or (self.start or 0) > seq:
            raise InvalidSyncToken("This sync token does not belong to this address book.")
        if pruned_from < floor:
            raise InvalidSyncToken("This sync token is too old: deletions since then are no longer known.")
        return self


def ctag(book: int, epoch: int, seq: int) -> str:
    """The collection tag of a state of a book (CS:getctag). One URL may come to mean another book: a user's view."""
    return f"{book}-{epoch}-{seq}"
