"""What every directory promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.directory.rows import StagedRow, StoredCard
from carddav_msg.domain.access import Book, BookKind, Grant
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile, SmsNumber, User
from carddav_msg.errors import AlreadyExists, NotFound
from tests.builders import add_network, add_user, add_users, forget_deletions, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.settings import Settings

FULL = Profile(
    display_name='Łovelace, "Ada"\n<b>',
    given_name="Ada",
    family_name="Łovelace",
    nickname="A",
    organisation="Acme; Inc",
    department="R&D",
    numbers=(Number("extension", "1000"), Number("main", "+15550100", "+15550100", "desk", verified=True)),
    emails=(Email("ada@acme.example"),),
    addresses=(Address("home", city="Ghent", country_code="BE"),),
    birthday="1990-01-02",
    note="a\nb",
    photo=Photo("https://example.com/a.png", "https://example.com/b.png"),
)


def shared_book(services: Services, network: int, slug: str = "suppliers", everyone: str = "") -> Book:
    book = Book(0, network, BookKind.SHARED, slug, slug.title(), 0, "", 1, 0, 0)
    return services.directory.transact(lambda tx: tx.add_book(book, everyone=everyone))


def card(href: str, uid: str = "", user: int = 0) -> StoredCard:
    return StoredCard(0, href, uid or href, '"1"', user, 1, f"text of {href}", "{}")


def save(services: Services, book: int, *cards: StoredCard) -> int:
    def work(tx: Any) -> int:
        last = tx.take_numbers(book, len(cards))
        tx.save_cards(book, cards, last)
        return int(last)

    return services.directory.transact(work)


def test_a_user_comes_back_as_it_was_stored(any_services: Services) -> None:
    """Every field survives the database, in every script."""
    acme = add_network(any_services, "acme")
    stored = add_user(
        any_services,
        acme,
        "Ada@acme.example",
        profile=FULL,
        external_id="E-1",
        sip_username="S1",
        sms_numbers=(SmsNumber("sinch", "15551234567"),),
        listed=False,
        messaging=False,
    )
    found = any_services.directory.user(acme.id, "ADA@ACME.EXAMPLE")
    assert found == stored
    assert found.profile == FULL


def test_a_network_comes_back_by_every_name(any_services: Services) -> None:
    """By Network ID in any case, and by an old one; the real name wins over an alias."""
    acme = add_network(
        any_services, "Acme", domains=("acme.example", "b.example"), cloud_ids=("ACMEAPP",), account={"x": "1"}
    )
    assert any_services.directory.network("aCME") == acme
    any_services.directory.transact(lambda tx: tx.add_network_alias(acme.id, "old"))
    assert any_services.directory.network("OLD") == acme
    assert any_services.directory.network("none") is None
    assert any_services.directory.networks() == [acme]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"network_id": "ACME"}, "network 'acme' already"),
        ({"domains": ("acme.example",)}, "belongs to the network 'acme'"),
        ({"network_id": "old"}, "old name"),
        ({"network_id": "ACMEAPP", "single_tenant": True, "cloud_ids": ("SOLO",)}, ""),
        ({"single_tenant": True, "cloud_ids": ("ACMEAPP",)}, "shared with nobody"),
        ({"single_tenant": True, "cloud_ids": ("ACME",)}, "on the wire"),
    ],
)
def test_what_is_unique_over_all_networks(any_services: Services, fields: dict[str, Any], sentence: str) -> None:
    """Two networks may share a Cloud ID, but no name, domain or effective Network ID."""
    acme = add_network(any_services, "acme", domains=("acme.example",), cloud_ids=("ACMEAPP",))
    any_services.directory.transact(lambda tx: tx.add_network_alias(acme.id, "old"))
    add_network(any_services, "globex", cloud_ids=("ACMEAPP",))
    values = {"network_id": "third", **fields}
    if not sentence:
        assert add_network(any_services, **values).effective_id == "SOLO"
        return
    with pytest.raises(AlreadyExists, match=sentence):
        add_network(any_services, **values)


def test_the_door_tells_everything_in_one_row(any_services: Services) -> None:
    """User, credentials, grants, device and the book of the home that was asked for."""
    acme, globex = add_network(any_services, "acme"), add_network(any_services, "globex")
    ada = add_user(any_services, acme, "Ada", password="x")
    book = shared_book(any_services, acme.id)

    def work(tx: Any) -> None:
        tx.save_grant(ada.id, "admin", acme.id)
        tx.save_grant(ada.id, "operator", None)
        tx.save_member(book.id, ada.id, "write")
        tx.seen_device(ada.id, "phone", ada.session_epoch, "k1")

    any_services.directory.transact(work)
    door = any_services.directory.door("acme", "ada", "suppliers", "phone")
    assert door is not None
    assert (door.user, door.network, door.network_id, door.cloud_username) == (ada.id, acme.id, "acme", "Ada")
    assert (door.enabled, door.messaging, door.device_revoked) == (True, True, False)
    assert set(door.grants) == {Grant("admin", acme.id), Grant("operator", None)}
    assert door.book is not None
    assert (door.book.id, door.book.access, door.book.seq) == (book.id, "write", 0)
    assert door.password_hash.startswith("$argon2id$")
    bare = any_services.directory.door("acme", "ada", "")
    assert bare is not None
    assert bare.book is None
    assert any_services.directory.door("globex", "ada", "") is None
    assert any_services.directory.door("acme", "nobody", "") is None
    assert globex.id != acme.id


def test_a_home_has_the_own_view_the_networks_shared_books_and_the_own_personal_ones(any_services: Services) -> None:
    """Books of other users, views and networks are not in it."""
    acme, globex = add_network(any_services, "acme"), add_network(any_services, "globex")
    ada, bob = add_users(any_services, acme, [new_user("ada"), new_user("bob")])
    shared_book(any_services, acme.id, everyone="read")
    shared_book(any_services, globex.id, "foreign", everyone="write")
    for user in (ada, bob):
        personal = Book(0, acme.id, BookKind.PERSONAL, "personal", "Personal", user.id, "write", 1, 0, 0)
        any_services.directory.transact(lambda tx, b=personal: tx.add_book(b))
    home = any_services.directory.home(ada.id)
    assert [(book.kind, book.slug, book.access) for book in home] == [
        (BookKind.DIRECTORY, "directory", ""),
        (BookKind.SHARED, "suppliers", "read"),
        (BookKind.PERSONAL, "personal", "write"),
    ]
    assert {book.owner for book in home} == {0, ada.id}


def test_numbers_listing_changes_and_tombstones(any_services: Services) -> None:
    """n changed cards take n numbers, a card's last change counts, and a reborn card leaves no tombstone."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id).id
    directory = any_services.directory
    assert save(any_services, book, card("a"), card("b"), card("c")) == 3
    stored = directory.transact(lambda tx: tx.stored_card(book, "a"))
    assert stored is not None
    assert save(any_services, book, replace(stored, text="new", etag='"2"')) == 4

    def delete(tx: Any) -> None:
        tx.delete_cards(book, ["b"], tx.take_numbers(book, 1))

    directory.transact(delete)
    assert directory.listing(book, 0, 10) == [
        (3, "c", '"1"'),
        (4, "a", '"2"'),
    ]
    changes = directory.changes(book, 2, 0, 10)
    assert changes == [
        (3, "c", '"1"'),
        (4, "a", '"2"'),
        (5, "b", None),
    ]
    assert [seq for seq, _, _ in directory.changes(book, 0, 5, 10)] == [3, 4]
    assert [seq for seq, _, _ in directory.changes(book, 0, 0, 2)] == [3, 4]
    save(any_services, book, card("b"))
    assert [(seq, etag) for seq, _, etag in directory.changes(book, 4, 0, 10)] == [(6, '"1"')]
    assert {found.href: found.text for found in directory.cards(book, ["a", "b", "zzz"])} == {
        "a": "new",
        "b": "text of b",
    }


