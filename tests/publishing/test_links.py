"""`auto_link`: cards that share a key with exactly one visible user stand for that user."""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carddav_msg import bootstrap
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import View
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import Email, Number, User
from carddav_msg.errors import Forbidden
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

    def view(self, user: int, name: str) -> None:
        self.services.administration.users.change("acme", f"u{user}", lambda old: old, view=name)

    def pair(self, user: int) -> tuple[str, str]:
        """The lines that a writer gives a card to stand for the user."""
        return f"X-CLOUD-USERNAME:u{user}", "X-NETWORK-ID:acme"

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


def test_a_pair_shows_while_all_readers_see_the_user(house: House) -> None:
    """It goes and comes back with the user's department, a view's rule, a reader's view and the list of readers."""
    for kind in house.books:
        house.put(kind, "c", *house.pair(1))
    views, books = house.services.administration.views, house.services.administration.books

    def who() -> tuple[str, str]:
        return house.who(BookKind.PERSONAL, "c"), house.who(BookKind.SHARED, "c")

    views.add("acme", "sales", View(frozenset({"Sales"})))
    assert who() == ("u1", "u1")
    house.change(1, department="Sales")
    house.view(0, "sales")
    assert who() == ("u1", "u1")
    house.change(1, department="Support")
    assert who() == ("", "")
    views.change("acme", "sales", lambda rule: View(frozenset({"Support"})))
    assert who() == ("u1", "u1")
    views.change("acme", "sales", lambda rule: View(frozenset({"Sales"})))
    assert who() == ("", "")
    books.share_with_everyone("acme", "shared", "")
    books.share("acme", "shared", "u1", "read")
    assert who() == ("", "u1")
    books.share("acme", "shared", "u0", "read")
    assert who() == ("", "")
    views.remove("acme", "sales", move_to="everyone")
    assert who() == ("u1", "u1")
    house.change(1, listed=False)
    assert who() == ("", "")
    house.change(1, listed=True)
    assert who() == ("u1", "u1")


def test_a_newcomer_is_a_reader_too(house: House) -> None:
    """Who sees less than the others hides a pair from all, until removed."""
    house.put(BookKind.SHARED, "c", *house.pair(1))
    house.services.administration.views.add("acme", "sales", View(frozenset({"Sales"})))
    users = house.services.administration.users
    users.add("acme", new_user("new").user, view="sales")
    assert house.who(BookKind.SHARED, "c") == ""
    users.remove("acme", "new")
    assert house.who(BookKind.SHARED, "c") == "u1"


def test_a_hidden_pair_stays_with_its_card(house: House) -> None:
    """What a client that does not see it writes back keeps the user, and gives no other one."""
    house.put(BookKind.SHARED, "c", *house.pair(1))
    house.services.administration.views.add("acme", "sales", View(frozenset({"Sales"})))
    house.view(0, "sales")
    house.put(BookKind.SHARED, "c", "TEL:1")
    house.put(BookKind.SHARED, "c", "TEL:2", *house.pair(1))
    assert house.who(BookKind.SHARED, "c") == ""
    with pytest.raises(Forbidden):
        house.put(BookKind.SHARED, "c", "TEL:3", *house.pair(2))
    house.view(0, "everyone")
    assert house.who(BookKind.SHARED, "c") == "u1"


def test_only_the_cards_of_hidden_users_get_a_number(house: House) -> None:
    """The others stay as they are, for the phones that sync."""
    for user in (1, 2):
        house.put(BookKind.PERSONAL, f"c{user}", *house.pair(user))
    house.change(2, department="Sales")
    house.services.administration.views.add("acme", "sales", View(frozenset({"Sales"})))
    book = house.books[BookKind.PERSONAL]
    before = max(seq for seq, *_ in house.services.directory.changes(book.id, 0, 0, 10))
    house.view(0, "sales")
    assert [href for _, href, _ in house.services.directory.changes(book.id, before, before, 10)] == ["c1"]


@dataclass
class Model:
    """What decides whom the cards with a pair show."""

    departments: dict[str, str] = field(default_factory=dict)
    switches: dict[str, dict[str, bool]] = field(default_factory=dict)
    rules: dict[str, frozenset[str]] = field(default_factory=lambda: {"everyone": frozenset(), "other": frozenset()})
    views: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("u0", "u1", "u2"), "everyone"))
    everyone: bool = True
    members: set[str] = field(default_factory=set)
    pairs: dict[tuple[BookKind, str], str] = field(default_factory=dict)

    def sees(self, kind: BookKind, name: str) -> bool:
        """True when all readers of a book see a user."""
        readers = {"u0"} if kind is BookKind.PERSONAL else set(self.views) if self.everyone else self.members
        rules = [self.rules[self.views[reader]] for reader in readers]
        switches = self.switches.get(name, {})
        seen = switches.get("enabled", True) and switches.get("listed", True)
        return seen and all(not rule or self.departments.get(name, "") in rule for rule in rules)

    def shown(self, kind: BookKind, name: str) -> str:
        """What a card with the user's pair says."""
        return name if self.sees(kind, name) and self.switches.get(name, {}).get("messaging", True) else ""


