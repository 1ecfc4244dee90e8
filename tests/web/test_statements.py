"""How often the database is asked: what phones and the SSO server ask all day costs few statements."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.web.conftest import PASSWORD

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@pytest.fixture
def client(statements: list[str], services: Services) -> FlaskClient:
    """A caller at a server of two networks that share an app."""
    for name in ("acme", "globex"):
        network = add_network(services, name, cloud_ids=("APP",), sip_host=f"sip.{name}.example.com")
        add_user(services, network, "anna", password=PASSWORD, sip_username="s1", display_name="Anna")
        add_user(services, network, "bert", password=PASSWORD, display_name="Bert")
    return create_app(services).test_client()


@pytest.mark.parametrize("secret", ["password", "device"])
@pytest.mark.parametrize(
    ("path", "login", "most"),
    [
        ("/provisioning", "acme~anna", 2),
        ("/provisioning/refresh", "acme~anna", 2),
        ("/auth", "anna", 4),
        ("/contacts", "acme~anna", 1),
    ],
)
def test_each_face_asks_little(
    client: FlaskClient, statements: list[str], path: str, login: str, most: int, secret: str
) -> None:
    """Signing in with a known password or device takes few statements; a poll of the contacts takes one."""
    hints = {"host": "sip.acme.example.com", "cloud_id": "APP"}
    if secret == "device":
        sent = {"username": "acme~anna", "password": PASSWORD, **hints}
        answer = client.post("/provisioning", data=sent, headers={"Accept": "application/json"})
        password = answer.get_json()["account"]["cloud_password"]
    else:
        password = PASSWORD
    sent = {"username": login, "password": password, **hints}
    first = client.post(path, data=sent)
    assert first.status_code == 200
    statements.clear()
    again = client.post(path, data=sent, headers={"If-None-Match": first.headers.get("ETag", '"none"')})
    assert again.status_code == (304 if path == "/contacts" else 200)
    # A code is looked for where it may be one: at the first provisioning, and by External Authentication.
    assert len(statements) <= most + (secret == "password" and path in ("/provisioning", "/auth")), statements


def test_who_has_a_role_asks_once_more(client: FlaskClient, services: Services, statements: list[str]) -> None:
    """The books of other networks that a role opens are asked for apart."""
    (acme, *_) = services.directory.networks()
    boss = services.directory.user(acme.id, "anna")
    assert boss is not None
    services.directory.transact(lambda tx: tx.save_grant(boss.id, "admin", None))
    basic = base64.b64encode(f"acme~anna:{PASSWORD}".encode()).decode()
    first = client.get("/contacts", headers={"Authorization": f"Basic {basic}"})
    assert [one["displayName"] for one in first.get_json()["contacts"]] == ["Bert", "Anna", "Bert"]
    statements.clear()
    held = {"Authorization": f"Basic {basic}", "If-None-Match": first.headers["ETag"]}
    assert client.get("/contacts", headers=held).status_code == 304
    assert len(statements) == 2
