"""The history of cards: what was overwritten or deleted can be put back."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carddav_msg import bootstrap
from carddav_msg.domain.audit import Actor
from carddav_msg.errors import AlreadyExists, Forbidden, InvalidSyncToken, NotFound
from carddav_msg.services.administration import audit
from carddav_msg.services.importing.report import Options
from tests.services.administered import Acme, vcard

if TYPE_CHECKING:
    from collections.abc import Callable

    from carddav_msg.bootstrap import Services
    from carddav_msg.services.administration.history import History

PAIR = ("X-CLOUD-USERNAME:Bert", "X-NETWORK-ID:acme")


@pytest.fixture
def acme(any_services: Services) -> Acme:
    return Acme(any_services)


def history(acme: Acme) -> History:
    return acme.services.administration.history


def versions(acme: Acme, slug: str, name: str = "") -> list[tuple[str, str, str]]:
    """(card, what was done, by whom), the newest first."""
    found = history(acme).versions("acme", slug, name)
    return [(version.href, version.action, version.actor.name) for version in found]


def test_what_was_overwritten_or_deleted_is_kept(acme: Acme) -> None:
    """By whom and how; a new card, and the same bytes again, leave nothing."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A"))
    acme.put(acme.plain, "team", "a.vcf", vcard("A"))
    acme.put(acme.plain, "team", "b.vcf", vcard("B"))
    assert versions(acme, "team") == []
    acme.put(acme.admin, "team", "a.vcf", vcard("A", name="Y"))
    acme.delete(acme.plain, "team", "b.vcf")
    deleted, overwritten = ("b.vcf", "deleted", "acme~Bert"), ("a.vcf", "overwritten", "acme~anna")
    assert versions(acme, "team") == [deleted, overwritten]
    assert versions(acme, "team", "a.vcf") == versions(acme, "team", "A") == [overwritten]
    assert versions(acme, "team", "nope") == []
    assert len(history(acme).versions("acme", "team", limit=1)) == 1


def test_a_version_comes_back(acme: Acme) -> None:
    """Byte for byte, as a change with a version of its own; a second time there is nothing to do."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A", "NOTE:one"))
    acme.put(acme.plain, "team", "a.vcf", vcard("A", "NOTE:two"))
    (kept,) = history(acme).versions("acme", "team")
    restored = history(acme).restore(kept.id)
    assert (restored.slug, restored.href, restored.created, restored.changed) == ("team", "a.vcf", False, True)
    assert acme.text(acme.plain, "team", "a.vcf").encode() == vcard("A", "NOTE:one")
    assert "NOTE:two" in history(acme).versions("acme", "team")[0].text
    assert not history(acme).restore(kept.id).changed


def test_a_deleted_card_comes_back_under_its_href(acme: Acme) -> None:
    """Clients learn of it with the next sync."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A"))
    acme.delete(acme.plain, "team", "a.vcf")
    book = acme.book(acme.plain, "team")
    (kept,) = history(acme).versions("acme", "team")
    assert history(acme).restore(kept.id).created
    deltas = acme.services.directory.changes(book.id, book.seq, book.seq, 10)
    assert [(href, etag is not None) for _, href, etag in deltas] == [("a.vcf", True)]


@pytest.mark.parametrize(
    ("other", "sentence"), [("other.vcf", "other.vcf has the UID A now"), ("a.vcf", "another UID")]
)
def test_a_conflict_is_a_sentence(acme: Acme, other: str, sentence: str) -> None:
    """The UID, or the place, that another card has now is not taken away."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A"))
    acme.delete(acme.plain, "team", "a.vcf")
    acme.put(acme.plain, "team", other, vcard("A" if other != "a.vcf" else "B"))
    (kept,) = history(acme).versions("acme", "team")
    with pytest.raises(AlreadyExists, match=sentence):
        history(acme).restore(kept.id)


def test_an_identity_comes_back_only_while_it_is_one(acme: Acme) -> None:
    """A card that stood for a user does so again; of a disabled user it comes back as an ordinary contact."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A", *PAIR))
    acme.delete(acme.plain, "team", "a.vcf")
    (kept,) = history(acme).versions("acme", "team")
    history(acme).restore(kept.id)
    assert PAIR[0] in acme.text(acme.plain, "team", "a.vcf")
    acme.delete(acme.plain, "team", "a.vcf")
    acme.services.administration.users.change("acme", "bert", lambda old: replace(old, enabled=False))
    history(acme).restore(kept.id)
    assert "X-CLOUD-USERNAME" not in acme.text(acme.admin, "team", "a.vcf")