def take(step: Any, house: House, model: Model) -> None:
    """Does a step of a history, and notes what follows from it."""
    administration = house.services.administration
    match step:
        case ("user", user, changes):
            house.change(user, **dict(changes))
            model.departments.update({f"u{user}": changes["department"]} if "department" in changes else {})
            switches = {name: value for name, value in changes.items() if isinstance(value, bool)}
            model.switches.setdefault(f"u{user}", {}).update(switches)
        case ("card", kind, href, number):
            house.put(kind, href, f"TEL:{number}")
        case ("pair", kind, href, user):
            allowed = model.shown(kind, f"u{user}") != ""
            with nullcontext() if allowed or kind is BookKind.PERSONAL else suppress(Forbidden):
                house.put(kind, href, *house.pair(user))
            if allowed:
                model.pairs[kind, href] = f"u{user}"
        case ("flag", auto_link, link_extensions):
            house.flag(auto_link=auto_link, link_extensions=link_extensions)
        case ("rule", view, departments):
            administration.views.change("acme", view, lambda rule: replace(rule, departments=departments))
            model.rules[view] = departments
        case ("view", user, view):
            house.view(user, view)
            model.views[f"u{user}"] = view
        case ("newcomer", view) if "new" in model.views:
            administration.users.remove("acme", "new")
            del model.views["new"]
        case ("newcomer", view):
            administration.users.add("acme", new_user("new").user, view=view)
            model.views["new"] = view
        case ("everyone", access):
            administration.books.share_with_everyone("acme", "shared", access)
            model.everyone = access != ""
        case ("member", user, True):
            administration.books.share("acme", "shared", f"u{user}", "read")
            model.members.add(f"u{user}")
        case ("member", user, False) if f"u{user}" in model.members:
            administration.books.share("acme", "shared", f"u{user}", "")
            model.members.remove(f"u{user}")


USERS, KINDS, HREFS = st.integers(0, 2), st.sampled_from(list(BookKind)[1:]), st.sampled_from("abc")
VIEWS, DEPARTMENTS = st.sampled_from(["everyone", "other"]), st.sampled_from(["", "Sales", "Support"])
number = st.sampled_from(PHONES)
steps = st.one_of(
    st.tuples(st.just("user"), USERS, st.fixed_dictionaries({"numbers": number.map(phone) | st.just(())})),
    st.tuples(st.just("user"), USERS, st.fixed_dictionaries({"enabled": st.booleans()})),
    st.tuples(st.just("user"), USERS, st.fixed_dictionaries({"listed": st.booleans(), "messaging": st.booleans()})),
    st.tuples(st.just("user"), USERS, st.fixed_dictionaries({"department": DEPARTMENTS})),
    st.tuples(st.just("card"), KINDS, HREFS, number | st.just("1")),
    st.tuples(st.just("pair"), KINDS, HREFS, USERS),
    st.tuples(st.just("flag"), st.booleans(), st.booleans()),
    st.tuples(st.just("rule"), VIEWS, st.frozensets(DEPARTMENTS.filter(bool))),
    st.tuples(st.just("view"), USERS, VIEWS),
    st.tuples(st.just("newcomer"), VIEWS),
    st.tuples(st.just("everyone"), st.sampled_from(["", "read"])),
    st.tuples(st.just("member"), USERS, st.booleans()),
)


# Pairs of two users in both books; a reader of both does not see one of them.
BEGINNING = [
    ("user", 1, {"department": "Sales"}),
    ("rule", "other", frozenset({"Sales"})),
    *(("pair", kind, href, user) for kind in list(BookKind)[1:] for href, user in (("a", 1), ("b", 2))),
    ("member", 1, True),
    ("view", 0, "other"),
]


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=4, max_size=15))
def test_random_changes_equal_a_recomputation_from_scratch(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, history: list[Any]
) -> None:
    """However a state was reached, computing all links anew changes no card, and pairs show as readers' views say."""
    folder = tmp_path_factory.mktemp("links")
    with closing(bootstrap.build(databases.settings(folder, databases.sqlite(folder)))) as services:
        house, model = House(services), Model()
        services.administration.views.add("acme", "other", View())
        for step in [*BEGINNING, *history]:
            take(step, house, model)
            for (kind, href), name in model.pairs.items():
                assert house.who(kind, href) == model.shown(kind, name), step
            assert house.recompute() == 0, step
