"""`auto_link`: cards that share a key with exactly one visible user stand for that user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import Email, Number, User
from carddav_msg.publishing import links, networks, users
from carddav_msg.publishing.cards import put_card
from tests.builders import add_network, add_users, new_user
from tests.profiles import examples

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from tests.databases import Databases

PHONES = ("+3250000001", "+3250000002", "+3250000003")


class House:
    """A Belgian network with three users, a shared and a personal book."""

    def __init__(self, services: Services, name: str = "acme") -> None:
        self.services = services
        self.row = add_network(services, name, country="BE", auto_link=True, sip_host="sip.example").id
        new = [new_user(f"u{n}", sip_username=f"S{n}") for n in range(3)]
        self.users = [user.id for user in add_users(services, self.network(), new)]
        self.books = {
            BookKind.SHARED: self.book(BookKind.SHARED, "shared", 0),
            BookKind.PERSONAL: self.book(BookKind.PERSONAL, "personal", self.users[0]),
        }

    def book(self, kind: BookKind, slug: str, owner: int) -> Book:
        new = Book(0, self.row, kind, slug, slug, owner, "", 1, 0, 0)
        return self.services.directory.transact(lambda tx: tx.add_book(new, everyone="read"))

    def network(self) -> Any:
        return self.services.directory.transact(lambda tx: tx.lock_network(self.row, exclusive=True))

    def put(self, kind: BookKind, href: str, *lines: str) -> None:
        body = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{href}", "FN:X", *lines, "END:VCARD", ""]).encode()
        book = self.books[kind]
        self.services.directory.transact(
            lambda tx: put_card(tx, self.services.renderer, book, href, body, Preconditions(), max_size=10_000)
        )

    def change(self, user: int, **changes: Any) -> None:
        def work(tx: Any) -> None:
            network = tx.lock_network(self.row, exclusive=True)
            [old] = tx.users_by_id([self.users[user]])
            new = apply(old, changes)
            users.save_users(tx, self.services.renderer, network, [new])

        self.services.directory.transact(work)

    def flag(self, **changes: Any) -> None:
        def work(tx: Any) -> None:
            old = tx.lock_network(self.row, exclusive=True)
            networks.save_network(tx, self.services.renderer, replace(old, **changes), old)

        self.services.directory.transact(work)

    def who(self, kind: BookKind, href: str) -> str:
        """The Cloud Username on the card, empty when it is an ordinary contact."""
        row = self.services.directory.card(self.books[kind].id, href)
        assert row is not None
        return row.text.partition("X-CLOUD-USERNAME:")[2].partition("\r\n")[0]

    def recompute(self) -> int:
        def work(tx: Any) -> int:
            return links.relink_network(tx, self.services.renderer, tx.lock_network(self.row, exclusive=True))

        return self.services.directory.transact(work)


def apply(user: User, changes: dict[str, Any]) -> User:
    profile = {name: changes.pop(name) for name in list(changes) if name in ("numbers", "emails", "department")}
    return replace(user, profile=replace(user.profile, **profile), **changes)


@pytest.fixture
def house(any_services: Services) -> House:
    return House(any_services)


def phone(number: str) -> tuple[Number, ...]:
    return (Number("mobile", number, number),)


@pytest.mark.parametrize(
    "line", ["TEL;TYPE=CELL:+32 50 00 00 01", "EMAIL:U1@corp.example", "IMPP:sip:s1@sip.example", "TEL:050 00 00 01"]
)
def test_a_shared_key_links_a_card(house: House, line: str) -> None:
    """Numbers as people write them in the network's country, e-mail and SIP addresses in any case."""
    house.change(1, numbers=phone("+3250000001"), emails=(Email("u1@CORP.example"),))
    for kind in house.books:
        house.put(kind, "c", line)
        assert house.who(kind, "c") == "u1"


def test_a_key_of_two_visible_users_links_nobody(house: House) -> None:
    """Until one of them is disabled, unlisted or gives the number up."""
    house.put(BookKind.PERSONAL, "c", "TEL:+3250000001")
    for user in (1, 2):
        house.change(user, numbers=phone("+3250000001"))
    assert house.who(BookKind.PERSONAL, "c") == ""
    for change in ({"enabled": False}, {"listed": False}, {"numbers": ()}):
        house.change(1, **change)
        assert house.who(BookKind.PERSONAL, "c") == "u2"
        house.change(1, enabled=True, listed=True, numbers=phone("+3250000001"))
        assert house.who(BookKind.PERSONAL, "c") == ""