def test_a_directory_card_gives_its_fields_back(acme: Acme) -> None:
    """To the user; a card whose user is gone makes no user, and what a source owns stays."""
    name = f"{acme.bert.uid}.vcf"
    text = acme.text(acme.admin, "directory", name)
    acme.put(acme.admin, "directory", name, text.replace("FN:User Bert", "FN:Oops").encode())
    assert versions(acme, "directory", name) == [(name, "overwritten", "acme~anna")]
    kept = history(acme).versions("acme", "directory", acme.bert.uid)[0]
    networks, users = acme.services.administration.networks, acme.services.administration.users
    networks.change("acme", lambda old: replace(old, source_owned=frozenset({"display_name"})))
    with pytest.raises(Forbidden, match="comes from an import"):
        history(acme).restore(kept.id)
    networks.change("acme", lambda old: replace(old, source_owned=frozenset()))
    assert history(acme).restore(kept.id).changed
    assert acme.user("bert").profile.display_name == "User Bert"
    users.change("acme", "bert", lambda old: replace(old, listed=False))
    with pytest.raises(NotFound, match="not in the directory now"):
        history(acme).restore(kept.id)


def test_what_has_no_history(acme: Acme) -> None:
    """Personal books keep nothing that others could read; unknown books and versions are named."""
    acme.put(acme.plain, "personal", "a.vcf", vcard("A"))
    acme.delete(acme.plain, "personal", "a.vcf")
    attempts: list[Callable[[], object]] = [
        lambda: history(acme).versions("acme", "personal"),
        lambda: history(acme).versions("acme", "nope"),
        lambda: history(acme).restore(1),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def test_every_change_is_audited_and_nothing_secret(acme: Acme) -> None:
    """Who, what and whom, for each kind of change; the newest is first."""
    administration = acme.services.administration
    administration.users.set_password("acme", "bert", "canary-1", end_sessions=True)
    administration.users.change("acme", "bert", lambda old: old, sip_password="canary-2")
    administration.users.change("acme", "bert", lambda old: replace(old, enabled=False), sip_password="")
    administration.users.set_password("acme", "bert", None)
    administration.grants.remove("acme", "anna", "admin", "acme")
    administration.books.share("acme", "team", "bert", "read")
    administration.books.share("acme", "team", "bert", "")
    administration.books.share_with_everyone("acme", "team", "")
    administration.books.allow_deletions("acme", "team", 60)
    administration.books.remove("acme", "team")
    administration.networks.change("acme", lambda old: replace(old, name="New"))
    administration.users.remove("acme", "bert")
    server, bert, anna, team = "carddav-msg", "user acme~Bert", "user acme~anna", "book acme/team"
    expected = [
        ("network added", "network acme"),
        ("user added", anna),
        ("user added", bert),
        ("grant added", anna),
        ("book added", team),
        ("password changed", bert),
        ("sessions ended", bert),
        ("SIP password changed", bert),
        ("user changed", bert),
        ("sessions ended", bert),
        ("SIP password removed", bert),
        ("password removed", bert),
        ("grant removed", anna),
        ("book shared", team),
        ("book unshared", team),
        ("book unshared", team),
        ("mass deletion allowed", team),
        ("book removed", team),
        ("network changed", "network acme"),
        ("user removed", bert),
    ]
    assert acme.audit(network_id="acme")[::-1] == [(server, action, subject) for action, subject in expected]
    assert "canary" not in "".join(entry.before + entry.after for entry in administration.audit.entries())


def test_personal_books_are_audited_without_contents(acme: Acme) -> None:
    """That a user made, changed and removed a book or a card is told, not what was in it."""
    books = acme.services.addressbooks
    book = books.create_book(acme.plain, "friends", "canary", "canary", "")
    books.set_properties(acme.plain, book, "canary 2", "", "")
    acme.put(acme.plain, "friends", "a.vcf", vcard("A", "NOTE:canary"))
    acme.delete(acme.plain, "friends", "a.vcf")
    books.delete_book(acme.plain, book)
    found = list(acme.services.administration.audit.entries(actor="ACME~bert"))
    assert [entry.action for entry in found if "friends" in entry.subject] == [
        "book removed",
        "card deleted",
        "card added",
        "book changed",
        "book added",
    ]
    assert "canary" not in "".join(entry.before + entry.after for entry in found)


def test_the_audit_is_filtered_and_paged(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    """By network, actor, subject (a part, without regard to case, no wildcards) and time, however small the pages."""
    monkeypatch.setattr(audit, "_PAGE", 2)
    acme.put(acme.plain, "team", "a_b.vcf", vcard("A"))
    assert [subject for _, _, subject in acme.audit(subject="TEAM/A_B")] == ["card acme/team/a_b.vcf"]
    assert acme.audit(subject="team/a%") == acme.audit(subject="team/__b") == []
    everything = acme.audit()
    assert everything == acme.audit(network_id="acme")
    assert {action for who, action, _ in everything if who == "acme~Bert"} == {
        action for _, action, _ in acme.audit(actor="acme~bert")
    }
    newest = next(acme.services.administration.audit.entries())
    assert acme.audit(since=newest.at) == everything[:1]
    with pytest.raises(NotFound):
        acme.audit(network_id="nope")


def test_a_removed_network_and_imports_are_audited(any_services: Services) -> None:
    """The removal with its users; the actor of a process is named, imports as such."""
    services = bootstrap.build(any_services.settings, Actor("root", "cli", "host"))
    try:
        Acme(services)
        file = io.BytesIO(b"network_id,cloud_username,display_name,password\nacme,carl,Carl,secret-c\n")
        assert services.importing.import_users(file, Options(dry_run=False)).written
        services.administration.networks.remove("acme", with_users=True)
        found = list(services.administration.audit.entries())
    finally:
        services.close()
    assert [(e.actor.face, e.action, e.subject) for e in found[:3]] == [
        ("cli", "network removed", "network acme"),
        ("import", "password changed", "user acme~carl"),
        ("import", "user added", "user acme~carl"),
    ]
    assert {(entry.actor.name, entry.actor.address) for entry in found} == {("root", "host")}


def test_after_a_restore_every_client_syncs_anew(acme: Acme) -> None:
    """Tokens of the lost days are refused, also in a book that has the row of one that was made in them."""
    acme.put(acme.plain, "team", "a.vcf", vcard("A"))
    books = acme.services.addressbooks
    token = str(books.changes(acme.plain, acme.book(acme.plain, "team"), "").token)
    before = acme.services.directory.home(acme.bert.id)
    assert acme.services.administration.restored() == 3
    after = acme.services.directory.home(acme.bert.id)
    assert all(new.epoch > old.epoch for old, new in zip(before, after, strict=True))
    with pytest.raises(InvalidSyncToken):
        books.changes(acme.plain, acme.book(acme.plain, "team"), token)
    assert acme.audit()[0][1:] == ("backup restored", "database")


def test_rows_are_used_again_and_tokens_are_not(acme: Acme) -> None:
    """A removed book's row goes to the next one, which knows nothing of its changes."""
    books = acme.services.addressbooks
    old = books.create_book(acme.plain, "friends", "", "", "")
    acme.put(acme.plain, "friends", "a.vcf", vcard("A"))
    token = str(books.changes(acme.plain, acme.book(acme.plain, "friends"), "").token)
    books.delete_book(acme.plain, old)
    books.create_book(acme.plain, "friends", "", "", "")
    acme.put(acme.plain, "friends", "b.vcf", vcard("B"))
    with pytest.raises(InvalidSyncToken):
        books.changes(acme.plain, acme.book(acme.plain, "friends"), token)


def test_a_directory_card_is_kept_whoever_changed_the_user(acme: Acme) -> None:
    """A change by the command, a disabled user: what the card said before can be read. A new Network ID keeps none."""
    name = f"{acme.bert.uid}.vcf"
    users = acme.services.administration.users
    users.change("acme", "bert", lambda user: replace(user, profile=replace(user.profile, title="Boss")))
    users.change("acme", "bert", lambda user: replace(user, enabled=False))
    assert [action for _, action, _ in versions(acme, "directory", name)] == ["deleted", "overwritten"]
    acme.services.administration.networks.change("acme", lambda network: replace(network, network_id="acme2"))
    assert len(history(acme).versions("acme2", "directory", name)) == 2
