"""Web Service Contacts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile
from carddav_msg.formats.contacts_json import document, fragment
from tests.formats.strategies import CONTACT

DATA = Path(__file__).parent.parent / "data"
PHOTO = Photo("https://example.com/avatar.png", "https://example.com/largeAvatar.png")


def seed(contact_id: str, username: str, given: str, family: str, extension: str) -> Contact:
    profile = Profile(
        f"{given} {family}", given, family_name=family, numbers=(Number("extension", extension),), photo=PHOTO
    )
    return Contact(contact_id, profile, MessagingIdentity(username, "myNetwork"), f"{extension}@sip.example.com")


def value(contact: Contact, public_url: str = "", *, checksum: bool = False) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(fragment(contact, public_url=public_url, checksum=checksum))
    return parsed


def test_the_example_of_the_vendor() -> None:
    """The contacts of the requirements page are equal in value to ours, without any further key."""
    contacts = [seed("1", "john.doe", "John", "Doe", "1000"), seed("2", "foo.bar", "Foo", "Bar", "1001")]
    text = b"".join(document([[fragment(contact, public_url="https://p") for contact in contacts]]))
    assert json.loads(text) == json.loads((DATA / "seed-contacts.json").read_text(encoding="utf-8"))


def test_a_full_contact() -> None:
    """Every field has the key of the reference; numbers, e-mail addresses and pages are entries with their labels."""
    kinds = ("extension", "work", "mobile", "home", "main", "fax", "pager", "other")
    profile = Profile(
        "Ann",
        "G",
        "A",
        "F",
        "P",
        "S",
        "N",
        "GP",
        "AP",
        "FP",
        "O",
        "D",
        "T",
        numbers=(*(Number(kind, kind) for kind in kinds), Number("work", "0555", "+1555", "Desk")),
        emails=(Email("a@b"), Email("c@d", "home")),
        addresses=(Address("work", "S", "C", "ST", "Z", "CO", "US"), Address("home", city="C"), Address("other")),
        birthday="1980-02-29",
        note="Line\nbreak",
        photo=Photo(digest="d1"),
    )
    labels = ("work", "work", "mobile", "home", "main", "fax", "pager", "other")
    entries = [
        *({"label": label, "type": "tel", "uri": kind} for label, kind in zip(labels, kinds, strict=True)),
        {"label": "Desk", "type": "tel", "uri": "+1555"},
        {"label": "work", "type": "email", "uri": "a@b"},
        {"label": "home", "type": "email", "uri": "c@d"},
        {"label": "homepage", "type": "url", "uri": "https://e"},
    ]
    ids = [*(f"tel:{n}" for n in range(9)), "email:0", "email:1", "url:0"]
    assert value(Contact("7", profile, urls=("https://e",)), "https://p/") == {
        "contactId": "7",
        "displayName": "Ann",
        "fname": "G",
        "mname": "A",
        "lname": "F",
        "fnamePhonetic": "GP",
        "mnamePhonetic": "AP",
        "lnamePhonetic": "FP",
        "nick": "N",
        "namePrefix": "P",
        "nameSuffix": "S",
        "company": "O",
        "departmentName": "D",
        "jobTitle": "T",
        "birthday": "1980-02-29",
        "notes": "Line\nbreak",
        "avatar": "https://p/avatars/d1",
        "largeAvatar": "https://p/avatars/d1",
        "contactEntries": [{"entryId": name, **entry} for name, entry in zip(ids, entries, strict=True)],
        "contactAddresses": [
            {
                "label": "work",
                "street": "S",
                "city": "C",
                "state": "ST",
                "zip": "Z",
                "country": "CO",
                "countryCode": "US",
            },
            {"label": "home", "city": "C"},
        ],
    }


def test_a_bare_contact() -> None:
    """What is empty has no key, but the entries are always an array."""
    assert value(Contact("1", Profile("Ann"))) == {"contactId": "1", "displayName": "Ann", "contactEntries": []}


@given(CONTACT)
def test_any_text_survives(contact: Contact) -> None:
    """Whatever the fields hold, the fragment is one JSON object on one line with the pair byte for byte."""
    text = fragment(contact, public_url="https://p")
    parsed = json.loads(text)
    assert "\n" not in text
    assert parsed["displayName"] == contact.profile.display_name
    pair = contact.identity and (contact.identity.cloud_username, contact.identity.network_id)
    assert (parsed.get("cloudUsername"), parsed.get("networkId")) == (pair or (None, None))
    assert all(parsed[key] for key in parsed if key != "contactEntries")


def test_the_checksum_follows_the_rest() -> None:
    """It is 16 upper-case hexadecimal digits, the same for the same contact, and another after any change."""
    contact = seed("1", "john.doe", "John", "Doe", "1000")
    with_one = value(contact, checksum=True)
    digits = with_one.pop("checksum")
    assert with_one == value(contact)
    assert len(digits) == 16
    assert set(digits) <= set("0123456789ABCDEF")
    assert value(replace(contact), checksum=True)["checksum"] == digits
    changed = replace(contact, profile=replace(contact.profile, title="Boss"))
    assert value(changed, checksum=True)["checksum"] != digits


@pytest.mark.parametrize("pages", [[], [0], [1], [0, 2, 0, 1], [2, 3]])
def test_the_document_is_streamed(pages: list[int]) -> None:
    """A page that was read goes out before the next one is asked for, and all of them make one document."""
    numbers = itertools.count()
    asked: list[int] = []

    def read() -> Iterator[list[str]]:
        for size in pages:
            asked.append(size)
            yield [f'{{"n":{next(numbers)}}}' for _ in range(size)]

    pieces = document(read())
    first = next(pieces)
    assert len(asked) <= 1 or not any(asked[:-1])
    whole = json.loads(first + b"".join(pieces))
    assert whole == {"contacts": [{"n": n} for n in range(sum(pages))]}
