"""Address books: what CardDAV clients read and write, with the rights of `domain.access` on every question.

Answers are iterators over short reads; `seq` of a book is read before its cards and becomes the sync token, so what
changes between two pages comes again with the next delta (DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import NamedTuple

from carddav_msg.directory.booknames import BookNames
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import CardRow, Entry
from carddav_msg.domain.access import (
    DIRECTORY_SLUG,
    GRANTED,
    PERSONAL_SLUG,
    Book,
    BookKind,
    Principal,
    Privilege,
    privileges,
)
from carddav_msg.domain.audit import Actor, AuditEntry
from carddav_msg.domain.identifiers import fold, login_of, split_login
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.search import Filter, matches, preselect
from carddav_msg.domain.synctoken import SyncToken
from carddav_msg.domain.user import parse_text
from carddav_msg.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.publishing.cards import Stored, delete_card, move_card, put_card
from carddav_msg.publishing.deletion_guard import DeletionGuard
from carddav_msg.publishing.directory_cards import put_directory_card, refuse_deletion
from carddav_msg.publishing.renderer import Renderer

_DAV_NAMES = {
    Privilege.READ: "read",
    Privilege.WRITE_CONTENT: "write-content",
    Privilege.BIND: "bind",
    Privilege.UNBIND: "unbind",
    Privilege.WRITE_PROPERTIES: "write-properties",
    Privilege.DELETE_BOOK: "unbind",
}


@dataclass(slots=True)
class Delta:
    """What changed since a sync token: pages of entries (etag None = deleted) and the token of the state they lead to.

    When a limit cut the entries short, `truncated` and `token` say so after the last of them was read: then the token
    is that of the last entry, and there is more behind it.
    """

    pages: Iterator[list[Entry]]
    token: SyncToken
    truncated: bool = False

    @property
    def entries(self) -> Iterator[Entry]:
        """The entries one by one."""
        return chain.from_iterable(self.pages)


class Colleague(NamedTuple):
    """A user as another one may know the user: the canonical login and the name in the directory."""

    login: str
    display_name: str


class AddressBooks:
    """The address books of one directory. Every method raises Forbidden when the principal lacks the privilege."""

    def __init__(
        self, directory: Directory, renderer: Renderer, guard: DeletionGuard, *, page_size: int, max_card_size: int
    ) -> None:
        self._directory = directory
        self._renderer = renderer
        self._guard = guard
        self._names = BookNames(directory)
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
        # One statement whatever the name is: nobody learns from the time which networks and users there are.
        return self._directory.is_named(principal.id, parts[0], parts[1])

    def listing(self, principal: Principal, book: Book) -> Iterator[list[Entry]]:
        """All cards in pages, each card once, without deletions (PROPFIND Depth 1)."""
        require(principal, book, Privilege.READ)
        return self._listing(book)

    def _listing(self, book: Book) -> Iterator[list[Entry]]:
        sent = _Sent(book)
        after = 0
        while page := self._directory.listing(book.id, after, self._page_size):
            last = page[-1][0]
            if last > book.seq:
                yield [entry for entry in page if sent.is_new(entry[0], entry[1])]
            else:
                yield page
            if len(page) < self._page_size:
                return
            sent.add([entry[1] for entry in page])
            after = last

    def changes(self, principal: Principal, book: Book, token: str, limit: int | None = None) -> Delta:
        """What changed since a token; with an empty token all cards. InvalidSyncToken when it has to start anew.

        Of more than `limit` entries the first ones come, by the number of their change (RFC 6578 §3.6).
        """
        require(principal, book, Privilege.READ)
        now = SyncToken(book.id, book.epoch, book.seq)
        since = SyncToken(book.id, book.epoch, 0, start=book.seq)
        if token:
            since = SyncToken.parse(token).check(book=book.id, epoch=book.epoch, seq=book.seq, floor=book.floor)
        delta = Delta(iter(()), now)
        delta.pages = self._changes(book, since) if limit is None else self._limited(delta, book, since, limit)
        return delta

    def _changes(self, book: Book, since: SyncToken, page_size: int | None = None) -> Iterator[list[Entry]]:
        after, size = since.seq, page_size or self._page_size
        if after >= book.seq:
            return
        while page := self._directory.changes(book.id, after, since.deletions_after, size):
            after = page[-1][0]
            if after > book.seq:  # changed since the request began: for the next delta
                yield [entry for entry in page if entry[0] <= book.seq]
                return
            yield page
            if len(page) < size:
                return

    def _limited(self, delta: Delta, book: Book, since: SyncToken, limit: int) -> Iterator[list[Entry]]:
        left = limit
        for page in self._changes(book, since, min(self._page_size, limit + 1)):
            if len(page) > left:
                page = page[:left]
                delta.truncated = True
            if page:
                delta.token = replace(since, seq=page[-1][0])
                yield page
            if delta.truncated:
                return
            left -= len(page)
        delta.token = SyncToken(book.id, book.epoch, book.seq)

    def cards(self, principal: Principal, book: Book, hrefs: Sequence[str]) -> Iterator[list[CardRow | str]]:
        """The named cards in pages, in the order asked for; for one that does not exist, its href."""
        require(principal, book, Privilege.READ)
        return self._cards(book, hrefs)

    def _cards(self, book: Book, hrefs: Sequence[str]) -> Iterator[list[CardRow | str]]:
        for start in range(0, len(hrefs), self._page_size):
            page = list(dict.fromkeys(hrefs[start : start + self._page_size]))
            found = {card.href: card for card in self._directory.cards(book.id, page)}
            yield [found.get(href, href) for href in page]

    def card(self, principal: Principal, book: Book, href: str) -> CardRow | None:
        """One card, None when there is none."""
        require(principal, book, Privilege.READ)
        return self._directory.card(book.id, href)

    def texts(self, principal: Principal, book: Book) -> Iterator[CardRow]:
        """All cards with their texts, a page at a time (GET of a book)."""
        require(principal, book, Privilege.READ)
        return self._texts(book)

    def search(self, principal: Principal, book: Book, filter: Filter) -> Iterator[CardRow]:
        """The cards that match (RFC 6352 §8.6): their names make candidates, `domain.search` decides."""
        require(principal, book, Privilege.READ)
        text = preselect(filter)
        rows = self._names.having(book, text) if text else None
        candidates = self._texts(book) if rows is None else self._numbered(book, rows)
        return (card for card in candidates if not filter.prop_filters or matches(filter, scan(card.text)))

    def colleagues(self, principal: Principal, wanted: Filter) -> Iterator[Colleague]:
        """The users of the principal's network whose cards in the principal's view match, without those who show no
        messaging identity: their logins are not for others to see.
        """
        for book in self._directory.home(principal.id):
            if book.kind is BookKind.DIRECTORY and book.network == principal.network:
                for card in self.search(principal, book, wanted):
                    lines = scan(card.text)
                    if identity := self._renderer.identity_in(lines):
                        name = next((line.text for line in lines if line.name == "FN"), "")
                        login = login_of(principal.login.partition("~")[0], identity.cloud_username)
                        yield Colleague(login, name)

    def _numbered(self, book: Book, rows: Iterator[int]) -> Iterator[CardRow]:
        """The cards of these row numbers as they are now; one that is moved at this moment is another row."""
        while page := list(islice(rows, self._page_size)):
            yield from self._directory.numbered_cards(book.id, page)

    def _texts(self, book: Book) -> Iterator[CardRow]:
        sent = _Sent(book)
        after = 0
        while page := self._directory.texts(book.id, after, self._page_size):
            for seq, card in page:
                if sent.is_new(seq, card.href):
                    yield card
            if len(page) < self._page_size:
                return
            sent.add([card.href for _, card in page])
            after = page[-1][0]

    def put(self, principal: Principal, book: Book, href: str, body: bytes, preconditions: Preconditions) -> Stored:
        """Stores a card as it was written (RFC 6352 §6.3.2): durable when this returns.

        Raises a CardError for what can't be kept, PreconditionFailed, Forbidden, Unavailable.
        """
        have = privileges(principal, book)
        edits = book.kind is BookKind.DIRECTORY and have & Privilege.WRITE_CONTENT
        if not edits and have & Privilege.WRITE != Privilege.WRITE:
            require(principal, book, Privilege.READ)
            exists = self._directory.card(book.id, href) is not None
            require(principal, book, Privilege.WRITE_CONTENT if exists else Privilege.BIND)
        put = put_directory_card if edits else put_card

        def work(transaction: Transaction) -> Stored:
            return put(transaction, self._renderer, book, href, body, preconditions, max_size=self.max_card_size)

        return self._as(principal).transact(work)

    def delete(self, principal: Principal, book: Book, href: str, preconditions: Preconditions) -> None:
        """Deletes a card; NotFound when there is none, Forbidden by the mass-deletion guard."""
        if book.kind is BookKind.DIRECTORY and privileges(principal, book) & Privilege.WRITE_CONTENT:
            raise refuse_deletion()
        require(principal, book, Privilege.UNBIND)
        self._as(principal).transact(
            lambda transaction: delete_card(transaction, book, href, preconditions, self._guard)
        )

    def move(
        self,
        principal: Principal,
        book: Book,
        href: str,
        target_book: Book,
        target_href: str,
        *,
        overwrite: bool,
        preconditions: Preconditions,
    ) -> bool:
        """Moves a card to another name or book (RFC 4918 §9.9); True when the target was not there before.

        Raises NotFound, PreconditionFailed (also without `overwrite`, when there is a target), UidConflict.
        """
        require(principal, book, Privilege.UNBIND)
        require(principal, target_book, Privilege.BIND)
        if target_book.network != book.network or (book.id, href) == (target_book.id, target_href):
            raise Forbidden("bind", "A card can be moved to another name or book of the same network.")

        def work(transaction: Transaction) -> bool:
            source, target = (book, href), (target_book, target_href)
            return move_card(
                transaction, self._renderer, source, target, preconditions, self._guard, overwrite=overwrite
            )

        return self._as(principal).transact(work)

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

        def work(transaction: Transaction) -> None:
            transaction.save_book(changed)
            transaction.record([_entry(principal, book, "book changed")])

        self._as(principal).transact(work)
        return changed

    def delete_book(self, principal: Principal, book: Book) -> None:
        """Deletes a further personal book with its cards; the first one, shared books and the directory stay."""
        require(principal, book, Privilege.DELETE_BOOK)

        def work(transaction: Transaction) -> None:
            transaction.lock_network(book.network, exclusive=False)  # nobody is linking its cards now (DESIGN §4)
            transaction.remove_book(book.id)
            transaction.record([_entry(principal, book, "book removed")])

        self._as(principal).transact(work)

    def _as(self, principal: Principal) -> Directory:
        """The directory with transactions of the principal, as the audit names them."""
        return self._directory.acting(Actor(principal.login, "carddav", principal.address, principal.id))

    def _make_personal(self, principal: Principal, slug: str, display_name: str, description: str, color: str) -> Book:
        if GRANTED in slug:
            raise InvalidValue("book", f"The name of an address book has no {GRANTED!r}.")
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
            transaction.record([_entry(principal, book, "book added")])
            return transaction.add_book(book)

        try:
            return self._as(principal).transact(work)
        except AlreadyExists:  # another request of the same user was first
            found = next((b for b in self._directory.home(principal.id) if b.slug == slug), None)
            if found is None or slug != PERSONAL_SLUG:
                raise
            return found


def _entry(principal: Principal, book: Book, action: str) -> AuditEntry:
    """The audit of a personal book; what it holds and is called is nobody's business but the owner's."""
    return AuditEntry(book.network, action, f"book {principal.login}/{book.slug}")


class _Sent:
    """Which cards earlier pages of an answer had: one that changes meanwhile turns up again, with a later number."""

    def __init__(self, book: Book) -> None:
        self._seq = book.seq
        self._pages: list[list[str]] = []
        self._hrefs: set[str] = set()

    def is_new(self, seq: int, href: str) -> bool:
        if seq <= self._seq:
            return True
        while self._pages:  # looked through only when something did change
            self._hrefs.update(self._pages.pop())
        return href not in self._hrefs

    def add(self, hrefs: list[str]) -> None:
        self._pages.append(hrefs)


def require(principal: Principal, book: Book, privilege: Privilege) -> None:
    """Forbidden, naming the DAV privilege, unless the principal has it; NotFound for a book that can't be read."""
    have = privileges(principal, book)
    if not have & Privilege.READ:
        raise NotFound("There is no such address book.")
    if not have & privilege:
        raise Forbidden(_DAV_NAMES[privilege], f"The address book {book.display_name!r} is read-only for you.")
