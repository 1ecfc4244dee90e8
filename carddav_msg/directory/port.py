"""The port: what services and publishing may ask. Reading and writing are two protocols.

Every read is one short statement (DESIGN §3): nothing is held open between the pages of an answer. A `Transaction`
lives for one `Directory.write()` block, which commits at its end and rolls back on any error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from carddav_msg.directory.rendering import RenderingReads, RenderingWrites
from carddav_msg.directory.rows import (
    CardRow,
    Credentials,
    DirectoryBook,
    Door,
    Entry,
    GrantRow,
    Named,
    SeenCard,
    SharedBook,
    StagedRow,
    StoredCard,
    UserWithSecrets,
)
from carddav_msg.directory.signin import SignInReads, SignInWrites
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.audit import Actor, AuditEntry, CardVersion
from carddav_msg.domain.contact import View
from carddav_msg.domain.matchkeys import MatchKey
from carddav_msg.domain.network import Network
from carddav_msg.domain.observations import Observation, Outcome
from carddav_msg.domain.user import User

T = TypeVar("T")


class HotReads(Protocol):
    """What phones ask, each one statement."""

    def door(self, network_key: str, user_key: str, slug: str, device: str = "") -> Door | None:
        """The user of a canonical login with the state of one book of the user's home (`""` = no book)."""

    def home_door(self, network_key: str, user_key: str, device: str = "") -> Door | None:
        """The same with all books of the user's `home`, but those of other networks, as `home` has them."""

    def listing(self, book: int, after: int, limit: int) -> list[Entry]:
        """Cards whose last change is later than `after`, in that order."""

    def changes(self, book: int, after: int, deletions_after: int, limit: int) -> list[Entry]:
        """Cards and deletions later than the given numbers, in the order of their numbers."""

    def cards(self, book: int, hrefs: Sequence[str]) -> list[CardRow]:
        """Those of the named cards that exist, in no particular order."""

    def card(self, book: int, href: str) -> CardRow | None:
        """One card."""

    def texts(self, book: int, after: int, limit: int) -> list[tuple[int, CardRow]]:
        """Like `listing`, with the cards themselves."""

    def names(self, book: int, limit: int) -> tuple[int, str, str]:
        """How many cards there are; and, if these are at most `limit`, their row numbers with commas between them, and
        their `fn_key` in the same order, with NAME_END between them. LONG_NAME stands for one of more than
        NAME_LENGTH characters. Both texts are empty for an empty book.
        """

    def numbered_cards(self, book: int, rows: Sequence[int]) -> list[CardRow]:
        """Those of the cards of these row numbers that are in the book still, in no particular order."""

    def fragments(self, book: int, after: int, limit: int) -> list[tuple[int, int, str]]:
        """(seq, user or 0, Web Service Contacts fragment) of cards later than `after`."""

    def home(self, user: int) -> list[Book]:
        """The books of a user's home, the directory first; shared books with an empty `access` are among them."""

    def known_place(self, user: int, place: str, since: int) -> bool:
        """Whether a user signed in from there since a time; for who is nobody (0), too."""

    def photo(self, digest: str) -> tuple[str, bytes] | None:
        """(media type, bytes) of a stored photo."""


