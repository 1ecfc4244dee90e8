"""Contacts: which books, in which order, and what happens when they change while they are read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg.domain.access import Book, BookKind, Grant, Principal
from carddav_msg.domain.contact import View
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.publishing import users
from carddav_msg.services.contacts import Contacts
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.network import Network
    from carddav_msg.domain.user import User

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nEND:VCARD\r\n"


def names(contacts: Contacts, principal: Principal) -> list[str]:
    """The display names of a document."""
    body = b"".join(contacts.document(contacts.state(principal)))
    return [contact["displayName"] for contact in json.loads(body)["contacts"]]


def contacts(services: Services, directory: Any = None, **changes: Any) -> Contacts:
    """The service with other settings, or over another directory."""
    settings = {"own_entry": False, "books": ("directory", "shared"), "page_size": 100} | changes
    return Contacts(directory or services.directory, **settings)


def principal(user: User, *grants: Grant) -> Principal:
    """The user as one who was let in."""
    return Principal(user.id, user.network, f"acme~{user.cloud_username}", grants)


def shared_book(services: Services, network: Network, slug: str, *, everyone: str = "") -> Book:
    """A shared book with one card named like it."""
    book = Book(0, network.id, BookKind.SHARED, slug, slug, 0, "", 1, 0, 0)
    stored = services.directory.transact(lambda tx: tx.add_book(book, everyone=everyone))
    put(services, stored, f"{slug} card")
    return stored


def put(services: Services, book: Book, name: str) -> None:
    """A card in a book."""
    from carddav_msg.publishing.cards import put_card

    body = CARD.format(uid=name.replace(" ", "-"), name=name).encode()
    services.directory.transact(
        lambda tx: put_card(tx, services.renderer, book, f"{name}.vcf", body, Preconditions(), max_size=10_000)
    )


def test_readable_shared_books_follow_the_directory(any_services: Services) -> None:
    """Books shared with the viewer are in the document, others and personal ones are not; a setting leaves all out."""
    acme = add_network(any_services)
    anna = add_user(any_services, acme, "anna")
    add_user(any_services, acme, "bert", display_name="Bert")
    shared_book(any_services, acme, "everybody", everyone="read")
    shared_book(any_services, acme, "closed")
    named = shared_book(any_services, acme, "named")
    any_services.directory.transact(lambda tx: tx.save_member(named.id, anna.id, "read"))
    own = Book(0, acme.id, BookKind.PERSONAL, "personal", "personal", anna.id, "write", 1, 0, 0)
    put(any_services, any_services.directory.transact(lambda tx: tx.add_book(own)), "private")
    assert names(contacts(any_services), principal(anna)) == ["Bert", "everybody card", "named card"]
    assert names(contacts(any_services, books=("directory",)), principal(anna)) == ["Bert"]
    admin = principal(anna, Grant("admin", acme.id))
    assert names(contacts(any_services), admin) == ["Bert", "closed card", "everybody card", "named card"]
    assert names(contacts(any_services), replace(admin, plain=True)) == ["Bert", "everybody card", "named card"]


def test_own_entry_is_left_out_of_shared_books_too(services: Services) -> None:
    """A card of a shared book that stands for the viewer is the viewer's own entry."""
    acme = add_network(services)
    anna = add_user(services, acme, "anna")
    book = shared_book(services, acme, "shop", everyone="read")
    pair = f"X-CLOUD-USERNAME:anna\r\nX-NETWORK-ID:{acme.effective_id}\r\nEND:VCARD"
    body = CARD.format(uid="me", name="Me").replace("END:VCARD", pair).encode()
    from carddav_msg.publishing.cards import put_card

    services.directory.transact(
        lambda tx: put_card(tx, services.renderer, book, "me.vcf", body, Preconditions(), max_size=10_000)
    )
    assert names(contacts(services), principal(anna)) == ["shop card"]
    assert names(contacts(services, own_entry=True), principal(anna)) == ["User anna", "shop card"]


def linked_card(services: Services, network: Network, book: Book, user: User, name: str) -> None:
    """A card in a shared book that stands for a user."""
    from carddav_msg.publishing.cards import put_card

    pair = f"X-CLOUD-USERNAME:{user.cloud_username}\r\nX-NETWORK-ID:{network.effective_id}\r\nEND:VCARD"
    body = CARD.format(uid=name, name=name).replace("END:VCARD", pair).encode()
    services.directory.transact(
        lambda tx: put_card(tx, services.renderer, book, f"{name}.vcf", body, Preconditions(), max_size=10_000)
    )


