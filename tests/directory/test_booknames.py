"""The names that searches look through: those of now, of this book, and no more of them than there is room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carddav_msg.bootstrap import Services
from carddav_msg.directory import booknames
from carddav_msg.directory.booknames import BookNames
from carddav_msg.directory.rows import NAME_LENGTH, StoredCard
from carddav_msg.domain.access import Book, BookKind
from tests.builders import add_network
from tests.profiles import examples

_TEXTS = st.text(st.sampled_from("AÄ한 \n𝒳"), max_size=4)
_LONG = NAME_LENGTH + 1
"""Characters of a name that is not among those in memory."""


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


def _rows(names: BookNames, book: Book, text: str) -> list[int]:
    rows = names.having(book, text)
    assert rows is not None
    return list(rows)


def _found(services: Services, names: BookNames, book: Book, text: str) -> list[int]:
    cards = services.directory.numbered_cards(book.id, _rows(names, book, text))
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
    numbers = _rows(names, two, "A")
    assert numbers
    assert any_services.directory.numbered_cards(one.id, numbers) == []


def test_long_names_are_candidates_of_each_search(any_services: Services, books: list[Book]) -> None:
    """They are not kept: what a client may write into a name has no bound."""
    names = BookNames(any_services.directory)
    book = _with(any_services, books[0], ["Ada", "x" * _LONG, "y" * (_LONG - 1), "ä" * _LONG])
    assert _found(any_services, names, book, "Ada") == [0, 1, 3]
    assert _found(any_services, names, book, "y") == [1, 2, 3]
    assert sum(kept.size for kept in names._names.values()) < 4 * _LONG


def test_a_book_of_too_many_cards_is_not_read(
    any_services: Services, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one whose names can't be told apart; then all cards are looked at."""
    monkeypatch.setattr(booknames, "_CARDS", 2)
    names = BookNames(any_services.directory)
    assert _found(any_services, names, _with(any_services, books[0], ["Ada"] * 2), "A") == [0, 1]
    assert names.having(_with(any_services, books[0], ["Ada"] * 3), "A") is None
    assert names.having(_with(any_services, books[1], ["Ada", "B\x01b"]), "A") is None


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The books whose names were read."""
    slugs: list[str] = []
    real = BookNames._read
    monkeypatch.setattr(BookNames, "_read", lambda self, book: (slugs.append(book.slug), real(self, book))[1])
    return slugs


def test_the_names_of_now_take_the_place_of_those_of_before(
    any_services: Services, books: list[Book], read: list[str]
) -> None:
    """Each book has its names once, however often it changes."""
    names = BookNames(any_services.directory)
    one, two = (_with(any_services, book, ["Ada"] * 10) for book in books)
    for book in (one, one, two, one, two, replace(one, seq=one.seq + 1), replace(one, epoch=one.epoch + 1)):
        assert len(_rows(names, book, "A")) == 10
    assert read == ["one", "two", "one", "one"]
    assert len(names._names) == 2


@pytest.mark.parametrize(("bound", "most"), [("_ROOM", 150), ("_BOOKS", 1)])  # octets: a book has 119
def test_names_are_kept_while_there_is_room(
    any_services: Services, books: list[Book], read: list[str], monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """The book that was searched last is at hand; the others are read again."""
    monkeypatch.setattr(booknames, bound, most)
    names = BookNames(any_services.directory)
    one, two = (_with(any_services, book, ["Ada"] * 10) for book in books)
    for book in (one, one, two, two, one):
        assert len(_rows(names, book, "A")) == 10
    assert read == ["one", "two", "one"]
