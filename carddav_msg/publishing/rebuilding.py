"""The way cards are rendered changed: all cards follow, page by page, while everybody goes on reading and writing.

Only cards whose bytes differ get a new number. What is done stays done: a process that is killed leaves whole pages,
and the next one goes on with the networks that are not finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.access import BookKind
from carddav_msg.domain.network import Network
from carddav_msg.errors import NotFound, Superseded, Unavailable
from carddav_msg.publishing.links import keys_of_user, relink_cards, save_card_keys
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.users import publish_directory

PAGE: Final = 200
_TRIES: Final = 5
_LONGEST_PAUSE: Final = 0.1


class Progress(Protocol):
    """Who wants to see how far it is."""

    def step(self, name: str, total: int | None) -> None:
        """The work begins."""

    def advance(self, count: int) -> None:
        """So many more cards were looked at."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one transaction did: `last` is what to go on behind, None at the end."""

    last: str | int | None
    cards: int = 0
    changed: int = 0


def rebuild(directory: Directory, renderer: Renderer, progress: Progress, *, everything: bool) -> int:
    """Renders the cards of all networks that are not done yet; returns how many are served differently now.

    One process at a time does this, others wait for it. With `everything` all networks are done again, by our way of
    rendering even if a newer one was in force. Raises Superseded when a newer one comes into force meanwhile.
    """
    with directory.rendering_alone():
        if everything:
            directory.transact(_begin_again)
        progress.step("Rendering cards", directory.cards_to_render())
        changed = 0
        while due := directory.networks_to_render():
            for network in due:
                with suppress(NotFound):  # removed meanwhile
                    changed += _render_network(directory, renderer, network, progress)
        return changed


def _begin_again(transaction: Transaction) -> None:
    transaction.announce(again=True)
    transaction.render_everything()


def _render_network(directory: Directory, renderer: Renderer, row: int, progress: Progress) -> int:
    def begin(transaction: Transaction) -> list[tuple[int, BookKind, int]]:
        transaction.lock_network(row, exclusive=True)
        transaction.begin_rendering(row)
        return transaction.client_books(row)

    books = directory.transact(begin)
    changed = _in_pages(directory, row, progress, partial(_render_users, renderer))
    for book, kind, last in books:
        if last:  # most personal books never had a card
            changed += _in_pages(directory, row, progress, partial(_render_cards, renderer, book, kind, last))
    directory.transact(lambda transaction: transaction.end_rendering(row))
    return changed


def _in_pages(
    directory: Directory, row: int, progress: Progress, work: Callable[[Transaction, Network, Any], Page]
) -> int:
    """Does the work from the start, each page in a transaction of its own that has the network to itself."""
    changed, after = 0, None
    while True:

        def page(transaction: Transaction, after: Any = after) -> Page:
            return work(transaction, transaction.lock_network(row, exclusive=True), after)

        begun = time.monotonic()
        done = _patiently(directory, page)
        changed += done.changed
        progress.advance(done.cards)
        if done.last is None:
            return changed
        after = done.last
        # SQLite has no queue for writers: without a pause the ones that wait would hardly ever get in between.
        time.sleep(min(time.monotonic() - begun, _LONGEST_PAUSE))


def _patiently(directory: Directory, work: Callable[[Transaction], Page]) -> Page:
    """Outlasts a database that is busy, or away for a moment: nobody would go on before the next start."""
    for _ in range(_TRIES):
        try:
            return directory.transact(work)
        except Superseded:
            raise
        except Unavailable as error:
            time.sleep(error.retry_after)
    return directory.transact(work)


def _render_users(renderer: Renderer, transaction: Transaction, network: Network, after: str | None) -> Page:
    users = transaction.users_after(network.id, after or "", PAGE)
    views = transaction.directory_books(network.id)
    changed = publish_directory(transaction, renderer, network, users, views)
    if network.auto_link:
        transaction.save_user_keys([(user, keys_of_user(user, network)) for user in users])
    return Page(users[-1].cloud_username if len(users) == PAGE else None, len(users) * len(views), changed)


def _render_cards(
    renderer: Renderer,
    book: int,
    kind: BookKind,
    last: int,
    transaction: Transaction,
    network: Network,
    after: int | None,
) -> Page:
    """What was changed since the network was begun was rendered in our way by who changed it."""
    found = transaction.cards_between(book, after or 0, last, PAGE)
    cards = [card for _, card in found]
    save_card_keys(transaction, network, book, cards)
    changed = relink_cards(transaction, renderer, network, book, kind, cards) if cards else 0
    return Page(found[-1][0] if len(found) == PAGE else None, len(cards), changed)
