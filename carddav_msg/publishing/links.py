"""Whom a client's card stands for (DESIGN §1): by the pair a writer gave it, or by match keys (`auto_link`).

Match keys are stored only while a network has the flag; turning it on computes them all (`relink_network`). A card with
a pair stands for its user for good, but shows the identity only while all readers of its book see the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import StoredCard
from carddav_msg.domain.access import BookKind
from carddav_msg.domain.contact import MessagingIdentity, View, identity_of, sip_address
from carddav_msg.domain.matchkeys import EXTENSION, MatchKey, match_keys
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Number, User
from carddav_msg.errors import InvalidValue
from carddav_msg.formats import numbers
from carddav_msg.formats.vcard.contentlines import ContentLine, scan
from carddav_msg.formats.vcard.read import profile_of, sip_of
from carddav_msg.publishing.renderer import Renderer, served

BATCH: Final = 500
DIRECTORY, PAIR, KEYS = "directory", "pair", "keys"


def visible(user: User, views: Iterable[View]) -> bool:
    """True when every reader of a book sees the user in the directory; `views` are the views of its readers."""
    return user.enabled and user.listed and all(view.holds(user) for view in views)


def views_of_readers(transaction: Transaction, network: Network, book: int) -> frozenset[View]:
    """The views of those who read a book."""
    return transaction.reader_views(network.id, [book])[book]


def shown_identity(user: User | None, network: Network, views: Iterable[View]) -> MessagingIdentity | None:
    """What a client's card says of the user it stands for: nothing while a reader of its book does not see the user."""
    return identity_of(user, network) if user and visible(user, views) else None


def keys_of_user(user: User, network: Network) -> list[MatchKey]:
    """The match keys of a user, none while the network does not link by them."""
    return list(match_keys(user.profile, [sip_address(user, network)])) if network.auto_link else []


def keys_of_card(lines: Sequence[ContentLine], network: Network) -> list[MatchKey]:
    """The match keys of a client's card, none while the network does not link by them."""
    if not network.auto_link:
        return []
    profile = profile_of(lines)
    known = replace(profile, numbers=tuple(_international(n.kind, n.entered, network.country) for n in profile.numbers))
    return list(match_keys(known, [sip_of(lines)]))


def user_of_keys(
    transaction: Transaction, network: Network, kind: BookKind, keys: Sequence[MatchKey], views: Iterable[View]
) -> User | None:
    """The one visible user who shares a key; None when there is none or more than one."""
    usable = [key for key in keys if key[0] != EXTENSION or (network.link_extensions and kind is BookKind.SHARED)]
    if not usable:
        return None
    found = {user.id: user for users in transaction.users_with_keys(network.id, usable).values() for user in users}
    seen = [user for user in found.values() if visible(user, views)]
    return seen[0] if len(seen) == 1 else None


def relink(transaction: Transaction, renderer: Renderer, network: Network, keys: Iterable[MatchKey]) -> int:
    """Finds anew whom those cards stand for that have one of the keys; returns how many cards changed."""
    wanted = sorted(keys)
    if not wanted:
        return 0
    by_book: dict[int, list[StoredCard]] = {}
    for book, card in transaction.cards_with_keys(network.id, wanted):
        by_book.setdefault(book, []).append(card)
    kinds = {book: kind for book, kind, _ in transaction.client_books(network.id)}
    return sum(
        relink_cards(transaction, renderer, network, book, kinds[book], by_book[book]) for book in sorted(by_book)
    )


def relink_cards(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    book: int,
    kind: BookKind,
    cards: Sequence[StoredCard],
) -> int:
    """Links clients' cards of one book anew, save those with a pair; returns how many are served differently."""
    views = views_of_readers(transaction, network, book)
    paired = {
        u.id: u for u in transaction.users_by_id([card.user for card in cards if card.link == PAIR and card.user])
    }
    new = []
    for card in cards:
        user, link = paired.get(card.user), PAIR
        if card.link != PAIR:
            user = user_of_keys(transaction, network, kind, keys_of_card(scan(card.text), network), views)
            link = KEYS if user else ""
        linked = replace(card, user=user.id if user else 0, link=link)
        identity = shown_identity(user, network, views)
        new.append(renderer.client_card(linked, card.text, identity, transaction.now, transaction.save_photo))
    return save_changed(transaction, book, cards, new)


def relink_network(transaction: Transaction, renderer: Renderer, network: Network) -> int:
    """Computes all match keys and links of a network anew: after a change of its flags or views, or of the renderer."""
    transaction.forget_user_keys(network.id)
    transaction.forget_card_keys(network.id)
    after = ""
    while users := transaction.users_after(network.id, after, BATCH):
        transaction.save_user_keys([(user, keys_of_user(user, network)) for user in users])
        after = users[-1].cloud_username
    changed = 0
    for book, kind, last in transaction.client_books(network.id):
        seq = 0
        while page := transaction.cards_between(book, seq, last, BATCH):
            cards = [card for _, card in page]
            save_card_keys(transaction, network, book, cards)
            changed += relink_cards(transaction, renderer, network, book, kind, cards)
            seq = page[-1][0]
    return changed


def save_card_keys(transaction: Transaction, network: Network, book: int, cards: Sequence[StoredCard]) -> None:
    """Stores the match keys of clients' cards of one book, if the network links by them."""
    if network.auto_link:
        keys = {card.href: keys_of_card(scan(card.text), network) for card in cards}
        transaction.save_card_keys(network.id, book, keys)


def relink_readers(
    transaction: Transaction, renderer: Renderer, network: Network, before: Mapping[int, frozenset[View]]
) -> int:
    """Links the cards of those books anew whose readers had other views `before`; returns how many changed."""
    views = transaction.reader_views(network.id, list(before))
    differ = {book for book in before if before[book] != views[book]}
    books = transaction.client_books(network.id) if differ else []
    changed = 0
    for book, kind, last in [found for found in books if found[0] in differ]:
        seq = 0
        while page := transaction.cards_between(book, seq, last, BATCH):
            cards = [card for _, card in page if card.user or network.auto_link]
            changed += relink_cards(transaction, renderer, network, book, kind, cards)
            seq = page[-1][0]
    return changed


def save_changed(transaction: Transaction, book: int, old: Sequence[StoredCard], new: Sequence[StoredCard]) -> int:
    """Stores those of the new cards that differ from the old ones; returns how many are served differently.

    A card whose link changed and whose bytes did not is stored without a new number, so that no phone fetches it.
    """
    pairs = list(zip(old, new, strict=True))
    changed = [after for before, after in pairs if served(before) != served(after)]
    if changed:
        transaction.save_cards(book, changed, transaction.take_numbers(book, len(changed)))
    silent = [after for before, after in pairs if served(before) == served(after) and before.user != after.user]
    if silent:
        transaction.save_links(silent)
    return len(changed)


def _international(kind: str, entered: str, country: str) -> Number:
    try:
        return numbers.parse(kind, entered, country)
    except InvalidValue:  # clients write anything into TEL; such a number is no key
        return Number(kind, entered)
