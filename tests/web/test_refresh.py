"""`/provisioning/refresh` when it can't be answered: a status that no app misunderstands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from flask.testing import FlaskClient

from tests.web.conftest import PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

FORM = {"username": "acme~Anna.A"}


def _nodes(body: bytes) -> dict[str, str]:
    root = ElementTree.fromstring(body)
    assert root.tag == "account"
    return {child.tag: child.text or "" for child in root}


def credential(client: FlaskClient) -> dict[str, str]:
    """The parameters of a refresh of anna's phone."""
    answer = client.post("/provisioning", data=FORM | {"password": PASSWORD, "installid": "phone-1"})
    return FORM | {"password": _nodes(answer.data)["cloud_password"]}


def test_revoked_phone_gets_an_error_by_default(services: Services, client: FlaskClient, people: People) -> None:
    """A 403 with the sentence, and the same elsewhere."""
    sent = credential(client)
    services.administration.devices.revoke("acme", "Anna.A", "phone-1")
    assert [client.post(f"/provisioning{path}", data=sent).status_code for path in ("/refresh", "")] == [403, 403]


def test_revoked_phone_gets_an_account_that_can_not_be_used(
    services: Services, client: FlaskClient, people: People, lines: Lines
) -> None:
    """By the network's choice: 200 at refresh, 403 at sign-in; when it is let in again the phone recovers by itself."""
    sent = credential(client)
    services.administration.networks.change("acme", lambda old: replace(old, refresh_denied="logged_out_account"))
    services.administration.devices.revoke("acme", "Anna.A", "phone-1")
    answer = client.post("/provisioning/refresh", data=sent)
    nodes = _nodes(answer.data)
    assert answer.status_code == 200
    assert nodes["title"]
    assert nodes["username"] != "S1001"
    assert "cloud_password" not in nodes
    assert "logged out reason=revoked" in lines.text
    assert client.post("/provisioning", data=sent).status_code == 403
    services.administration.devices.unrevoke("acme", "Anna.A", "phone-1")
    assert _nodes(client.post("/provisioning/refresh", data=sent).data)["username"] == "S1001"


def test_doubt_is_503(client: FlaskClient, people: People) -> None:
    """A device credential of nobody, at refresh: come again, with a time; at sign-in and elsewhere it is refused."""
    sent = FORM | {"password": "d1.k00000000.cGhvbmU.AAAA"}
    answer = client.post("/provisioning/refresh", data=sent)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert client.post("/provisioning", data=sent).status_code == 403
    assert client.post("/contacts", data=sent).status_code == 401
    unknown = client.post("/provisioning/refresh", data=sent | {"username": "acme~nobody"})
    assert (unknown.status_code, unknown.data) == (503, answer.data)


def test_who_has_to_wait_is_told_to_come_again(services: Services, client: FlaskClient, people: People) -> None:
    """Guesses of others are no reason for a 4xx at refresh, also with a typed password: nobody looked at it."""
    for number in range(services.settings.throttle_user):
        client.post("/provisioning/refresh", data=FORM | {"password": f"wrong-{number}"})
    answer = client.post("/provisioning/refresh", data=FORM | {"password": PASSWORD})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert client.post("/provisioning", data=FORM | {"password": PASSWORD}).status_code == 429


def test_a_code_signs_in_and_returns_the_credential_of_the_device(
    services: Services, client: FlaskClient, people: People
) -> None:
    """What the QR code holds is good for one window; what the phone keeps is its own."""
    code = services.administration.codes.invite("acme", "Anna.A").code
    sent = FORM | {"password": code, "cloud_id": "ACMEAPP"}
    nodes = _nodes(client.post("/provisioning", data=sent).data)
    assert nodes["cloud_password"].startswith("d1.")
    assert client.post("/provisioning", data=sent).status_code == 200
    assert client.post("/provisioning/refresh", data=sent).status_code == 403
    assert client.post("/auth", data={"username": "Anna.A", "password": code}).status_code == 401
    again = FORM | {"password": nodes["cloud_password"]}
    assert client.post("/provisioning/refresh", data=again).status_code == 200
