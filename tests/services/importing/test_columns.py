"""The columns of a users file."""

from __future__ import annotations

import pytest

from carddav_msg.domain.user import Email, Number, Photo, Profile, User
from carddav_msg.errors import InvalidValue
from carddav_msg.services.importing.columns import COLUMNS, revised
from carddav_msg.services.importing.report import parse_limit

CELLS = {
    "cloud_username": "anna@example.org",
    "external_id": "E1",
    "display_name": "Anna Blue",
    "given_name": "Anna",
    "additional_name": "B.",
    "family_name": "Blue",
    "name_prefix": "Dr.",
    "name_suffix": "jr.",
    "nickname": "Ann",
    "given_name_phonetic": "アンナ",
    "additional_name_phonetic": "ビー",
    "family_name_phonetic": "ブルー",
    "organisation": "Acme, Inc.",
    "department": "R&D",
    "title": "Lead",
    "extension": "1000",
    "work": "+420234567890",
    "mobile": "+15551234567|+15551234568",
    "home": "020 7946 0000",
    "main": "+15551230000",
    "verified_number": "+15551231111",
    "fax": "+15551232222",
    "pager": "77",
    "other": "88",
    "email": "anna@example.org|a@example.org",
    "street": "1 Main Street",
    "city": "Prague",
    "state": "CZ",
    "postal_code": "11000",
    "country": "Czechia",
    "country_code": "CZ",
    "birthday": "1980-02-29",
    "note": "two\nlines",
    "avatar": "https://example.org/a.png",
    "large_avatar": "https://example.org/A.png",
    "sip_username": "S1",
    "sms_numbers": "sinch:15551234567|bandwidth:15551234568",
    "enabled": "yes",
    "listed": "no",
    "messaging": "no",
}
VERIFIED = Number("other", "+1555", "+1555", "Office", verified=True)
BLANK = User(id=0, network=1, uid="u", cloud_username="", profile=Profile(""))


def imported(user: User, cells: dict[str, str], country: str = "") -> User:
    """The user after a row."""
    values = {name: COLUMNS[name].read(cell, country) for name, cell in cells.items()}
    return revised(user, {name: value for name, value in values.items() if value is not None})


def test_every_column_shows_what_it_reads() -> None:
    """Each column sets its own field: what is read is shown again, so exports and differences tell the truth."""
    assert list(CELLS) == list(COLUMNS)
    user = imported(BLANK, CELLS)
    assert {name: column.show(user) for name, column in COLUMNS.items()} == CELLS
    assert imported(user, CELLS) == user


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("cloud_username", "display_name")])
def test_an_empty_cell_clears_only_its_own_field(name: str) -> None:
    """An empty cell clears the field of its column and no other; empty flags say nothing."""
    user = imported(BLANK, CELLS)
    shown = {column: COLUMNS[column].show(imported(user, {name: ""})) for column in CELLS}
    expected = CELLS[name] if name in ("enabled", "listed", "messaging") else ""
    assert shown == {**CELLS, name: expected}


def test_columns_that_are_absent_stay() -> None:
    """A row without a column changes nothing of its field."""
    user = imported(BLANK, CELLS)
    assert imported(user, {"cloud_username": CELLS["cloud_username"]}) == user


def test_a_name_is_made_when_there_is_none() -> None:
    """Without a display name, the names or the Cloud Username stand in for it."""
    assert imported(BLANK, {"cloud_username": "1000", "given_name": "Ann"}).profile.display_name == "Ann"
    assert imported(BLANK, {"cloud_username": "1000", "display_name": " "}).profile.display_name == "1000"


def test_numbers_and_addresses_made_elsewhere_stay() -> None:
    """A column replaces the first numbers of its kind and the first work addresses; labels and all others stay."""
    private = Number("mobile", "222", label="Private")
    profile = Profile(
        "Ann",
        numbers=(Number("mobile", "111", label="Desk"), private, Number("home", "333"), VERIFIED),
        emails=(Email("a@example.org"), Email("b@example.org"), Email("h@example.org", "home")),
        photo=Photo(digest="d"),
    )
    user = User(id=1, network=1, uid="u", cloud_username="ann", profile=profile)
    assert (
        imported(user, {"mobile": "111", "email": "a@example.org", "home": "333", "verified_number": "+1555"}) == user
    )
    changed = imported(user, {"mobile": "999", "email": "c@example.org|h@example.org", "avatar": ""}).profile
    assert changed.numbers == (Number("mobile", "999"), private, Number("home", "333"), VERIFIED)
    assert changed.emails == (Email("c@example.org"), Email("b@example.org"), Email("h@example.org", "home"))
    assert changed.photo == Photo(digest="d")


def test_a_national_number_is_read_in_the_network_s_country() -> None:
    """What was typed is kept, and read in the country of the network."""
    (number,) = imported(BLANK, {"cloud_username": "a", "mobile": "0601 234 567"}, "CZ").profile.numbers or ()
    assert (number.kind, number.entered) == ("mobile", "0601 234 567")
    (number,) = imported(BLANK, {"cloud_username": "a", "work": "234 567 890"}, "CZ").profile.numbers
    assert number.e164 == "+420234567890"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("cloud_username", ""),
        ("cloud_username", "a/b"),
        ("sip_username", "a:b"),
        ("display_name", "x" * 501),
        ("title", "bell\x07"),
        ("email", "nobody"),
        ("verified_number", "1000"),
        ("mobile", "9" * 65),
        ("sms_numbers", "sinch"),
        ("enabled", "perhaps"),
        ("birthday", "29.2.1980"),
        ("avatar", "ftp://example.org/a.png"),
        ("country_code", "Czechia"),
    ],
)
def test_bad_cells(name: str, cell: str) -> None:
    """Each kind of bad cell is refused, in a sentence of bounded length."""
    with pytest.raises(InvalidValue) as caught:
        COLUMNS[name].read(cell, "")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "removals", "users", "allowed"),
    [("5%", 5, 100, True), ("5%", 6, 100, False), ("20", 20, 21, True), ("20", 21, 99, False), ("0", 1, 9, False)],
)
def test_limits_of_removals(text: str, removals: int, users: int, allowed: bool) -> None:
    """A limit is a percentage or a number, and is itself allowed."""
    assert parse_limit(text).allows(removals, users) is allowed


@pytest.mark.parametrize("text", ["", "5 percent", "-1", "101%", "1.5", "٣"])
def test_bad_limits(text: str) -> None:
    """Anything else is no limit."""
    with pytest.raises(InvalidValue):
        parse_limit(text)