def test_a_batch_of_deletions_is_numbered_in_its_order(any_services: Services) -> None:
    """Each gets a number of its own, in the order given, whatever is in a name, also if it was deleted before."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id).id
    names = ["b", "a", '\U0001f9d1 "quoted\\', "null", "1"]
    for _ in range(2):
        first = save(any_services, book, *map(card, names)) + 1
        any_services.directory.transact(lambda tx: tx.delete_cards(book, names, tx.take_numbers(book, len(names))))
        assert any_services.directory.listing(book, 0, 10) == []
        assert any_services.directory.changes(book, 0, 0, 10) == [
            (number, name, None) for number, name in enumerate(names, first)
        ]


def test_numbers_and_tombstones_of_a_batch_are_one_statement_each(statements: list[str], services: Services) -> None:
    """However many cards come, go, and come again."""
    acme = add_network(services, "acme")
    book = shared_book(services, acme.id).id
    names = [f"c{number}" for number in range(50)]
    statements.clear()
    save(services, book, *map(card, names))
    services.directory.transact(lambda tx: tx.delete_cards(book, names, tx.take_numbers(book, len(names))))
    save(services, book, *map(card, names))
    written = [" ".join(statement.split()[:3]) for statement in statements]
    assert (written.count("UPDATE books SET"), written.count("INSERT INTO tombstones")) == (3, 1)
    assert written.count("DELETE FROM tombstones") == 2
    assert written.count("INSERT INTO cards") == 100


def test_pruning_raises_the_floor_to_the_highest_forgotten_deletion(any_services: Services) -> None:
    """Sync tokens older than the floor must start anew; younger ones go on."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id, everyone="read").id
    add_user(any_services, acme, "ada")
    save(any_services, book, card("a"), card("b"))
    any_services.directory.transact(lambda tx: tx.delete_cards(book, ["a"], tx.take_numbers(book, 1)))
    assert forget_deletions(any_services) == 1
    door = any_services.directory.door("acme", "ada", "suppliers")
    assert door is not None
    assert door.book is not None
    assert (door.book.seq, door.book.floor) == (3, 3)
    assert forget_deletions(any_services) == 0


