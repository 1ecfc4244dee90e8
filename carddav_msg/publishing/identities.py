"""Whose messaging identity a card that a client writes gets (DESIGN §1): the server's word, never the client's."""

from __future__ import annotations

import logging

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import StoredCard
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import MessagingIdentity, identity_of
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import Forbidden
from carddav_msg.formats.vcard.card import Card
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.publishing.links import KEYS, PAIR, keys_of_card, user_of_keys, views_of_readers, visible
from carddav_msg.publishing.renderer import Renderer

log = logging.getLogger(__name__)


def stands_for(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    book: Book,
    href: str,
    card: Card,
    old: StoredCard | None,
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
        if (
            found
            and _is_identity(pair, found, network)
            and visible(found, views_of_readers(transaction, network, book.id))
        ):
            return found, PAIR
        carried = _carried(transaction, renderer, book, href, old, pair)
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
    user = user_of_keys(transaction, network, book.kind, keys, views_of_readers(transaction, network, book.id))
    return (user, KEYS) if user else (None, "")


def _carried(
    transaction: Transaction, renderer: Renderer, book: Book, href: str, old: StoredCard | None, pair: MessagingIdentity
) -> bool:
    """True when the card carries the pair now, or did in one of its kept versions, also before it was deleted."""
    texts = [*([old.text] if old else []), *transaction.version_texts(book.id, href)]
    return any(renderer.identity_in(scan(text)) == pair for text in texts)


def _is_identity(pair: MessagingIdentity, user: User, network: Network) -> bool:
    """Spelling of the Cloud Username aside (the served card gets the stored one), the pair is the user's."""
    own = identity_of(user, network)
    return (
        own is not None and fold(own.cloud_username) == fold(pair.cloud_username) and own.network_id == pair.network_id
    )


def _user(transaction: Transaction, row: int) -> User | None:
    found = transaction.users_by_id([row])
    return found[0] if found else None
