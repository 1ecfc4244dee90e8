"""A user changed: the directory cards in every view, and the cards elsewhere that stand for the user."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import DirectoryBook, StoredCard
from carddav_msg.domain.accountnodes import nodes_of_user
from carddav_msg.domain.contact import View, contact_of
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import AlreadyExists
from carddav_msg.publishing.auditing import removed_user_entry, user_entries
from carddav_msg.publishing.links import (
    BATCH,
    DIRECTORY,
    keys_of_user,
    relink,
    relink_readers,
    save_changed,
    shown_identity,
)
from carddav_msg.publishing.renderer import Renderer, served


def new_uid() -> str:
    """A UID for a user's directory card."""
    return str(uuid.uuid4())


def add_users(transaction: Transaction, renderer: Renderer, network: Network, users: Sequence[User]) -> list[User]:
    """Stores new users of a locked network and publishes them; an empty `uid` or `view` gets its default.

    Raises AlreadyExists naming every clash with a user there is.
    """
    views = transaction.directory_books(network.id)
    readers = transaction.reader_views(network.id, transaction.shared_books(network.id))
    named = [
        replace(
            user,
            network=network.id,
            uid=user.uid or new_uid(),
            view=user.view or views[0].book,
            # Rows of removed users are used again, also after a backup was restored: a device credential of the former
            # user must not open the new one's account.
            session_epoch=max(user.session_epoch, transaction.now),
        )
        for user in users
    ]
    _check_names(transaction, network, named)
    stored = transaction.add_users(named)
    transaction.record(user_entries(network, {}, stored))
    publish_directory(transaction, renderer, network, stored, views)
    _relink(transaction, renderer, network, stored)
    relink_readers(transaction, renderer, network, readers)
    return stored


def save_users(transaction: Transaction, renderer: Renderer, network: Network, users: Sequence[User]) -> None:
    """Stores changed users of a locked network and publishes them again; cards whose bytes stay keep their numbers."""
    _check_names(transaction, network, users)
    before = {user.id: user for user in transaction.users_by_id([user.id for user in users])}
    transaction.record(user_entries(network, before, users))
    transaction.save_users(users)
    for user in users:
        had, has = nodes_of_user(before.get(user.id, user)), nodes_of_user(user)
        if had != has:
            transaction.clear_nodes(network.id, user.id, had - has, has)
    publish_users(transaction, renderer, network, users, keep=True)
    _relink(transaction, renderer, network, users)


def remove_user(transaction: Transaction, renderer: Renderer, network: Network, user: User) -> None:
    """Removes a user with the personal books; cards elsewhere lose the identity and stay as ordinary contacts."""
    gone = replace(user, enabled=False)
    readers = transaction.reader_views(network.id, transaction.shared_books(network.id))
    transaction.save_users([gone])
    publish_users(transaction, renderer, network, [gone], keep=True)
    _relink(transaction, renderer, network, [gone])
    transaction.remove_user(user.id)
    relink_readers(transaction, renderer, network, readers)
    transaction.record([removed_user_entry(network, user)])


def publish_users(
    transaction: Transaction, renderer: Renderer, network: Network, users: Sequence[User], *, keep: bool = False
) -> int:
    """Brings every card of these users up to date; returns how many cards changed, came or went.

    With `keep` the directory cards that change or go are kept as versions: where somebody changed a user, not where
    all are rendered anew.
    """
    views = transaction.directory_books(network.id)
    changed = publish_directory(transaction, renderer, network, users, views, keep=keep)
    by_id = {user.id: user for user in users}
    readers = transaction.reader_views(network.id, transaction.linked_books(list(by_id)))
    for book in sorted(readers):
        cards = transaction.cards_of_users(book, list(by_id))
        changed += publish_linked(transaction, renderer, network, (book, readers[book]), cards, by_id)
    return changed


def publish_linked(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    readers: tuple[int, Iterable[View]],
    cards: Sequence[StoredCard],
    users: Mapping[int, User],
) -> int:
    """Gives clients' cards of one book the identities of the users they stand for, as far as its readers see these.

    `readers` is the book with the views of its readers. Returns how many cards changed.
    """
    book, views = readers
    now, keep = transaction.now, transaction.save_photo
    new = [
        renderer.client_card(card, card.text, shown_identity(users[card.user], network, views), now, keep)
        for card in cards
    ]
    return save_changed(transaction, book, cards, new)


def _relink(transaction: Transaction, renderer: Renderer, network: Network, users: Sequence[User]) -> None:
    """With `auto_link`: cards that share a key with one of these users, before or now, are linked anew."""
    if network.auto_link:
        touched = transaction.save_user_keys([(user, keys_of_user(user, network)) for user in users])
        relink(transaction, renderer, network, touched)


def publish_directory(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    users: Sequence[User],
    views: Sequence[DirectoryBook],
    *,
    keep: bool = False,
) -> int:
    """Brings the directory cards of these users up to date in some views; returns how many changed, came or went."""
    return sum(
        _publish_view(transaction, renderer, network, view, batch, keep=keep)
        for view in views
        for batch in _batches(users)
    )


def _publish_view(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    view: DirectoryBook,
    users: Sequence[User],
    *,
    keep: bool,
) -> int:
    """The directory cards of some users in one view: two numbers taken at most, one for changes, one for deletions."""
    stored = {card.user: card for card in transaction.cards_of_users(view.book, [user.id for user in users])}
    contacts = [(user, contact_of(user, network, view.view)) for user in users]
    photos = transaction.photos([c.profile.photo.digest for _, c in contacts if c and c.profile.photo.digest])
    changed, gone = list[StoredCard](), list[StoredCard]()
    for user, contact in contacts:
        old = stored.get(user.id)
        if contact is not None:
            before = old or _new_card(user)
            after = renderer.directory_card(contact, before, photos.get(contact.profile.photo.digest), transaction.now)
            if served(before) != served(after):
                changed.append(after)
        elif old is not None:
            gone.append(old)
    if keep:
        transaction.keep_versions(view.book, [stored[card.user] for card in changed if card.id], "overwritten")
        transaction.keep_versions(view.book, gone, "deleted")
    if changed:
        transaction.save_cards(view.book, changed, transaction.take_numbers(view.book, len(changed)))
    if gone:
        hrefs = [card.href for card in gone]
        transaction.delete_cards(view.book, hrefs, transaction.take_numbers(view.book, len(gone)))
    return len(changed) + len(gone)


def _new_card(user: User) -> StoredCard:
    return StoredCard(0, f"{user.uid}.vcf", user.uid, "", user.id, 0, "", "", link=DIRECTORY)


def _check_names(transaction: Transaction, network: Network, users: Sequence[User]) -> None:
    if conflicts := transaction.name_conflicts(network.id, users):
        raise AlreadyExists("\n".join(conflicts))


def _batches(users: Sequence[User]) -> list[Sequence[User]]:
    return [users[start : start + BATCH] for start in range(0, len(users), BATCH)]
