"""A device of Anna that syncs as RFC 6578 wants it, and nothing else: what it knows is what it was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.dav.clients import CR, D, Dav

DATA, ETAG, TOKEN = CR + "address-data", D + "getetag", D + "sync-token"
HOME = "/dav/acme~anna/"


def path_of(book: str, href: str = "") -> str:
    return f"{HOME}{book}/{quote(href, safe='')}"


@dataclass
class Mirror:
    """What a client knows of one book: href → (etag, bytes), and how far it has synced."""

    cards: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    token: str = ""
    ended: str = ""
    unfinished: bool = False


class Device:
    """A client that believes tokens and etags, and starts anew when a token is refused."""

    def __init__(self, books: Sequence[str], dav: Dav) -> None:
        self.dav = dav
        self.books = {book: Mirror() for book in books}

    def sync(self, book: str, limit: int | None, inline: bool) -> bool:
        """One sync-collection report; True when there is more to fetch."""
        mirror = self.books[book]
        reply = self.dav("REPORT", path_of(book), sync_request(mirror.token, limit, inline), depth="0")
        if reply.status == 403:
            assert (reply.condition, bool(mirror.token)) == (D + "valid-sync-token", True), reply.body
            self.books[book] = Mirror()
            return True
        # A whole sync from the empty token says what there is; what it does not name is gone.
        anew = not mirror.token
        if anew:
            mirror.cards = {}
        members = reply.members
        assert len(members) == len(reply.xml.findall(D + "response")), "an href comes twice"
        mirror.unfinished = members.pop(path_of(book), None) is not None
        assert limit is None or len(members) <= limit, (limit, reply.body)
        assert "HTTP/1.1 507" in reply.body.decode() or not mirror.unfinished
        assert not anew or not any(member.gone for member in members.values()), "an initial sync lists deletions"
        fetch = []
        for href, member in members.items():
            name = href.rpartition("/")[2]
            if member.gone:
                mirror.cards.pop(name, None)
            elif inline:
                mirror.cards[name] = (member.text(ETAG), member.text(DATA).encode())
            elif mirror.cards.get(name, ("",))[0] != member.text(ETAG):
                fetch.append(name)
        self.fetch(book, fetch)
        before, mirror.token = mirror.token, reply.xml.findtext(TOKEN) or ""
        assert mirror.token
        assert not mirror.unfinished or mirror.token != before, "this sync could never be finished"
        return mirror.unfinished

    def fetch(self, book: str, names: Sequence[str]) -> None:
        cards = self.books[book].cards
        if names:
            members = self.dav.multiget(path_of(book), [path_of(book, name) for name in names]).members
            assert {href.rpartition("/")[2] for href in members} == set(names)
            for href, member in members.items():
                name = href.rpartition("/")[2]
                if member.gone:
                    cards.pop(name, None)
                else:
                    cards[name] = (member.text(ETAG), member.text(DATA).encode())

    def finish(self, book: str) -> None:
        """Syncs until the server says that this is all."""
        for _ in range(100):
            if not self.sync(book, None, False):
                return
        raise AssertionError("the sync does not end")


def sync_request(token: str, limit: int | None, inline: bool) -> str:
    data = '<address-data xmlns="urn:ietf:params:xml:ns:carddav"/>' if inline else ""
    limited = f"<limit><nresults>{limit}</nresults></limit>" if limit else ""
    return (
        f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>1</sync-level>{limited}'
        f"<prop><getetag/>{data}</prop></sync-collection>"
    )
