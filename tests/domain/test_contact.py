"""Views: which users a directory book holds and what it shows of them."""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.domain.contact import MessagingIdentity, View, contact_of, identity_of
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Address, Number, Photo, Profile, User

ACME = Network(1, "acme", "Acme", "ACMEAPP", sip_host="sip.acme.example:5061")
ANNA = User(
    5,
    1,
    "uid",
    "Anna",
    Profile(
        "Anna",
        department="Sales",
        numbers=(Number("extension", "1000"), Number("home", "+15550100", "+15550100")),
        addresses=(Address(city="Ghent"),),
        birthday="1990-01-02",
        note="likes tea",
        photo=Photo(url="https://example.com/a.png"),
    ),
    sip_username="S1",
)


def test_the_default_view_hides_what_is_private() -> None:
    """No birthday, address, note or private number without somebody's choice."""
    contact = contact_of(ANNA, ACME, View())
    assert contact is not None
    profile = contact.profile
    assert (profile.birthday, profile.addresses, profile.note) == ("", (), "")
    assert [number.entered for number in profile.numbers] == ["1000"]
    assert contact.sip == "S1@sip.acme.example"


def test_a_mask_hides_what_it_names() -> None:
    """Every maskable field can be hidden, and nothing else goes with it."""
    contact = contact_of(ANNA, ACME, View(hidden=frozenset({"numbers", "photo", "sip", "department"})))
    assert contact is not None
    assert contact.profile == replace(ANNA.profile, numbers=(), photo=Photo(), department="")
    assert contact.sip == ""


def test_a_view_holds_its_departments_and_never_who_is_hidden() -> None:
    """Disabled and unlisted users are in no view."""
    assert contact_of(ANNA, ACME, View(departments=frozenset({"Sales"})))
    assert contact_of(ANNA, ACME, View(departments=frozenset({"Support"}))) is None
    assert contact_of(replace(ANNA, enabled=False), ACME, View()) is None
    assert contact_of(replace(ANNA, listed=False), ACME, View()) is None


def test_the_identity_is_the_stored_pair_or_none() -> None:
    """Without messaging a user stays an ordinary contact, without the pair."""
    assert identity_of(ANNA, ACME) == MessagingIdentity("Anna", "ACMEAPP")
    assert identity_of(replace(ANNA, messaging=False), ACME) is None
    assert identity_of(replace(ANNA, enabled=False), ACME) is None
    contact = contact_of(replace(ANNA, messaging=False), ACME, View())
    assert contact is not None
    assert contact.identity is None