def test_text_is_compared_bytewise(any_services: Services) -> None:
    """Hrefs that differ in case, accent or a trailing blank are different cards on every database."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id).id
    names = ["a", "A", "á", "a\u0301", "a ", "ß", "ss"]
    save(any_services, book, *[card(name) for name in names])
    for name in names:
        found = any_services.directory.card(book, name)
        assert found is not None
        assert found.href == name
    with pytest.raises(AlreadyExists):
        save(any_services, book, card("a", "other uid"))
    with pytest.raises(AlreadyExists):
        save(any_services, book, card("z", "a"))


def test_nothing_of_a_failed_transaction_stays(any_services: Services) -> None:
    """An error in the block takes everything back."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id).id

    def work(tx: Any) -> None:
        tx.save_cards(book, [card("a")], tx.take_numbers(book, 1))
        raise NotFound("on purpose")

    with pytest.raises(NotFound):
        any_services.directory.transact(work)
    assert any_services.directory.listing(book, 0, 10) == []
    assert save(any_services, book, card("a")) == 1


def test_concurrent_writers_take_each_number_once_in_commit_order(any_services: Services) -> None:
    """Eight threads, one book: no number twice, none missing, and a reader never sees a gap filled behind it."""
    acme = add_network(any_services, "acme")
    book = shared_book(any_services, acme.id).id
    stop, seen_gap = threading.Event(), list[tuple[int, list[int]]]()

    def watch() -> None:
        known: list[int] = []
        while not stop.is_set():
            last = known[-1] if known else 0
            known += [seq for seq, _, _ in any_services.directory.listing(book, last, 1000)]
            if known != list(range(1, len(known) + 1)):
                seen_gap.append((last, known))
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        last = list(pool.map(lambda n: save(any_services, book, card(f"{n}-a"), card(f"{n}-b")), range(40)))
    stop.set()
    watcher.join()
    assert sorted(last) == list(range(2, 82, 2))
    assert seen_gap == []


def test_match_keys_of_a_user_follow_the_user(any_services: Services) -> None:
    """Stored keys are replaced, never added up; duplicates count once."""
    acme = add_network(any_services, "acme")
    ada = add_user(any_services, acme, "ada")
    for keys in ([("tel", "+1"), ("tel", "+1"), ("email", "a@b")], [("tel", "+2")]):
        any_services.directory.transact(lambda tx, k=keys: tx.save_user_keys([(ada, k)]))
    any_services.directory.transact(lambda tx: tx.remove_user(ada.id))
    assert any_services.directory.user(acme.id, "ada") is None


