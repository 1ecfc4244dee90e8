"""A client's card changed: kept as written, with the messaging identity that the server gives it (DESIGN §1)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import StoredCard
from carddav_msg.domain.access import GRANTED, Book, BookKind
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.synctoken import SyncToken
from carddav_msg.errors import NotFound, PreconditionFailed, UidConflict
from carddav_msg.formats.vcard.card import Card, parse, with_uid
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.publishing.deletion_guard import DeletionGuard
from carddav_msg.publishing.identities import stands_for
from carddav_msg.publishing.links import keys_of_card, save_changed, shown_identity, views_of_readers, visible
from carddav_msg.publishing.renderer import Renderer


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a PUT: `etag` is None when what is served differs from what was written (RFC 6352 §6.3.2.3)."""

    created: bool
    etag: str | None


def put_card(
    transaction: Transaction,
    renderer: Renderer,
    book: Book,
    href: str,
    body: bytes,
    preconditions: Preconditions,
    *,
    max_size: int,
) -> Stored:
    """Stores a card in a shared or personal book. The same bytes again change nothing and take no number.

    Raises CardError, PreconditionFailed, Forbidden (a messaging identity that is not the writer's to give).
    """
    card = parse(body, max_size=max_size)
    network = transaction.lock_network(book.network, exclusive=False)
    state = SyncToken(book.id, book.epoch, transaction.take_numbers(book.id, 0))
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None, state)
    if not card.uid:
        card = with_uid(card, old.uid if old else str(uuid.uuid4()))
    if old and old.uid != card.uid:
        raise UidConflict(href, "The card has another UID; a contact with a new UID is a new card.")
    after = _store(transaction, renderer, network, book, href, card, old)
    return Stored(old is None, after.etag if after.text.encode() == body else None)


def delete_card(
    transaction: Transaction, book: Book, href: str, preconditions: Preconditions, guard: DeletionGuard
) -> None:
    """Deletes a card and leaves a tombstone; NotFound, PreconditionFailed, Forbidden by the mass-deletion guard."""
    network = transaction.lock_network(book.network, exclusive=False)
    state = SyncToken(book.id, book.epoch, transaction.take_numbers(book.id, 0))
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None, state)
    if old is None:
        raise NotFound("There is no such card.")
    _remove(transaction, network, book, old, guard)


def move_card(
    transaction: Transaction,
    renderer: Renderer,
    source: tuple[Book, str],
    target: tuple[Book, str],
    preconditions: Preconditions,
    guard: DeletionGuard,
    *,
    overwrite: bool,
) -> bool:
    """Moves a card to another name or book of one network (RFC 4918 §9.9); True when the target was not there before.

    Raises NotFound, PreconditionFailed (also when the target exists and may not be overwritten), UidConflict,
    Forbidden.
    """
    (book, href), (to_book, to_href) = source, target
    network = transaction.lock_network(book.network, exclusive=False)
    numbers = {row: transaction.take_numbers(row, 0) for row in sorted({book.id, to_book.id})}
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None, SyncToken(book.id, book.epoch, numbers[book.id]))
    if old is None:
        raise NotFound("There is no such card.")
    replaced = transaction.stored_card(to_book.id, to_href)
    if replaced and not overwrite:
        raise PreconditionFailed("There is a card at the destination already.")
    _remove(transaction, network, book, old, guard)
    if replaced:
        _remove(transaction, network, to_book, replaced, guard)
    card = parse(old.text.encode(), max_size=len(old.text.encode()))
    stays = to_book.id == book.id or _readers_see(transaction, network, to_book, old)
    _store(transaction, renderer, network, to_book, to_href, card, None, origin=old if stays else None)
    return replaced is None


def _readers_see(transaction: Transaction, network: Network, book: Book, card: StoredCard) -> bool:
    """True when the readers of a book see the user a card stands for, or would if that user were not disabled now."""
    views = views_of_readers(transaction, network, book.id)
    users = transaction.users_by_id([card.user]) if card.user else []
    return any(visible(replace(user, enabled=True), views) for user in users)


def _store(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    book: Book,
    href: str,
    card: Card,
    old: StoredCard | None,
    *,
    origin: StoredCard | None = None,
) -> StoredCard:
    """Stores what a client wrote over the old card, or as a new one; what is the same is not stored again.

    `origin` is the card before a move: the new one stands for whom that one did, also when the pair is hidden.
    """
    taken = None if old else transaction.href_of_uid(book.id, card.uid)
    if taken is not None:
        raise UidConflict(taken, f"The UID is already used by the card {taken} of this address book.")
    user, link = stands_for(transaction, renderer, network, book, href, card, old or origin)
    before = old or StoredCard(0, href, card.uid, "", 0, 0, "", "")
    linked = replace(before, uid=card.uid, user=user.id if user else 0, link=link)
    identity = shown_identity(user, network, views_of_readers(transaction, network, book.id)) if user else None
    after = renderer.client_card(linked, card.text, identity, transaction.now, transaction.save_photo, card.lines)
    if old and after.text == old.text:
        save_changed(transaction, book.id, [old], [after])
        return after
    transaction.save_cards(book.id, [after], transaction.take_numbers(book.id, 1))
    if old and book.kind is BookKind.SHARED:
        transaction.keep_versions(book.id, [old], "overwritten")
    transaction.record([_entry(network, book, href, old, after)])
    if network.auto_link:
        transaction.save_card_keys(network.id, book.id, {href: keys_of_card(scan(after.text), network)})
    return after


def _remove(transaction: Transaction, network: Network, book: Book, old: StoredCard, guard: DeletionGuard) -> None:
    if book.kind is BookKind.SHARED:
        guard.check(transaction, book)
        transaction.keep_versions(book.id, [old], "deleted")
    transaction.delete_cards(book.id, [old.href], transaction.take_numbers(book.id, 1))
    transaction.record([_entry(network, book, old.href, old, None)])


def _entry(network: Network, book: Book, href: str, old: StoredCard | None, new: StoredCard | None) -> AuditEntry:
    """The audit of a card; what is in a personal book is nobody's business but the owner's."""
    action = "card changed" if old and new else "card added" if new else "card deleted"
    subject = f"card {network.network_id}/{book.slug.rpartition(GRANTED)[2]}/{href}"
    if book.kind is BookKind.PERSONAL:
        return AuditEntry(network.id, action, subject)
    return AuditEntry(network.id, action, subject, old.text if old else "", new.text if new else "")
