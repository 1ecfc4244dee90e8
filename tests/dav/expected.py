"""What a server must hold, computed from the writes that it accepted."""

from __future__ import annotations

from dataclasses import dataclass, field

WRITTEN = ("team", "personal", "friends")


@dataclass
class Card:
    """A card without its messaging identity, and whether it stands for Ben."""

    uid: str
    text: str
    linked: bool

    def served(self, pair: str) -> bytes:
        return self.text.replace("END:VCARD", (pair if self.linked else "") + "END:VCARD").encode()


@dataclass
class Expected:
    """The cards of the books that clients write, and what decides their identity."""

    books: dict[str, dict[str, Card]] = field(default_factory=lambda: {book: {} for book in WRITTEN})
    network_id: str = "acme"
    ben_enabled: bool = True

    @property
    def pair(self) -> str:
        return pair_lines("ben", self.network_id) if self.ben_enabled else ""

    def served(self, book: str) -> dict[str, bytes]:
        return {href: card.served(self.pair) for href, card in self.books[book].items()}

    def uid_conflict(self, book: str, href: str, uid: str) -> bool:
        old = self.books[book].get(href)
        return old.uid != uid if old else any(card.uid == uid for card in self.books[book].values())


def pair_lines(username: str, network_id: str) -> str:
    return f"X-CLOUD-USERNAME:{username}\r\nX-NETWORK-ID:{network_id}\r\n"


def without_pair(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(("X-CLOUD", "X-NETWORK")))
