"""Rights plugin: the engine's letters for what `domain.access` grants. Asked once per child: no SQL but the home's."""

from __future__ import annotations

from radicale.rights import BaseRights

from carddav_msg.domain.access import Privilege, privileges
from radicale_carddav_msg.visit import Visit, current

ROOT = "R"
# Address books are made in a home (MKCOL) by who may write to it. The engine asks for the right on the name of the new
# book, see below; this one is what clients are shown before they offer to make a book (DAVx5).
HOME = "RW"
# No book has this name yet. Lower-case only: an address book may be made here, a plain collection may not. It is
# readable too, so that other methods are answered 404 and not 403.
NEW_BOOK = "rw"


class Rights(BaseRights):
    """Users see their own home only; what a book of it allows is for `domain.access` to say."""

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:
        """The letters for a path. Cards have none of their own: the engine looks at those of their book."""
        visit = current()
        if not user or user != visit.name:
            return ""
        segments = path.strip("/").split("/")
        if segments == [""]:
            return ROOT
        if segments[0] != user:
            return ""
        if len(segments) == 1:
            return HOME
        return _letters(visit, segments[1]) if len(segments) == 2 else ""


def _letters(visit: Visit, slug: str) -> str:
    book = visit.books.get(slug)
    if book is None:
        return NEW_BOOK
    have = privileges(visit.principal, book)
    letters = "r" if have & Privilege.READ else ""
    if have & Privilege.WRITE == Privilege.WRITE:
        letters += "w"
        if not have & Privilege.WRITE_PROPERTIES:
            letters += "l"
    if have & Privilege.DELETE_BOOK:
        letters += "D"
    return letters