@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_colleague_is_one_contact(any_services: Services, page_size: int) -> None:
    """Who is in the directory and in shared books comes once, as in the directory; who is in no view, as in a book."""
    acme = add_network(any_services)
    anna = add_user(any_services, acme, "anna")
    bert = add_user(any_services, acme, "bert", display_name="Bert")
    carl = add_user(any_services, acme, "carl", display_name="Carl")
    shop = shared_book(any_services, acme, "shop", everyone="read")
    team = shared_book(any_services, acme, "team", everyone="read")
    for book, user, name in ((shop, bert, "Bertie"), (shop, carl, "Carlo"), (team, carl, "Carlito")):
        linked_card(any_services, acme, book, user, name)
    service = contacts(any_services, page_size=page_size)
    assert names(service, principal(anna)) == ["Bert", "Carl", "shop card", "team card"]
    any_services.directory.transact(
        lambda tx: users.save_users(
            tx, any_services.renderer, tx.lock_network(acme.id, exclusive=True), [replace(carl, listed=False)]
        )
    )
    assert names(service, principal(anna)) == ["Bert", "shop card", "Carlo", "team card"]
    assert names(service, principal(bert)) == ["User anna", "shop card", "Carlo", "team card"]


def test_viewers_of_a_state_share_its_packed_body(services: Services) -> None:
    """Each viewer gets the plain document packed, without the own entry; cards are read for the first one alone."""
    acme = add_network(services)
    people = [add_user(services, acme, f"user{number}") for number in range(4)]
    asked: list[int] = []

    class Counting:
        """Notes which books are read."""

        def home(self, user: int) -> list[Book]:
            return services.directory.home(user)

        def fragments(self, book: int, after: int, limit: int) -> list[tuple[int, int, str]]:
            asked.append(book)
            return services.directory.fragments(book, after, limit)

    service, plain = contacts(services, Counting()), contacts(services)
    for viewer in map(principal, people):
        packed = b"".join(service.gzipped(service.state(viewer)))
        assert gzip.decompress(packed) == b"".join(plain.document(plain.state(viewer)))
    assert len(asked) == 1
    add_user(services, acme, "newcomer")
    state = service.state(principal(people[0]))
    assert b"newcomer" in gzip.decompress(b"".join(service.gzipped(state)))
    assert len(asked) == 2


def test_taking_a_book_away_moves_tag_and_date(any_services: Services) -> None:
    """A book that is no longer shared, and another view, change both validators, though no book was changed."""
    acme = add_network(any_services)
    anna = add_user(any_services, acme, "anna")
    book = shared_book(any_services, acme, "shop", everyone="read")
    service = contacts(any_services)
    states = [service.state(principal(anna))]
    any_services.directory.transact(lambda tx: tx.save_book(book, everyone=""))
    states.append(service.state(principal(anna)))
    view = Book(0, acme.id, BookKind.DIRECTORY, "directory", "Sales", 0, "", 1, 0, 0)

    def other_view(tx: Any) -> None:
        stored = tx.add_book(view, view="sales", rule=View(departments=frozenset({"Sales"})))
        locked = tx.lock_network(acme.id, exclusive=True)
        users.save_users(tx, any_services.renderer, locked, [replace(anna, view=stored.id)])

    any_services.directory.transact(other_view)
    states.append(service.state(principal(anna)))
    assert len({state.tag for state in states}) == 3
    assert len({state.date for state in states}) == 3


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_cards_that_change_between_pages_come_once(services: Services, page_size: int) -> None:
    """A card that moves behind the page being read is neither lost nor sent twice."""
    acme = add_network(services)
    viewer = add_user(services, acme, "viewer")
    people = [add_user(services, acme, f"user{number}") for number in range(4)]

    class Moving:
        """Renames the first and the last user after the first page."""

        def __init__(self) -> None:
            self.pages = 0

        def home(self, user: int) -> list[Book]:
            return services.directory.home(user)

        def fragments(self, book: int, after: int, limit: int) -> list[tuple[int, int, str]]:
            page = services.directory.fragments(book, after, limit)
            self.pages += 1
            if self.pages == 1:
                moved = [replace(one, profile=replace(one.profile, nickname="Nick")) for one in (people[0], people[3])]
                services.directory.transact(
                    lambda tx: users.save_users(tx, services.renderer, tx.lock_network(acme.id, exclusive=True), moved)
                )
            return page

    found = names(contacts(services, Moving(), page_size=page_size), principal(viewer))
    assert sorted(found) == [f"User user{number}" for number in range(4)]


def test_settled_only_after_a_while(services: Services) -> None:
    """A date is proof only when no further change can get it; before, it is another date than afterwards."""
    acme = add_network(services)
    anna = add_user(services, acme, "anna")
    (book,) = services.directory.home(anna.id)
    changed = book.modified // 1_000_000
    dates = {}
    for seconds in (0, 14, 15, 1000):
        service = contacts(services)
        service = Contacts(
            services.directory,
            own_entry=False,
            books=("directory", "shared"),
            page_size=10,
            clock=lambda now=changed + seconds: float(now),
        )
        state = service.state(principal(anna))
        dates[seconds] = state.date
        assert state.settled == (seconds >= 15)
    assert dates[0] == dates[14] != dates[15] == dates[1000]