class Reads(HotReads, SignInReads, RenderingReads, Protocol):
    """Everything that may be read outside a transaction."""

    def networks(self) -> list[Network]:
        """All networks, by Network ID."""

    def network(self, network_id: str) -> Network | None:
        """The network of a Network ID, without regard to case, or of an old one."""

    def selected(self, cloud_id: str, hosts: Sequence[str]) -> tuple[set[int], list[set[int]]]:
        """The networks that a normalised Cloud ID selects, and those that each host (SIP host or domain) selects."""

    def network_row(self, network_id: str) -> int | None:
        """The row of `network`, for who needs no more of it."""

    def sole_network(self) -> int | None:
        """The row of the only network there is; None when there are more, or none."""

    def named(self, networks: Sequence[int], user_key: str) -> tuple[list[Named], list[Named], list[Named]]:
        """Users of those networks by Cloud Username, by an old one, and by SIP username."""

    def user(self, network: int, name: str) -> User | None:
        """A user by Cloud Username (folded here), or by an old one."""

    def is_named(self, user: int, network_id: str, name: str) -> bool:
        """True when these are names of this user and its network, as they are or once were; one statement."""

    def users(self, network: int, after: str, limit: int) -> list[User]:
        """Users of a network in the order of their folded Cloud Usernames, those behind `after`."""

    def with_secrets(self, user: int) -> UserWithSecrets | None:
        """A user with secrets, for provisioning and sign-in."""

    def directory_books(self, network: int) -> list[DirectoryBook]:
        """The views of a network."""

    def shared_books(self, network: int) -> list[SharedBook]:
        """The shared books of a network with their members."""

    def grants(self, network: int | None) -> list[GrantRow]:
        """Grants for a network (those for all networks too), or all of them."""

    def key_checks(self) -> dict[str, tuple[str, str]]:
        """Key id → (purpose, check value)."""

    def view_counts(self, network: int) -> dict[int, tuple[int, int]]:
        """Directory book → (users who have it, cards in it)."""

    def audit(
        self, network: int | None, before: int, limit: int, *, actor: str = "", subject: str = "", since: int = 0
    ) -> list[tuple[int, AuditEntry]]:
        """(row, entry) of the audit of a network, or of all, the newest first, those with a row below `before`.

        `actor` is compared as a whole, `subject` is a part of it, both without regard to case (of ASCII letters).
        """

    def versions(self, book: int, name: str, limit: int) -> list[CardVersion]:
        """Kept versions of the card with this href or UID, or with `""` of all cards of a book, the newest first."""

    def observations(self, user: int, since: int) -> list[Observation]:
        """What was seen of a user since a time, the oldest first."""

    def observed(self, since: int) -> list[tuple[int, str, Outcome]]:
        """(user, face, outcome) of all observations since a time."""

    def card_of(self, book: int, user: int) -> SeenCard | None:
        """The card that stands for a user in a directory book."""

    def ready(self) -> str:
        """An empty text when the database answers and has this code's schema, else a sentence."""


