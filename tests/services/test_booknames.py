"""The names that searches look through: those of now, of this book, and no more of them than there is room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carddav_msg.bootstrap import Services
from carddav_msg.directory.rows import StoredCard
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.services import booknames
from carddav_msg.services.booknames import BookNames
from tests.builders import add_network
from tests.profiles import examples

_TEXTS = st.text(st.sampled_from("AÄ한 \n𝒳"), max_size=4)


@pytest.fixture
def books(any_services: Services) -> list[Book]:
    """Two books without cards."""
    network = add_network(any_services).id
    new = [Book(0, network, BookKind.SHARED, slug, slug, 0, "", 1, 0, 0) for slug in ("one", "two")]
    return any_services.directory.transact(lambda transaction: [transaction.add_book(book) for book in new])


def _with(services: Services, book: Book, names: list[str]) -> Book:
    """The book when it has cards of these names, called by their places in the list, and no others."""

    def work(transaction: Any) -> Book:
        old = [href for _, href, _ in services.directory.listing(book.id, 0, 1000)]
        transaction.delete_cards(book.id, old, transaction.take_numbers(book.id, len(old)))
        new = [StoredCard(0, str(place), str(place), '"1"', 0, 1, "", "{}", name) for place, name in enumerate(names)]
        seq = transaction.take_numbers(book.id, len(new))
        transaction.save_cards(book.id, new, seq)
        return replace(book, seq=seq)

    return services.directory.transact(work)


def _found(services: Services, names: BookNames, book: Book, text: str) -> list[int]:
    cards = services.directory.numbered_cards(book.id, list(names.having(book, text)))
    return sorted(int(card.href) for card in cards)


def test_found_are_the_cards_that_have_the_text(any_services: Services, books: list[Book]) -> None:
    """Whatever is in the names, also nothing, and however often the text is."""
    names = BookNames(any_services.directory)

    @settings(max_examples=examples(ci=25, soak=500), suppress_health_check=list(HealthCheck))
    @given(st.lists(_TEXTS, max_size=10), _TEXTS.filter(bool))
    def agree(stored: list[str], wanted: str) -> None:
        book = _with(any_services, books[0], stored)
        expected = [place for place, name in enumerate(stored) if wanted in name]
        assert _found(any_services, names, book, wanted) == expected
        assert _found(any_services, names, book, wanted) == expected

    agree()


def test_a_card_is_found_in_its_book_only(any_services: Services, books: list[Book]) -> None:
    """Also by its number, which may be given to a card of another book when it is gone."""
    names = BookNames(any_services.directory)
    one, two = (_with(any_services, book, ["Ada", "Bob"][: number + 1]) for number, book in enumerate(books))
    assert (_found(any_services, names, one, "A"), _found(any_services, names, two, "B")) == ([0], [1])
    numbers = list(names.having(two, "A"))
    assert numbers
    assert any_services.directory.numbered_cards(one.id, numbers) == []


def test_names_are_kept_while_there_is_room(
    any_services: Services, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book that was searched last is at hand; the others are read again."""
    names = BookNames(any_services.directory)
    one, two = (_with(any_services, book, ["Ada"] * 10) for book in books)
    read: list[int] = []
    real = BookNames._read
    monkeypatch.setattr(BookNames, "_read", lambda self, book: (read.append(book), real(self, book))[1])
    for book in (one, one, two, one, two):
        assert len(list(names.having(book, "A"))) == 10
    assert read == [one.id, two.id]
    monkeypatch.setattr(booknames, "_ROOM", 150)  # octets: one book has 39 of names and 80 of numbers
    for book in (replace(one, seq=one.seq + 1), one, two, two):
        assert len(list(names.having(book, "A"))) == 10
    assert read == [one.id, two.id, one.id, one.id, two.id]
