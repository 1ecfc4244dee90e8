"""Who is let in again without a look at the credentials: never anybody whom a look would refuse."""

from __future__ import annotations

import time

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.credentials import device
from carddav_msg.dav.guard import Guard
from tests.builders import add_user, somebody_writes
from tests.changes import ACTS, change
from tests.dav.clients import CS, D, Dav, Engine, propfind, vcard
from tests.dav.conftest import MAX_BODY, SECRET, House, build

EXPECTED: dict[str, tuple[int, int]] = {
    "nothing": (207, 207),
    "disabled": (401, 401),
    "renamed": (207, 207),
    "another password": (207, 401),
    "password and sessions ended": (401, 401),
    "phone revoked": (401, 207),
    "all phones revoked": (401, 207),
    "removed": (401, 401),
}
"""What the phone and the typed password get afterwards."""


def _credential(house: House, name: str = "phone") -> str:
    anna = house.services.directory.user(house.network.id, "anna")
    assert anna is not None
    return device.issue(house.services.keyring, anna.id, anna.session_epoch, name)


def _poll(client: Dav, house: House, **headers: str) -> tuple[int, str]:
    reply = client("PROPFIND", house.personal, propfind(D + "displayname", CS + "getctag"), depth="0", **headers)
    return reply.status, reply.body.decode()


@pytest.mark.parametrize("act", ACTS)
def test_what_an_admin_does_counts_from_the_next_request_on(any_services: Services, act: str) -> None:
    """For a phone and for a typed password, which were let in from memory before: as a guard that has none lets in."""
    house = build(any_services)
    secrets = (_credential(house), SECRET)
    anna = any_services.directory.user(house.network.id, "anna")
    assert anna is not None
    key = any_services.keyring.current("device").key_id
    any_services.directory.transact(lambda tx: tx.seen_device(anna.id, "phone", anna.session_epoch, key))
    for secret in secrets * 2:
        assert _poll(house.client("acme~anna", secret), house)[0] == 207
    ACTS[act](any_services)
    for _ in range(2):
        fresh = Guard(
            any_services.authentication, any_services.addressbooks, Engine(), prefix="/dav", max_body_size=MAX_BODY
        )
        remembered = [_poll(house.client("acme~anna", secret), house) for secret in secrets]
        assert remembered == [_poll(Dav(fresh, "acme~anna", secret), house) for secret in secrets]
        assert (remembered[0][0], remembered[1][0]) == EXPECTED[act]


def test_a_name_of_before_is_asked_each_time(services: Services) -> None:
    """A login of an old name means whoever has it now, also for a phone that polled with it."""
    house = build(services)
    phone = house.client("acme~anna", _credential(house))
    change(services, cloud_username="other")
    assert [_poll(client, house)[0] for client in (phone, house.anna) * 2] == [207] * 4
    add_user(services, house.network, "anna", password="another-Password")
    assert [_poll(client, house)[0] for client in (phone, house.anna) * 2] == [401] * 4


def test_a_changed_book_is_answered_anew(any_services: Services) -> None:
    """A poll and an empty sync say what is so now, whoever changed the book, and each header counts."""
    house = build(any_services)
    house.anna.put(f"{house.personal}a.vcf", vcard(uid="a"))
    status, before = _poll(house.anna, house)
    assert (status, before) == _poll(house.anna, house)
    token = house.anna.sync(house.personal).xml.findtext(D + "sync-token") or ""
    assert not house.anna.sync(house.personal, token).members
    assert not house.anna.sync(house.personal, token).members
    house.client("acme~anna", _credential(house)).put(f"{house.personal}b.vcf", vcard(uid="b"))
    assert _poll(house.anna, house)[1] != before
    assert list(house.anna.sync(house.personal, token).members) == [f"{house.personal}b.vcf"]
    assert _poll(house.anna, house, If='(["never"])')[0] == 412


