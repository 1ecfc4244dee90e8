"""The examples of the vendor's requirements page, answered over HTTP from a directory with those people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from carddav_msg.domain.user import Number, Photo, Profile, SmsNumber
from tests.builders import add_network, add_users, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DATA = Path(__file__).parent.parent / "data"
PICTURE = Photo("https://example.com/avatar.png", "https://example.com/largeAvatar.png")


def _profile(given: str, family: str, extension: str) -> Profile:
    return Profile(f"{given} {family}", given, "", family, numbers=(Number("extension", extension),), photo=PICTURE)


def test_contacts_are_those_of_the_example(services: Services, client: FlaskClient) -> None:
    """A directory with the example's two users, asked by a third who is not listed, gives the example's values."""
    network = add_network(services, "myNetwork")
    add_users(
        services,
        network,
        [
            new_user("john.doe", profile=_profile("John", "Doe", "1000")),
            new_user("foo.bar", profile=_profile("Foo", "Bar", "1001")),
            new_user("viewer", password="secret", listed=False),
        ],
    )
    answer = client.get("/contacts?username=viewer&password=secret")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.get_json() == json.loads((DATA / "seed-contacts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", ["seed-account.xml", "seed-account-sms.xml"])
def test_accounts_have_the_elements_of_the_example(services: Services, client: FlaskClient, example: str) -> None:
    """Every element of the example is in the account of such a user, with the same text."""
    expected = ElementTree.parse(DATA / example).getroot()
    sms = tuple(
        SmsNumber(str(number.findtext("carrier")), str(number.findtext("number")))
        for number in expected.iterfind("smsNumbers/number")
    )
    user = new_user(
        "john.doe",
        password="secret",
        sip_username=str(expected.findtext("username")),
        sip_password=str(expected.findtext("password")),
        sms_numbers=sms,
    )
    add_users(services, add_network(services, "myNetwork"), [user])
    answer = client.get("/provisioning?cloud_username=john.doe&cloud_password=secret&cloud_id=EXAMPLE&initialScreen=1")
    assert answer.headers["Content-Type"] == "application/xml"
    account = ElementTree.fromstring(answer.data)
    assert account.tag == expected.tag
    for element in expected:
        (found,) = account.findall(element.tag)
        assert _plain(found) == _plain(element)


def _plain(element: ElementTree.Element) -> object:
    return [(child.tag, _plain(child)) for child in element] or (element.text or "").strip()