class Transaction(SignInWrites, RenderingWrites, Protocol):
    """Writes, in the caller's transaction. Lock order: network → books by id → cards (DESIGN §4)."""

    now: int
    actor: Actor

    def lock_network(self, network: int, *, exclusive: bool) -> Network:
        """Locks the row of a network; NotFound when it is gone, Superseded when we must not change its cards."""

    def add_network(self, network: Network) -> Network: ...

    def save_network(self, network: Network) -> None: ...

    def add_network_alias(self, network: int, network_id: str) -> None: ...

    def remove_network(self, network: int) -> None: ...

    def add_users(self, users: Sequence[User]) -> list[User]:
        """Stores new users and returns them with their ids."""

    def save_users(self, users: Sequence[User]) -> None: ...

    def grown(self) -> None:
        """Many users came in this transaction: from now on the database plans for so many. Costs a moment."""

    def add_user_alias(self, user: User, cloud_username: str) -> None: ...

    def remove_user(self, user: int) -> None: ...

    def users_by_id(self, users: Sequence[int]) -> list[User]: ...

    def users_after(self, network: int, after: str, limit: int) -> list[User]:
        """Users of a network by their folded Cloud Usernames, those behind `after`."""

    def find_user(self, network: int, *, external_id: str = "", cloud_username: str = "") -> User | None:
        """A user by external id, else by Cloud Username, else by an old one."""

    def name_conflicts(self, network: int, users: Sequence[User]) -> list[str]:
        """Sentences for names of these users that another user of the network has (Cloud Username, SIP username)."""

    def save_password_hashes(self, hashes: Sequence[tuple[int, str]], *, new_secret: bool) -> None:
        """(user, hash); `new_secret` raises the secret version, so that remembered verifications end."""

    def save_sip_passwords(self, passwords: Sequence[tuple[int, bytes | None]]) -> None: ...

    def credentials(self, users: Sequence[int]) -> dict[int, Credentials]: ...

    def end_sessions(self, users: Sequence[int]) -> None:
        """Raises the session epoch."""

    def save_grant(self, user: int, role: str, scope: int | None) -> bool:
        """False when the user has it already."""

    def remove_grant(self, user: int, role: str, scope: int | None) -> bool: ...

    def admins(self, network: int) -> set[int]:
        """Users with an admin grant on exactly this network."""

    def add_book(self, book: Book, *, view: str = "", rule: View | None = None, everyone: str = "") -> Book:
        """Stores a new book, in an epoch of its own: no token of an earlier book that had its row is good for it."""

    def save_book(self, book: Book, *, everyone: str | None = None) -> None:
        """Stores names, description and colour; with `everyone`, also that."""

    def save_member(self, book: int, user: int, access: str) -> None:
        """Access `""` removes the member."""

    def remove_book(self, book: int) -> None: ...

    def book(self, book: int) -> Book | None:
        """A book as the server itself sees it: `access` is that of everyone."""

    def directory_books(self, network: int) -> list[DirectoryBook]: ...

    def move_readers(self, view: int, to: int) -> int:
        """Gives all users who have one view another one; returns how many there were."""

    def save_view(self, book: int, rule: View) -> None:
        """Stores the rule of a view; what follows from it is the caller's."""

    def linked_books(self, of_users: Sequence[int]) -> list[int]:
        """Shared and personal books with cards that stand for these users, by id."""

    def client_books(self, network: int) -> list[tuple[int, BookKind, int]]:
        """(book, kind, number of the last change) of shared and personal books of a network, by id."""

    def shared_books(self, network: int) -> list[int]:
        """Those of them that are shared, by id."""

    def take_numbers(self, book: int, count: int) -> int:
        """Locks the book and takes `count` change numbers; returns the last of them (0: locks, returns the current)."""

    def cards_of_users(self, book: int, users: Sequence[int]) -> list[StoredCard]: ...

    def cards_between(self, book: int, after: int, until: int, limit: int) -> list[tuple[int, StoredCard]]:
        """(number, card) of those last changed behind `after` and not behind `until`, in this order: whoever goes
        through a book and changes cards meets none of them again behind the number that it had at first."""

    def directory_cards_between(
        self, book: int, after: int, until: int, limit: int
    ) -> list[tuple[int, StoredCard, str]]:
        """Like `cards_between`, with the Cloud Username of the user's messaging identity, empty for who has none."""

    def linked_books_of(self, network: int) -> list[int]:
        """Shared and personal books with cards that stand for users of a network, by id."""

    def stored_card(self, book: int, href: str) -> StoredCard | None: ...

    def href_of_uid(self, book: int, uid: str) -> str | None: ...

    def cards_with_keys(self, network: int, keys: Sequence[MatchKey]) -> list[tuple[int, StoredCard]]:
        """(book, card) of clients' cards that have one of these match keys, by book and card."""

    def save_cards(self, book: int, cards: Sequence[StoredCard], last_seq: int) -> None:
        """Inserts (id 0) or updates; the cards get the numbers up to `last_seq`, and no tombstones are left of them."""

    def save_links(self, cards: Sequence[StoredCard]) -> None:
        """Stores only whom cards stand for and why; nothing that is served."""

    def delete_cards(self, book: int, hrefs: Sequence[str], last_seq: int) -> None:
        """Deletes cards, each named once, and leaves tombstones with the numbers up to `last_seq`."""

    def save_user_keys(self, users: Sequence[tuple[User, Iterable[MatchKey]]]) -> set[MatchKey]:
        """Replaces the match keys of users; returns those that any of them had before or has now."""

    def forget_user_keys(self, network: int) -> None: ...

    def save_card_keys(self, network: int, book: int, keys: Mapping[str, Iterable[MatchKey]]) -> None:
        """Replaces the match keys of cards of a book, by href."""

    def forget_card_keys(self, network: int) -> None: ...

    def users_with_keys(self, network: int, keys: Sequence[MatchKey]) -> dict[MatchKey, list[User]]:
        """The users of a network that have these match keys, by key."""

    def reader_views(self, network: int, books: Sequence[int]) -> dict[int, frozenset[View]]:
        """The views of those who may read each of these books: its owner, its members, everyone in the network."""

    def save_photo(self, media_type: str, body: bytes) -> str:
        """Stores a photo (the same bytes once) and returns its unguessable digest."""

    def photos(self, digests: Sequence[str]) -> dict[str, tuple[str, bytes]]: ...

    def save_key_check(self, key_id: str, purpose: str, check_value: str) -> None: ...

    def save_place(self, user: int, place: str, keep_from: int) -> None:
        """Notes that a user signed in from there now; forgets the user's places not seen since a time."""

    def save_observations(self, seen: Sequence[Observation]) -> None:
        """Keeps the newest of each user, face and outcome; those of users who are gone are lost."""

    def prune_observations(self) -> None:
        """Forgets what is older than it may get."""

    def prune(self, book: int, before: int) -> int:
        """Forgets the deletions of a locked book before the first that is not older than a time, raises its floor;
        returns how many were forgotten.

        Every deletion does it for its own book with the time that deletions are remembered.
        """

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Adds to the audit, with this transaction's time and actor; forgets entries that are too old."""

    def keep_versions(self, book: int, cards: Sequence[StoredCard], action: str) -> None:
        """Keeps cards as they are before they are `overwritten` or `deleted`; forgets versions that are too old."""

    def deleted_lately(self, book: int, since: int) -> int:
        """How many cards of a book the actor deleted since a time."""

    def version(self, version: int) -> CardVersion | None:
        """A kept version."""

    def count_cards(self, book: int) -> int: ...

    def allow_deletions(self, book: int, until: int) -> None:
        """Lets the mass-deletion guard pass everything in a book until a time."""

    def deletions_allowed_until(self, book: int) -> int: ...

    def version_texts(self, book: int, href: str) -> list[str]:
        """The texts of the kept versions of a card."""

    def new_epochs(self) -> int:
        """Gives every book a new epoch, so that all clients sync anew; returns how many books there are."""

    def stage(self, run: str, rows: Sequence[StagedRow]) -> list[tuple[int, int]]:
        """Stages rows of an import, but not those whose user is staged already, in an earlier call or an earlier row of
        this one: for these it returns (line, line of the staged row)."""

    def staged(self, run: str, after: int, limit: int) -> list[StagedRow]: ...

    def staged_conflicts(self, run: str) -> list[tuple[int, str]]:
        """(line, sentence) for SIP usernames and external ids that two staged rows share."""

    def staged_users(self, run: str, rows: Sequence[StagedRow]) -> dict[int, User]:
        """Line → the existing user that a staged row means, by external id, then by Cloud Username."""

    def save_staged_secrets(self, run: str, rows: Sequence[tuple[int, str | None, bytes | None]]) -> None:
        """(line, password hash, encrypted SIP password); the sealed password is forgotten."""

    def unstaged_users(self, run: str) -> list[User]:
        """Enabled users of the staged rows' networks that no staged row means."""

    def discard_staged(self, run: str) -> None: ...

    def discard_staged_before(self, run: str) -> None:
        """Discards the runs whose names come before this one; a run's name begins with the time of its start."""


class Directory(Reads, Protocol):
    """The directory: reads, and transactions."""

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction: commits at the end of the block. Raises Unavailable when the database is away or busy."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` in a transaction, again (a few times) after a deadlock or a serialisation failure."""

    def rendering_alone(self) -> AbstractContextManager[None]:
        """Waits until no other process is inside of this; the end of a process, whatever way, lets the next one in."""

    def acting(self, actor: Actor) -> Directory:
        """This directory with transactions of that actor."""

    def close(self) -> None:
        """Closes pooled connections."""