def test_a_bare_extension_links_in_shared_books_and_only_by_setting(house: House) -> None:
    """Anybody's private book may have a 1001 that is not ours."""
    house.change(1, numbers=(Number("extension", "1001"),))
    for kind in house.books:
        house.put(kind, "c", "TEL;TYPE=WORK:1001")
        assert house.who(kind, "c") == ""
    house.flag(link_extensions=True)
    assert house.who(BookKind.SHARED, "c") == "u1"
    assert house.who(BookKind.PERSONAL, "c") == ""


def test_the_flag_links_and_unlinks_everything(house: House) -> None:
    """Off, the cards are as their clients wrote them; on, they are linked again."""
    house.change(1, numbers=phone("+3250000001"))
    house.put(BookKind.PERSONAL, "c", "TEL:+3250000001")
    for auto_link, expected in ((False, ""), (True, "u1")):
        house.flag(auto_link=auto_link)
        assert house.who(BookKind.PERSONAL, "c") == expected


def test_a_pair_given_by_a_writer_outlives_the_key(house: House) -> None:
    """And a pair that only came by a key goes with the key, also when a client echoes it."""
    house.change(1, numbers=phone("+3250000001"))
    identity = ("X-CLOUD-USERNAME:u2", "X-NETWORK-ID:acme")
    house.put(BookKind.SHARED, "c", "TEL:+3250000001", *identity)
    assert house.who(BookKind.SHARED, "c") == "u2"
    house.put(BookKind.SHARED, "d", "TEL:+3250000001")
    house.put(BookKind.SHARED, "d", "TEL:+3250000001", "X-CLOUD-USERNAME:u1", "X-NETWORK-ID:acme")
    house.change(1, numbers=())
    assert house.who(BookKind.SHARED, "c") == "u2"
    assert house.who(BookKind.SHARED, "d") == ""


def test_a_user_the_readers_do_not_see_is_nobody(house: House) -> None:
    """A view that hides a department hides its people from the cards of its readers too."""

    def hide(tx: Any) -> None:
        [view] = tx.directory_books(house.row)
        tx.save_view(view.book, replace(view.view, departments=frozenset({"Sales"})))

    house.services.directory.transact(hide)
    house.change(1, numbers=phone("+3250000001"), department="Support")
    house.put(BookKind.PERSONAL, "c", "TEL:+3250000001")
    assert house.who(BookKind.PERSONAL, "c") == ""
    house.change(1, department="Sales")
    assert house.who(BookKind.PERSONAL, "c") == "u1"


number = st.sampled_from(PHONES)
steps = st.one_of(
    st.tuples(st.just("user"), st.integers(0, 2), st.fixed_dictionaries({"numbers": number.map(phone) | st.just(())})),
    st.tuples(st.just("user"), st.integers(0, 2), st.fixed_dictionaries({"enabled": st.booleans()})),
    st.tuples(
        st.just("user"), st.integers(0, 2), st.fixed_dictionaries({"listed": st.booleans(), "messaging": st.booleans()})
    ),
    st.tuples(st.just("card"), st.sampled_from(list(BookKind)[1:]), st.sampled_from("abc"), number | st.just("1")),
    st.tuples(st.just("flag"), st.booleans(), st.booleans()),
)


@settings(max_examples=examples(ci=10, soak=400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=3, max_size=12))
def test_random_changes_equal_a_recomputation_from_scratch(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, history: list[Any]
) -> None:
    """However a state was reached, computing all links anew changes no card."""
    from carddav_msg import bootstrap

    folder = tmp_path_factory.mktemp("links")
    services = bootstrap.build(databases.settings(folder, databases.sqlite(folder)))
    house = House(services)
    for step in history:
        if step[0] == "user":
            house.change(step[1], **dict(step[2]))
        elif step[0] == "card":
            house.put(step[1], step[2], f"TEL:{step[3]}")
        else:
            house.flag(auto_link=step[1], link_extensions=step[2])
        assert house.recompute() == 0, step
    services.close()
