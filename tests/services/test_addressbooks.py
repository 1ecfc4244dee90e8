"""Address books as their users see them: homes, rights, and answers that stay right while others write."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from carddav_msg import bootstrap
from carddav_msg.domain.access import Book, BookKind, Principal, privileges
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.errors import AlreadyExists, Forbidden, InvalidSyncToken, NotFound
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.authentication import Face
from tests.builders import add_network, add_users, forget_deletions, new_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carddav_msg.bootstrap import Services

ANY = Preconditions()


def vcard(uid: str, note: str = "") -> bytes:
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:X\r\nNOTE:{note}\r\nEND:VCARD\r\n".encode()


class House:
    """Two users of a network; answers come in pages of two rows."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.books: AddressBooks = services.addressbooks
        acme = add_network(services, "acme")
        self.anna, self.bert = (
            Principal(user.id, acme.id, f"acme~{user.cloud_username}")
            for user in add_users(services, acme, [new_user("anna"), new_user("bert")])
        )

    def personal(self) -> Book:
        book = self.books.book(self.anna, "personal")
        assert book is not None
        return book

    def put(self, *names: str, note: str = "") -> None:
        for name in names:
            self.books.put(self.anna, self.personal(), name, vcard(name, note), ANY)

    def delete(self, name: str) -> None:
        self.books.delete(self.anna, self.personal(), name, ANY)

    def delta(self, token: str) -> tuple[dict[str, bool], str]:
        delta = self.books.changes(self.anna, self.personal(), token)
        entries = [(href, etag is not None) for _, href, etag in delta.entries]
        assert len(dict(entries)) == len(entries), "an href twice in one answer"
        return dict(entries), str(delta.token)


@pytest.fixture
def house(any_services: Services) -> Iterator[House]:
    small = bootstrap.build(replace(any_services.settings, page_size=2))
    yield House(small)
    small.close()


def test_the_home_begins_with_the_directory_and_makes_the_personal_book(house: House) -> None:
    """The first visit makes `personal`, later ones find it; macOS shows only the first book of a home."""
    for _ in range(2):
        assert [(b.kind, b.slug) for b in house.books.home(house.anna)] == [
            (BookKind.DIRECTORY, "directory"),
            (BookKind.PERSONAL, "personal"),
        ]
    assert house.books.book(house.anna, "other") is None


def test_a_delta_tells_changes_and_deletions_once(house: House) -> None:
    """Pages of two rows, five changes: each card once, with the token of the state they lead to."""
    house.put("a", "b", "c", "d", "e")
    everything, token = house.delta("")
    assert everything == dict.fromkeys("abcde", True)
    house.put("a", note="new")
    house.delete("b")
    house.put("f")
    house.delete("f")
    changed, token = house.delta(token)
    assert changed == {"a": True, "b": False, "f": False}
    assert house.delta(token)[0] == {}
    assert house.delta("")[0] == dict.fromkeys("acde", True)


def test_an_answer_that_others_interrupt_is_completed_by_the_next_delta(house: House) -> None:
    """Between two pages a card changes and one goes: this answer or the next delta tells of it, none of it twice."""
    house.put("a", "b", "c", "d", "e")
    delta = house.books.changes(house.anna, house.personal(), "")
    entries = delta.entries
    seen = {next(entries)[1], next(entries)[1]}
    house.put("a", "d", note="new")
    house.delete("e")
    seen |= {href for _, href, _ in entries}
    changed, _ = house.delta(str(delta.token))
    assert changed["a"]
    assert changed["d"]
    assert not changed["e"]
    assert seen | set(changed) == set("abcde")


def test_a_listing_that_others_interrupt_has_every_card_once(house: House) -> None:
    """A client without sync would delete what is missing and trip over what is there twice."""
    house.put("a", "b", "c", "d", "e")
    entries = chain.from_iterable(house.books.listing(house.anna, house.personal()))
    seen = [next(entries)[1], next(entries)[1]]
    house.put("a", "d", note="new")
    seen += [href for _, href, _ in entries]
    assert sorted(seen) == list("abcde")


@pytest.mark.parametrize("token", ["nonsense", "data:,1/999.1.0", "data:,1/{book}.2.0", "data:,1/{book}.1.99"])
def test_foreign_tokens_are_refused(house: House, token: str) -> None:
    """The client starts anew instead of missing something."""
    with pytest.raises(InvalidSyncToken):
        house.delta(token.format(book=house.personal().id))


def test_a_token_older_than_the_forgotten_deletions_is_refused(house: House) -> None:
    """Pruning keeps younger tokens good."""
    house.put("a", "b")
    _, old = house.delta("")
    house.delete("a")
    _, young = house.delta(old)
    forget_deletions(house.services)
    with pytest.raises(InvalidSyncToken):
        house.delta(old)
    assert house.delta(young)[0] == {}


