"""Write once: what follows from a change of a user, a network or a card, and what does not move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import Number, User
from carddav_msg.errors import Forbidden, InvalidValue, NotFound, PreconditionFailed, UidConflict
from carddav_msg.publishing import networks, users
from carddav_msg.publishing.cards import Stored, delete_card, move_card, put_card
from carddav_msg.publishing.deletion_guard import DeletionGuard
from tests.builders import add_network, add_user, add_users, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

ANY = Preconditions()
GUARD = DeletionGuard(cards=20, percent=20)


def vcard(uid: str, *lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", "FN:X", *lines, "END:VCARD", ""]).encode()


def pair(name: str, network: str) -> tuple[str, str]:
    return f"X-CLOUD-USERNAME:{name}", f"X-NETWORK-ID:{network}"


class House:
    """A network with a shared book and a personal one of Anna."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.acme = add_network(services, "acme", sip_host="sip.acme.example")
        self.anna, self.bert = add_users(services, self.acme, [new_user("anna"), new_user("Bert")])
        self.shared = self.book(BookKind.SHARED, "suppliers", 0)
        self.personal = self.book(BookKind.PERSONAL, "personal", self.anna.id)

    def book(self, kind: BookKind, slug: str, owner: int) -> Book:
        book = Book(0, self.acme.id, kind, slug, slug, owner, "", 1, 0, 0)
        return self.services.directory.transact(lambda tx: tx.add_book(book, everyone="" if owner else "read"))

    def put(self, book: Book, href: str, body: bytes, preconditions: Preconditions = ANY) -> Stored:
        return self.services.directory.transact(
            lambda tx: put_card(tx, self.services.renderer, book, href, body, preconditions, max_size=100_000)
        )

    def text(self, book: Book, href: str) -> str:
        row = self.services.directory.card(book.id, href)
        assert row is not None
        return row.text

    def move(self, source: tuple[Book, str], target: tuple[Book, str]) -> None:
        self.services.directory.transact(
            lambda tx: move_card(tx, self.services.renderer, source, target, ANY, GUARD, overwrite=False)
        )

    def etag(self, book: Book, href: str) -> str:
        row = self.services.directory.card(book.id, href)
        assert row is not None
        return row.etag

    def save(self, user: User, **changes: Any) -> None:
        def work(tx: Any) -> None:
            network = tx.lock_network(self.acme.id, exclusive=True)
            users.save_users(tx, self.services.renderer, network, [replace(user, **changes)])

        self.services.directory.transact(work)

    def network(self, **changes: Any) -> Network:
        def work(tx: Any) -> Network:
            old = tx.lock_network(self.acme.id, exclusive=True)
            return networks.save_network(tx, self.services.renderer, replace(old, **changes), old)

        return self.services.directory.transact(work)

    def seq(self, book_kind: BookKind = BookKind.DIRECTORY) -> int:
        return next(book.seq for book in self.services.directory.home(self.anna.id) if book.kind is book_kind)

    def directory_texts(self) -> list[str]:
        book = next(b for b in self.services.directory.home(self.anna.id) if b.kind is BookKind.DIRECTORY)
        return [row.text for _, row in self.services.directory.texts(book.id, 0, 100)]


@pytest.fixture
def house(any_services: Services) -> House:
    return House(any_services)


def test_a_change_that_shows_nowhere_moves_no_token(house: House) -> None:
    """Saving the same user, a hidden field or a flag without effect leaves every byte and number."""
    texts, seq = house.directory_texts(), house.seq()
    house.save(house.anna)
    house.save(house.anna, profile=replace(house.anna.profile, birthday="1990-01-02"))
    assert (house.directory_texts(), house.seq()) == (texts, seq)


def test_a_visible_change_takes_one_number_and_a_new_rev(house: House) -> None:
    """One card, one number; the others stay as they were."""
    before, seq = house.directory_texts(), house.seq()
    house.save(house.anna, profile=replace(house.anna.profile, numbers=(Number("extension", "1000"),)))
    after = house.directory_texts()
    assert house.seq() == seq + 1
    assert set(before) & set(after) == {next(text for text in before if "Bert" in text)}
    assert any("TEL;TYPE=WORK,VOICE:1000" in text for text in after)


def test_disable_unlist_and_back(house: House) -> None:
    """Gone from the directory with a tombstone, and back under the same href and UID."""
    book = next(b for b in house.services.directory.home(house.anna.id) if b.kind is BookKind.DIRECTORY)
    href = f"{house.bert.uid}.vcf"
    first = house.services.directory.card(book.id, href)
    for change in ({"enabled": False}, {"listed": False}):
        start = house.seq()
        house.save(house.bert, **change)
        assert house.services.directory.card(book.id, href) is None
        assert [(name, etag) for _, name, etag in house.services.directory.changes(book.id, start, 0, 10)] == [
            (href, None)
        ]
        house.save(house.bert)
        again = house.services.directory.card(book.id, href)
        assert again is not None
        assert first is not None
        assert again.uid == first.uid
        assert [etag for _, _, etag in house.services.directory.changes(book.id, start, 0, 10)] == [again.etag]


