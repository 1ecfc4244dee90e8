"""A client's card changed: kept as written, with the messaging identity that the server gives it (DESIGN §1)."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import StoredCard
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import MessagingIdentity, identity_of
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import User
from carddav_msg.errors import Forbidden, NotFound, UidConflict
from carddav_msg.formats.vcard.card import Card, parse, with_uid
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.publishing.links import KEYS, PAIR, keys_of_card, save_changed, user_of_keys, visible
from carddav_msg.publishing.renderer import Renderer

log = logging.getLogger(__name__)


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
    transaction.take_numbers(book.id, 0)
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None)
    if not card.uid:
        card = with_uid(card, old.uid if old else str(uuid.uuid4()))
    if old and old.uid != card.uid:
        raise UidConflict(href, "The card has another UID; a contact with a new UID is a new card.")
    taken = None if old else transaction.href_of_uid(book.id, card.uid)
    if taken is not None:
        raise UidConflict(taken, f"The UID is already used by the card {taken} of this address book.")
    user, link = _stands_for(transaction, renderer, network, book, card, old)
    before = old or StoredCard(0, href, card.uid, "", 0, 0, "", "")
    linked = replace(before, uid=card.uid, user=user.id if user else 0, link=link)
    identity = identity_of(user, network) if user else None
    after = renderer.client_card(linked, card.text, identity, transaction.now, transaction.save_photo)
    etag = after.etag if after.text.encode() == body else None
    if old and after.text == old.text:
        save_changed(transaction, book.id, [old], [after])
        return Stored(False, etag)
    transaction.save_cards(book.id, [after], transaction.take_numbers(book.id, 1))
    if network.auto_link:
        transaction.save_card_keys(network.id, book.id, {href: keys_of_card(scan(after.text), network)})
    return Stored(old is None, etag)


def delete_card(transaction: Transaction, book: Book, href: str, preconditions: Preconditions) -> None:
    """Deletes a card and leaves a tombstone; NotFound when there is none, PreconditionFailed."""
    transaction.lock_network(book.network, exclusive=False)
    last = transaction.take_numbers(book.id, 1)
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None)
    if old is None:
        raise NotFound("There is no such card.")
    transaction.delete_cards(book.id, [href], last)


def _stands_for(
    transaction: Transaction, renderer: Renderer, network: Network, book: Book, card: Card, old: StoredCard | None
) -> tuple[User | None, str]:
    """The user whom the card stands for from now on, and why.

    A pair the card carries or once carried is kept or dropped silently: a client that syncs an old state is in good
    faith. A new pair must be that of a user with messaging whom all readers of the book see; another one is dropped in
    a personal book and refused in a shared one.
    """
    linked = _user(transaction, old.user) if old and old.user else None
    pair = renderer.identity_in(list(card.lines))
    found = transaction.find_user(network.id, cloud_username=pair.cloud_username) if pair else None
    if pair and not (found and linked and found.id == linked.id):
        if found and _is_identity(pair, found, network) and visible(found, transaction.reader_views(book.id)):
            return found, PAIR
        carried = old is not None and renderer.identity_in(scan(old.text)) == pair
        if book.kind is not BookKind.PERSONAL and not carried:
            log.warning("A card with a messaging identity that no visible user has was refused in book %d.", book.id)
            raise Forbidden(
                "write-content",
                f"{pair.cloud_username!r} in network {pair.network_id!r} is no messaging user of this directory.",
            )
    if linked and old and old.link == PAIR:
        return linked, PAIR
    if not network.auto_link:
        return None, ""
    keys = keys_of_card(card.lines, network)
    user = user_of_keys(transaction, network, book.kind, keys, transaction.reader_views(book.id))
    return (user, KEYS) if user else (None, "")


def _is_identity(pair: MessagingIdentity, user: User, network: Network) -> bool:
    """Spelling of the Cloud Username aside (the served card gets the stored one), the pair is the user's."""
    own = identity_of(user, network)
    return (
        own is not None and fold(own.cloud_username) == fold(pair.cloud_username) and own.network_id == pair.network_id
    )


def _user(transaction: Transaction, row: int) -> User | None:
    found = transaction.users_by_id([row])
    return found[0] if found else None