def test_the_directory_is_read_only_and_other_homes_do_not_exist(house: House) -> None:
    """The refusal names the privilege, as DAVx5 needs it; a foreign personal book is not even confirmed."""
    directory = house.books.book(house.anna, "directory")
    assert directory is not None
    with pytest.raises(Forbidden) as refused:
        house.books.put(house.anna, directory, "x.vcf", vcard("x"), ANY)
    assert refused.value.privilege == "bind"
    href = next(house.books.listing(house.anna, directory))[0][1]
    with pytest.raises(Forbidden) as refused:
        house.books.put(house.anna, directory, href, vcard("x"), ANY)
    assert refused.value.privilege == "write-content"
    with pytest.raises(Forbidden) as refused:
        house.books.delete(house.anna, directory, href, ANY)
    assert refused.value.privilege == "unbind"
    for question in (house.books.listing, house.books.texts):
        with pytest.raises(NotFound):
            question(house.bert, house.personal())
    with pytest.raises(NotFound):
        house.books.put(house.bert, house.personal(), "x.vcf", vcard("x"), ANY)


def test_further_personal_books_come_and_go(house: House) -> None:
    """Made, named, deleted with their cards; the first one and taken names stay."""
    book = house.books.create_book(house.anna, "friends", "Friends", "", "")
    house.books.put(house.anna, book, "a", vcard("a"), ANY)
    house.books.set_properties(house.anna, book, "Best friends", "of mine", "#ff0000")
    found = house.books.book(house.anna, "friends")
    assert found is not None
    assert (found.display_name, found.description, found.color) == ("Best friends", "of mine", "#ff0000")
    for taken in ("friends", "directory", "personal"):
        with pytest.raises(AlreadyExists):
            house.books.create_book(house.anna, taken, "", "", "")
    house.books.delete_book(house.anna, found)
    assert house.books.book(house.anna, "friends") is None
    for kept in ("personal", "directory"):
        kept_book = house.books.book(house.anna, kept)
        assert kept_book is not None
        with pytest.raises(Forbidden):
            house.books.delete_book(house.anna, kept_book)


def test_cards_come_in_the_order_asked_for(house: House) -> None:
    """A missing one is its href; each href once."""
    house.put("a", "b", "c")
    asked = ["c", "zzz", "a", "c", "b"]
    answers = list(chain.from_iterable(house.books.cards(house.anna, house.personal(), asked)))
    assert [answer if isinstance(answer, str) else answer.href for answer in answers][:2] == ["c", "zzz"]
    assert {answer if isinstance(answer, str) else answer.href for answer in answers} == {"a", "b", "c", "zzz"}
    assert [row.href for row in house.books.texts(house.anna, house.personal())] == ["a", "b", "c"]


def test_an_operator_sees_the_books_of_granted_networks(any_services: Services) -> None:
    """In the own home, under `NETWORK~book`; the door and the home agree, and personal books of others never show."""
    staff, acme, globex = (add_network(any_services, name) for name in ("staff", "acme", "globex"))
    [olga] = add_users(any_services, staff, [new_user("olga", password="x")])
    [anna] = add_users(any_services, acme, [new_user("anna")])
    add_users(any_services, globex, [new_user("gerd")])
    supplied = any_services.administration.books.add("acme", "suppliers")
    any_services.addressbooks.home(Principal(anna.id, acme.id, "acme~anna"))
    any_services.directory.transact(lambda tx: tx.save_grant(olga.id, "operator", acme.id))

    visitor = any_services.authentication.enter("staff~olga", "x", Face.CARDDAV, slug="acme~suppliers")
    assert visitor.book is not None
    assert visitor.book.id == supplied.id
    home = any_services.addressbooks.home(visitor.principal)
    assert [book.slug for book in home] == ["directory", "personal", "acme~directory", "acme~suppliers"]
    assert home[-1] == visitor.book
    assert len(list(any_services.addressbooks.listing(visitor.principal, home[2]))) == 1
    with pytest.raises(Forbidden):
        any_services.addressbooks.put(visitor.principal, home[-1], "x.vcf", vcard("x"), ANY)
    for slug in ("globex~directory", "acme~personal", "staff~directory", "nowhere~directory"):
        found = any_services.authentication.enter("staff~olga", "x", Face.CARDDAV, slug=slug).book
        assert found is None or not privileges(visitor.principal, found), slug

    any_services.directory.transact(lambda tx: tx.save_grant(olga.id, "admin", None))
    visitor = any_services.authentication.enter("staff~olga", "x", Face.CARDDAV, slug="acme~suppliers")
    assert visitor.book is not None
    assert any_services.addressbooks.put(visitor.principal, visitor.book, "x.vcf", vcard("x"), ANY).created
    slugs = [book.slug for book in any_services.addressbooks.home(visitor.principal)]
    assert slugs == ["directory", "personal", "acme~directory", "globex~directory", "acme~suppliers"]
    [(_, entry)] = any_services.directory.audit(acme.id, 10**9, 1)
    assert (entry.actor.name, entry.subject) == ("staff~olga", "card acme/suppliers/x.vcf")