def test_a_pair_that_a_client_writes_follows_its_user(house: House) -> None:
    """Gone from every book when the user is disabled or loses messaging, back afterwards; renames follow too."""
    for book in (house.shared, house.personal):
        assert house.put(book, "b.vcf", vcard("1", *pair("Bert", "acme"))) == Stored(True, house.etag(book, "b.vcf"))
    plain = vcard("1").decode()
    for change in ({"enabled": False}, {"messaging": False}):
        house.save(house.bert, **change)
        assert house.text(house.shared, "b.vcf") == house.text(house.personal, "b.vcf") == plain
        house.save(house.bert)
        assert "X-CLOUD-USERNAME:Bert\r\n" in house.text(house.personal, "b.vcf")
    house.save(house.bert, cloud_username="robert")
    house.network(network_id="acme2")
    for book in (house.shared, house.personal):
        assert house.text(book, "b.vcf") == vcard("1", *pair("robert", "acme2")).decode()


def test_a_client_can_neither_lose_nor_forge_an_identity(house: House) -> None:
    """Left out or altered, it is restored; another spelling of the name becomes the stored one."""
    house.put(house.shared, "b.vcf", vcard("1", *pair("bERT", "acme")))
    wanted = vcard("1", *pair("Bert", "acme")).decode()
    assert house.text(house.shared, "b.vcf") == wanted
    assert house.put(house.shared, "b.vcf", vcard("1")).etag is None
    assert house.text(house.shared, "b.vcf") == wanted


def test_an_old_state_of_a_client_is_taken_in_good_faith(house: House) -> None:
    """A pair that the card once carried is no forgery: it is dropped or restored silently."""
    body = vcard("1", *pair("Bert", "acme"))
    house.put(house.shared, "b.vcf", body)
    house.save(house.bert, enabled=False)
    assert house.put(house.shared, "b.vcf", body).etag is None
    assert house.text(house.shared, "b.vcf") == vcard("1").decode()


@pytest.mark.parametrize("name", ["nobody", "hidden", "gone", "mute"])
def test_a_new_pair_of_nobody_visible_is_refused_in_shared_and_dropped_in_personal_books(
    house: House, name: str
) -> None:
    """Unknown, unlisted, disabled and messaging-less users can't be made messaging contacts by a client."""
    add_user(house.services, house.acme, "hidden", listed=False)
    add_user(house.services, house.acme, "gone", enabled=False)
    add_user(house.services, house.acme, "mute", messaging=False)
    body = vcard("1", *pair(name, "acme"))
    with pytest.raises(Forbidden, match=name):
        house.put(house.shared, "x.vcf", body)
    house.put(house.personal, "x.vcf", body)
    assert house.text(house.personal, "x.vcf") == vcard("1").decode()


def test_a_pair_of_another_network_is_refused(house: House) -> None:
    """A tenant's users are no business of another tenant's address books."""
    add_user(house.services, add_network(house.services, "globex"), "eve")
    for network in ("globex", "ACME"):
        with pytest.raises(Forbidden):
            house.put(house.shared, "x.vcf", vcard("1", *pair("Bert" if network != "globex" else "eve", network)))


def test_the_same_bytes_again_change_nothing(house: House) -> None:
    """A client that syncs everything back does not make ten thousand phones sync."""
    stored = house.put(house.shared, "a.vcf", vcard("1"))
    seq = house.seq(BookKind.SHARED)
    assert house.put(house.shared, "a.vcf", vcard("1")) == replace(stored, created=False)
    assert house.seq(BookKind.SHARED) == seq


def test_a_card_without_uid_gets_one_and_answers_without_etag(house: House) -> None:
    """RFC 6352 §6.3.2.3: what is served is not what was written. A later PUT without UID keeps it."""
    body = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:X\r\nEND:VCARD\r\n"
    assert house.put(house.shared, "a.vcf", body) == Stored(True, None)
    first = house.text(house.shared, "a.vcf")
    assert "UID:" in first
    assert house.put(house.shared, "a.vcf", body) == Stored(False, None)
    assert house.text(house.shared, "a.vcf") == first