def test_who_is_let_into_a_book_may_ask_for_its_cards(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is answered for itself; another book, and another user's, is another door."""
    house = build(services)
    card = f"{house.personal}a.vcf"
    house.anna.put(card, vcard(uid="a"))
    assert _poll(house.anna, house)[0] == 207
    with monkeypatch.context() as patched:
        patched.setattr(services.authentication, "enter", None)
        for _ in range(2):
            for place in (house.personal, card, card, house.personal, house.personal.rstrip("/")):
                members = house.anna.propfind(place, D + "getetag", depth="0").members
                assert list(members) == [card if place == card else house.personal]
            for place in (f"{house.personal}none.vcf", f"{card}/", f"{card}/more"):
                assert house.anna.propfind(card, D + "getetag", depth="0").status == 207
                assert house.anna.propfind(place, D + "getetag", depth="0").status == 404
        assert house.anna("GET", card).status == 200
        assert house.anna.put(card, vcard("New", uid="a")).status == 204
        assert house.anna("GET", house.directory).status == 500
    assert house.anna("GET", house.directory).status == 200
    assert house.anna("GET", house.personal.replace("anna", "bob")).status == 403


def test_a_book_that_changed_is_the_book_of_now(any_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was let in before has the rights of now in it, and nobody's credentials are looked at for that."""
    house = build(any_services)
    books = any_services.administration.books
    poll = propfind(D + "current-user-privilege-set", CS + "getctag")

    def asked() -> tuple[int, bool, bytes]:
        reply = house.anna("PROPFIND", "/dav/acme~anna/team/", poll, depth="0")
        return reply.status, b"write-content" in reply.body, reply.body

    books.add("acme", "team", everyone="write")
    assert asked()[:2] == (207, True)
    monkeypatch.setattr(any_services.authentication, "enter", None)
    for access, expected in (("read", (207, False)), ("", (404, False)), ("write", (207, True))):
        books.share_with_everyone("acme", "team", access)
        assert asked()[:2] == expected
        assert asked()[:2] == expected
    before = asked()
    books.remove("acme", "team")
    assert asked()[0] == 404
    books.add("acme", "team", everyone="write")
    assert asked()[:2] == before[:2]
    assert asked()[2] != before[2]


def test_a_password_is_looked_at_again_when_its_time_is_over(services: Services) -> None:
    """What is remembered of a password ends; the admission that rests on it ends with it."""
    house = build(services)
    for _ in range(2):
        assert _poll(house.anna, house)[0] == 207
    looked: list[str] = []
    verify = services.passwords.verify
    services.passwords.verify = lambda secret, hashed, **_: (looked.append(secret), verify(secret, hashed))[1]  # type: ignore[method-assign]
    assert _poll(house.anna, house)[0] == 207
    assert not looked
    services.authentication._memory._clock = lambda: time.monotonic() + 901
    assert _poll(house.anna, house)[0] == 207
    assert looked == [SECRET]


def test_a_probe_of_doctor_ends(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is good for minutes, whatever was answered before."""
    house = build(services)
    probe = house.client("acme~anna", _credential(house, device.probe_device(600)))
    assert [_poll(probe, house)[0] for _ in range(2)] == [207, 207]
    later = time.time() + 3601
    monkeypatch.setattr("carddav_msg.credentials.device.time.time", lambda: later)
    assert _poll(probe, house)[0] == 401


def test_what_is_kept_of_a_database_goes_with_any_change(services: Services) -> None:
    """Also with a change from outside, on a connection of its own."""
    house = build(services)
    directory = services.directory
    door = directory.door("acme", "anna", "personal")
    assert directory.door("acme", "anna", "personal") is door
    somebody_writes(services)
    again = directory.door("acme", "anna", "personal")
    assert again == door
    assert again is not door
    services.directory.close()
    assert directory.door("acme", "anna", "personal") == door
    assert house.anna.propfind(house.personal, D + "displayname").status == 207
