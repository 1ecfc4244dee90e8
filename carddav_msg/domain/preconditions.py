"""Preconditions of a write (RFC 9110 §13.1), tested in the writing transaction."""

from __future__ import annotations

from dataclasses import dataclass

from carddav_msg.errors import PreconditionFailed

ANY = "*"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Entity tags with their quotes, as sent; `*` means any. None = the header is absent."""

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None

    def check(self, etag: str | None) -> None:
        """Raises PreconditionFailed unless the preconditions hold for a card with this etag (None = no such card)."""
        if self.if_match is not None and not _matches(self.if_match, etag):
            raise PreconditionFailed("The card has changed since it was read, or is gone.")
        if self.if_none_match is not None and _matches(self.if_none_match, etag):
            raise PreconditionFailed("There is a card already.")


def _matches(tags: tuple[str, ...], etag: str | None) -> bool:
    return etag is not None and (ANY in tags or etag in tags)