def test_preconditions_and_uid_conflicts_refuse_and_change_nothing(house: House) -> None:
    """Tested in the writing transaction; a refused write takes no number."""
    etag = house.put(house.shared, "a.vcf", vcard("1")).etag
    assert etag is not None
    seq = house.seq(BookKind.SHARED)
    with pytest.raises(PreconditionFailed):
        house.put(house.shared, "a.vcf", vcard("1", "NOTE:x"), Preconditions(if_none_match=("*",)))
    with pytest.raises(PreconditionFailed):
        house.put(house.shared, "a.vcf", vcard("1", "NOTE:x"), Preconditions(if_match=('"other"',)))
    with pytest.raises(PreconditionFailed):
        house.put(house.shared, "b.vcf", vcard("2"), Preconditions(if_match=("*",)))
    with pytest.raises(UidConflict) as conflict:
        house.put(house.shared, "b.vcf", vcard("1"))
    assert conflict.value.href == "a.vcf"
    with pytest.raises(UidConflict, match="another UID"):
        house.put(house.shared, "a.vcf", vcard("2"))
    delete = house.services.directory.transact
    with pytest.raises(PreconditionFailed):
        delete(lambda tx: delete_card(tx, house.shared, "a.vcf", Preconditions(if_match=('"other"',)), GUARD))
    with pytest.raises(NotFound):
        delete(lambda tx: delete_card(tx, house.shared, "zzz.vcf", ANY, GUARD))
    assert house.seq(BookKind.SHARED) == seq
    delete(lambda tx: delete_card(tx, house.shared, "a.vcf", Preconditions(if_match=(etag,)), GUARD))
    assert house.seq(BookKind.SHARED) == seq + 1


def test_a_single_tenant_network_carries_its_cloud_id(house: House) -> None:
    """And moves to another one in one transaction, on every card."""
    house.put(house.personal, "b.vcf", vcard("1", *pair("Bert", "acme")))
    house.network(single_tenant=True, cloud_ids=("ACMEAPP",))
    house.network(single_tenant=True, cloud_ids=("NEWAPP",))
    assert all(
        "X-NETWORK-ID:NEWAPP" in text for text in [*house.directory_texts(), house.text(house.personal, "b.vcf")]
    )
    with pytest.raises(InvalidValue, match="exactly one Cloud ID"):
        house.network(single_tenant=True, cloud_ids=())


def test_a_removed_user_leaves_ordinary_contacts(house: House) -> None:
    """Cards elsewhere stay, without the pair; the own books go."""
    house.put(house.shared, "b.vcf", vcard("1", *pair("Bert", "acme")))

    def work(tx: Any) -> None:
        network = tx.lock_network(house.acme.id, exclusive=True)
        users.remove_user(tx, house.services.renderer, network, house.bert)

    house.services.directory.transact(work)
    assert house.text(house.shared, "b.vcf") == vcard("1").decode()
    assert len(house.directory_texts()) == 1
    with pytest.raises(InvalidValue, match="still has users"):
        house.services.directory.transact(lambda tx: networks.remove_network(tx, house.acme))


def test_a_photo_inside_a_card_is_served_by_its_own_url(house: House) -> None:
    """Web Service Contacts have URLs only; the card keeps its bytes."""
    house.put(house.personal, "p.vcf", vcard("1", "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo="))
    [(_, _, fragment)] = house.services.directory.fragments(house.personal.id, 0, 10)
    digest = fragment.partition("/avatars/")[2][:40]
    assert house.services.directory.photo(digest) == ("image/png", b"\x89PNG\r\n\x1a\n")


def test_a_pair_under_an_old_name_is_taken_in_good_faith(house: House) -> None:
    """A client that missed the rename of a user and of the network writes the pair it knows; the card gets today's."""
    body = vcard("1", *pair("Bert", "acme"))
    house.put(house.shared, "b.vcf", body)
    house.network(network_id="acme2")
    house.save(house.bert, cloud_username="robert")
    house.services.directory.transact(lambda tx: tx.add_user_alias(house.bert, "Bert"))
    house.put(house.shared, "b.vcf", body)
    assert house.text(house.shared, "b.vcf") == vcard("1", *pair("robert", "acme2")).decode()


def test_a_moved_card_still_stands_for_a_user_who_is_disabled_meanwhile(house: House) -> None:
    """The pair is hidden, not forgotten: it is back with the user, under the new name and in the other book."""
    house.put(house.personal, "b.vcf", vcard("1", *pair("Bert", "acme")))
    house.save(house.bert, enabled=False)
    house.move((house.personal, "b.vcf"), (house.personal, "c.vcf"))
    house.move((house.personal, "c.vcf"), (house.shared, "d.vcf"))
    assert house.text(house.shared, "d.vcf") == vcard("1").decode()
    house.save(house.bert)
    assert house.text(house.shared, "d.vcf") == vcard("1", *pair("Bert", "acme")).decode()


def test_a_moved_card_shows_nobody_whom_the_new_readers_do_not_see(house: House) -> None:
    """An unlisted user's pair stays in the owner's book; in a shared one it would tell everybody of the user."""
    house.put(house.personal, "b.vcf", vcard("1", *pair("Bert", "acme")))
    house.save(house.bert, enabled=False, listed=False)
    house.move((house.personal, "b.vcf"), (house.shared, "d.vcf"))
    house.save(house.bert, listed=True)
    assert house.text(house.shared, "d.vcf") == vcard("1").decode()
