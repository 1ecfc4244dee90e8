"""The effective Network ID changed: all cards with an identity of the network say so, without rendering each anew.

A network may have a hundred thousand of them, in one transaction, while nobody else can write to it. Of a directory
card only the lines of the identity and the date are exchanged. The result is what rendering makes; where a card does
not look as expected, it is rendered.
"""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import DirectoryBook, StoredCard
from carddav_msg.domain.contact import MessagingIdentity
from carddav_msg.domain.network import Network
from carddav_msg.publishing.links import BATCH
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.users import publish_directory, publish_linked


def rename_cards(transaction: Transaction, renderer: Renderer, network: Network, old_id: str) -> None:
    """Brings every card of a network's users up to date; `old_id` was the effective Network ID."""
    for view in transaction.directory_books(network.id):
        seq, last = 0, transaction.take_numbers(view.book, 0)
        while page := transaction.directory_cards_between(view.book, seq, last, BATCH):
            _rename_page(transaction, renderer, network, old_id, view, [(card, name) for _, card, name in page])
            seq = page[-1][0]
    readers = transaction.reader_views(network.id, transaction.linked_books_of(network.id))
    for book in sorted(readers):
        seq, last = 0, transaction.take_numbers(book, 0)
        while found := transaction.cards_between(book, seq, last, BATCH):
            seq = found[-1][0]
            linked = [card for _, card in found if card.user]
            users = {user.id: user for user in transaction.users_by_id(sorted({card.user for card in linked}))}
            publish_linked(transaction, renderer, network, (book, readers[book]), linked, users)


def _rename_page(
    transaction: Transaction,
    renderer: Renderer,
    network: Network,
    old_id: str,
    view: DirectoryBook,
    page: list[tuple[StoredCard, str]],
) -> None:
    changed, unlike = list[StoredCard](), list[int]()
    for card, cloud_username in page:
        if cloud_username:
            before = MessagingIdentity(cloud_username, old_id)
            after = replace(before, network_id=network.effective_id)
            if renamed := renderer.reidentified(card, before, after, transaction.now):
                changed.append(renamed)
            else:
                unlike.append(card.user)
    if changed:
        transaction.save_cards(view.book, changed, transaction.take_numbers(view.book, len(changed)))
    if unlike:
        publish_directory(transaction, renderer, network, transaction.users_by_id(unlike), [view])