def test_photos_are_stored_once_under_an_unguessable_name(any_services: Services) -> None:
    """The same bytes keep their digest, so that no card changes when a photo is sent again."""
    first = any_services.directory.transact(lambda tx: tx.save_photo("image/png", b"png"))
    again = any_services.directory.transact(lambda tx: tx.save_photo("image/png", b"png"))
    other = any_services.directory.transact(lambda tx: tx.save_photo("image/png", b"other"))
    assert first == again != other
    assert len(first) == 40
    assert any_services.directory.photo(first) == ("image/png", b"png")
    assert any_services.directory.photo("0" * 40) is None


def test_staging_keeps_one_row_per_user_and_finds_whom_it_means(any_services: Services) -> None:
    """By external id first, then by Cloud Username; the second row of a user is refused."""
    acme = add_network(any_services, "acme")
    ada, bob = add_users(any_services, acme, [new_user("ada", external_id="E1"), new_user("bob")])
    rows = [
        StagedRow(2, acme.id, "ada.renamed", "E1", "s1", "{}"),
        StagedRow(3, acme.id, "bob", None, "s1", "{}", sealed_password=b"sealed"),
        StagedRow(4, acme.id, "carol", None, "bob", "{}"),
    ]

    def work(tx: Any) -> None:
        assert tx.stage("run", rows) == []
        assert tx.stage("run", [replace(rows[1], line=9)]) == [(9, 3)]
        assert tx.staged("run", 0, 2) == rows[:2]
        assert {line: user.id for line, user in tx.staged_users("run", rows).items()} == {2: ada.id, 3: bob.id}
        conflicts = tx.staged_conflicts("run")
        assert [line for line, _ in conflicts] == [3, 4]
        assert "line 2" in conflicts[0][1]
        assert tx.unstaged_users("run") == []
        tx.save_staged_secrets("run", [(3, "hash", b"sip")])
        assert tx.staged("run", 2, 1) == [
            replace(rows[1], sealed_password=None, password_hash="hash", sip_password=b"sip")
        ]
        tx.discard_staged("run")
        assert tx.staged("run", 0, 10) == []

    any_services.directory.transact(work)


def test_names_of_other_users_are_conflicts(any_services: Services) -> None:
    """Within a network no SIP username equals another user's Cloud Username, and both are unique."""
    acme = add_network(any_services, "acme")
    add_user(any_services, acme, "ada", sip_username="S1")

    def conflicts(**fields: Any) -> list[str]:
        candidate = User(0, acme.id, "u", profile=Profile("x"), **fields)
        return any_services.directory.transact(lambda tx: tx.name_conflicts(acme.id, [candidate]))

    assert conflicts(cloud_username="bob", sip_username="S2") == []
    assert "Cloud Username of 'ada'" in conflicts(cloud_username="bob", sip_username="ADA")[0]
    assert "SIP username of 'ada'" in conflicts(cloud_username="s1")[0]
    assert "SIP username of 'ada'" in conflicts(cloud_username="bob", sip_username="S1")[0]


def test_a_deletion_forgets_those_that_are_older_than_the_setting(any_settings: Settings) -> None:
    """`tombstone_days` holds without anybody calling for it, and the floor rises; younger deletions stay known, also
    when a clock went back: the one before them stays as long as they do.
    """
    services = bootstrap.build(replace(any_settings, tombstone_days=10))
    book = shared_book(services, add_network(services, "acme").id).id
    save(services, book, *(card(name) for name in "abcdef"))

    def delete(href: str, days_ago: int) -> list[str]:
        def work(tx: Any) -> None:
            tx.now -= days_ago * 24 * 3600 * 1_000_000
            tx.delete_cards(book, [href], tx.take_numbers(book, 1))

        services.directory.transact(work)
        return [href for _, href, etag in services.directory.changes(book, 0, 0, 20) if etag is None]

    def floor() -> int:
        kept = services.directory.transact(lambda tx: tx.book(book))
        assert kept is not None
        return kept.floor

    assert delete("a", 11) == ["a"]
    assert delete("b", 9) == ["a", "b"]
    assert (delete("c", 0), floor()) == (["b", "c"], 7)
    assert (delete("d", 11), floor()) == (["b", "c", "d"], 7)
    assert (delete("e", -2), floor()) == (["c", "d", "e"], 8)
    assert (delete("f", -11), floor()) == (["e", "f"], 10)
    services.close()
