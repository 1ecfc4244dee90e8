"""Address books: what CardDAV clients read and write, with the rights of `domain.access` on every question.

Answers are iterators over short reads; `seq` of a book is read before its cards and becomes the sync token, so what
changes between two pages comes again with the next delta (DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import CardRow, CardText, Entry
from carddav_msg.domain.access import DIRECTORY_SLUG, PERSONAL_SLUG, Book, BookKind, Principal, Privilege, privileges
from carddav_msg.domain.identifiers import fold, split_login
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.synctoken import SyncToken
from carddav_msg.domain.user import parse_text
from carddav_msg.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from carddav_msg.publishing.cards import Stored, delete_card, put_card
from carddav_msg.publishing.renderer import Renderer

_DAV_NAMES = {
    Privilege.READ: "read",
    Privilege.WRITE_CONTENT: "write-content",
    Privilege.BIND: "bind",
    Privilege.UNBIND: "unbind",
    Privilege.WRITE_PROPERTIES: "write-properties",
    Privilege.DELETE_BOOK: "unbind",
}


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since a sync token: entries (etag None = deleted) and the token of the state they lead to."""

    entries: Iterator[Entry]
    token: SyncToken


class AddressBooks:
    """The address books of one directory. Every method raises Forbidden when the principal lacks the privilege."""

    def __init__(self, directory: Directory, renderer: Renderer, *, page_size: int, max_card_size: int) -> None:
        self._directory = directory
        self._renderer = renderer
        self._page_size = page_size
        self.max_card_size = max_card_size

    def home(self, principal: Principal) -> list[Book]:
        """The books the principal may read, the directory first; the personal book is made at first use."""
        books = self._directory.home(principal.id)
        if not any(book.kind is BookKind.PERSONAL and book.slug == PERSONAL_SLUG for book in books):
            self._make_personal(principal, PERSONAL_SLUG, "Personal", "", "")
            books = self._directory.home(principal.id)
        return [book for book in books if privileges(principal, book) & Privilege.READ]

    def book(self, principal: Principal, slug: str) -> Book | None:
        """A readable book of the principal's home by its URL segment."""
        return next((book for book in self.home(principal) if book.slug == slug), None)

    def is_home(self, principal: Principal, name: str) -> bool:
        """True when a principal name, perhaps with old names of the user or of the network, means this principal."""
        parts = split_login(name)
        if parts is None:
            return False
        if fold(name) == fold(principal.login):
            return True
        network = self._directory.network(parts[0])
        if network is None or network.id != principal.network:
            return False
        user = self._directory.user(network.id, parts[1])
        return user is not None and user.id == principal.id

    def listing(self, principal: Principal, book: Book) -> Iterator[Entry]:
        """All cards, each once, without deletions (PROPFIND Depth 1)."""
        require(principal, book, Privilege.READ)
        return self._listing(book)

    def _listing(self, book: Book) -> Iterator[Entry]:
        sent = _Sent(book)
        after = 0
        while page := self._directory.listing(book.id, after, self._page_size):
            for entry in page:
                if sent.is_new(entry.seq, entry.href):
                    yield entry
            if len(page) < self._page_size:
                return
            sent.add(entry.href for entry in page)
            after = page[-1].seq

    def changes(self, principal: Principal, book: Book, token: str) -> Delta:
        """What changed since a token; with an empty token all cards. InvalidSyncToken when it has to start anew."""
        require(principal, book, Privilege.READ)
        after = deletions_after = 0
        if token:
            known = SyncToken.parse(token).check(book=book.id, epoch=book.epoch, seq=book.seq, floor=book.floor)
            after, deletions_after = known.seq, known.deletions_after
        else:
            deletions_after = book.seq
        return Delta(self._changes(book, after, deletions_after), SyncToken(book.id, book.epoch, book.seq))

    def _changes(self, book: Book, after: int, deletions_after: int) -> Iterator[Entry]:
        if after >= book.seq:
            return
        while page := self._directory.changes(book.id, after, deletions_after, self._page_size):
            for entry in page:
                if entry.seq > book.seq:
                    return
                yield entry
            if len(page) < self._page_size:
                return
            after = page[-1].seq

    def cards(self, principal: Principal, book: Book, hrefs: Sequence[str]) -> Iterator[CardText | str]:
        """The named cards in the order asked for; for one that does not exist, its href."""
        require(principal, book, Privilege.READ)
        return self._cards(book, hrefs)

    def _cards(self, book: Book, hrefs: Sequence[str]) -> Iterator[CardText | str]:
        for start in range(0, len(hrefs), self._page_size):
            page = list(dict.fromkeys(hrefs[start : start + self._page_size]))
            found = {card.href: card for card in self._directory.cards(book.id, page)}
            for href in page:
                yield found.get(href, href)

    def card(self, principal: Principal, book: Book, href: str) -> CardRow | None:
        """One card, None when there is none."""
        require(principal, book, Privilege.READ)
        return self._directory.card(book.id, href)

    def texts(self, principal: Principal, book: Book) -> Iterator[CardRow]:
        """All cards with their texts, a page at a time (addressbook-query, GET of a book)."""
        require(principal, book, Privilege.READ)
        return self._texts(book)

    def _texts(self, book: Book) -> Iterator[CardRow]:
        sent = _Sent(book)
        after = 0
        while page := self._directory.texts(book.id, after, self._page_size):
            for seq, card in page:
                if sent.is_new(seq, card.href):
                    yield card
            if len(page) < self._page_size:
                return
            sent.add(card.href for _, card in page)
            after = page[-1][0]

    def put(self, principal: Principal, book: Book, href: str, body: bytes, preconditions: Preconditions) -> Stored:
        """Stores a card as it was written (RFC 6352 §6.3.2): durable when this returns.

        Raises a CardError for what can't be kept, PreconditionFailed, Forbidden, Unavailable.
        """
        if privileges(principal, book) & Privilege.WRITE != Privilege.WRITE:
            require(principal, book, Privilege.READ)
            exists = self._directory.card(book.id, href) is not None
            require(principal, book, Privilege.WRITE_CONTENT if exists else Privilege.BIND)

        def work(transaction: Transaction) -> Stored:
            return put_card(transaction, self._renderer, book, href, body, preconditions, max_size=self.max_card_size)

        return self._directory.transact(work)

    def delete(self, principal: Principal, book: Book, href: str, preconditions: Preconditions) -> None:
        """Deletes a card; NotFound when there is none."""
        require(principal, book, Privilege.UNBIND)
        self._directory.transact(lambda transaction: delete_card(transaction, book, href, preconditions))

    def create_book(self, principal: Principal, slug: str, display_name: str, description: str, color: str) -> Book:
        """A further personal book of the principal (extended MKCOL, RFC 5689); AlreadyExists when the name is taken."""
        if any(book.slug == slug for book in self._directory.home(principal.id)) or slug in (
            DIRECTORY_SLUG,
            PERSONAL_SLUG,
        ):
            raise AlreadyExists(f"There is an address book {slug!r} already.")
        return self._make_personal(principal, slug, display_name or slug, description, color)

    def set_properties(self, principal: Principal, book: Book, display_name: str, description: str, color: str) -> Book:
        """Names, describes and colours a personal book (PROPPATCH)."""
        require(principal, book, Privilege.WRITE_PROPERTIES)
        changed = replace(
            book,
            display_name=parse_text(display_name, "displayname") or book.slug,
            description=parse_text(description, "addressbook-description"),
            color=parse_text(color, "addressbook-color", 64),
        )
        self._directory.transact(lambda transaction: transaction.save_book(changed))
        return changed

    def delete_book(self, principal: Principal, book: Book) -> None:
        """Deletes a further personal book with its cards; the first one, shared books and the directory stay."""
        require(principal, book, Privilege.DELETE_BOOK)
        self._directory.transact(lambda transaction: transaction.remove_book(book.id))

    def _make_personal(self, principal: Principal, slug: str, display_name: str, description: str, color: str) -> Book:
        if len(slug.encode()) > 255:
            raise InvalidValue("book", "The name of the address book is too long.")
        book = Book(
            id=0,
            network=principal.network,
            kind=BookKind.PERSONAL,
            slug=slug,
            display_name=parse_text(display_name, "displayname"),
            owner=principal.id,
            access="write",
            epoch=1,
            seq=0,
            floor=0,
            description=parse_text(description, "addressbook-description"),
            color=parse_text(color, "addressbook-color", 64),
        )

        def work(transaction: Transaction) -> Book:
            transaction.lock_network(principal.network, exclusive=False)
            return transaction.add_book(book)

        try:
            return self._directory.transact(work)
        except AlreadyExists:  # another request of the same user was first
            found = next((b for b in self._directory.home(principal.id) if b.slug == slug), None)
            if found is None or slug != PERSONAL_SLUG:
                raise
            return found


class _Sent:
    """Which cards earlier pages of an answer had: one that changes meanwhile turns up again, with a later number."""

    def __init__(self, book: Book) -> None:
        self._seq = book.seq
        self._hrefs: set[str] = set()

    def is_new(self, seq: int, href: str) -> bool:
        return seq <= self._seq or href not in self._hrefs

    def add(self, hrefs: Iterable[str]) -> None:
        self._hrefs.update(hrefs)


def require(principal: Principal, book: Book, privilege: Privilege) -> None:
    """Forbidden, naming the DAV privilege, unless the principal has it; NotFound for a book that can't be read."""
    have = privileges(principal, book)
    if not have & Privilege.READ:
        raise NotFound("There is no such address book.")
    if not have & privilege:
        raise Forbidden(_DAV_NAMES[privilege], f"The address book {book.display_name!r} is read-only for you.")
