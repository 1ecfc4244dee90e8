"""External Provisioning as phones and the SSO server see it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from flask.testing import FlaskClient

from carddav_msg import bootstrap
from carddav_msg.settings import Settings
from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.web.conftest import PASSWORD, SIP_PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def _nodes(body: bytes) -> dict[str, str]:
    root = ElementTree.fromstring(body)
    assert root.tag == "account"
    return {child.tag: child.text or "" for child in root}


def test_account_has_its_nodes_in_order(client: FlaskClient, people: People) -> None:
    """The account of a user with everything, by any spelling of the login, in the stored spelling."""
    sent = {"cloud_username": "ANNA.a", "cloud_password": PASSWORD, "cloud_id": "acmeapp*"}
    answer = client.get("/provisioning", query_string=sent)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    assert answer.headers["Cache-Control"] == "no-store"
    nodes = _nodes(answer.data)
    cloud_password = nodes["cloud_password"]
    assert cloud_password.startswith("d1.")
    assert nodes == {
        "title": "Anna Ä",
        "username": "S1001",
        "password": SIP_PASSWORD,
        "cloud_username": "Anna.A",
        "cloud_password": cloud_password,
        "cloud_login": "acme~Anna.A",
        "networkId": "acme",
        "userDisplayName": "Anna Ä",
        "host": "sip.acme.example.com:5061",
        "extProvUrl": nodes["extProvUrl"],
        "extProvMethod": "GET",
        "extProvInterval": nodes["extProvInterval"],
    }
    assert list(nodes)[:5] == ["title", "username", "password", "cloud_username", "cloud_password"]


def test_user_without_sip_credentials_gets_an_account(client: FlaskClient, people: People) -> None:
    """What a user does not have is left out, never sent empty."""
    nodes = _nodes(client.post("/provisioning", data={"username": "bert", "password": "bert's password"}).data)
    assert "username" not in nodes
    assert "password" not in nodes
    assert all(nodes.values())


def test_replay_gives_the_same_bytes_and_refresh_goes_on(client: FlaskClient, people: People) -> None:
    """The SSO server repeats the phone's call; the returned credentials refresh to the same document, any time."""
    sent = {"cloud_username": "Anna.A", "cloud_password": PASSWORD, "cloud_id": "ACMEAPP", "installid": "phone-1"}
    first = client.post("/provisioning", data=sent)
    nodes = _nodes(first.data)
    again = {"cloud_username": nodes["cloud_username"], "cloud_password": nodes["cloud_password"]}
    answers = [client.post("/provisioning", data=sent), client.post("/provisioning/refresh", data=sent)]
    answers += [client.get(path, query_string=again) for path in ("/provisioning/refresh", "/provisioning")]
    assert [answer.data for answer in answers] == [first.data] * 4


def test_json_account(client: FlaskClient, people: People) -> None:
    """Who accepts JSON gets the same nodes as JSON."""
    answer = client.post(
        "/provisioning",
        json={"username": "bert", "password": "bert's password", "extra": [1]},
        headers={"Accept": "application/json"},
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.get_json()["account"]["cloud_username"] == "bert"


def test_network_id_and_node_rules_of_a_network(services: Services, client: FlaskClient) -> None:
    """A network's own nodes replace ours or follow behind; who the user is can't be replaced; title is never empty."""
    account = {"host": "proxy.example.com", "transport": "tcp", "title": "", "networkID": "forged", "cloud_login": "x"}
    net = add_network(
        services, "solo", single_tenant=True, cloud_ids=("SOLOAPP",), sip_host="sip.solo.example.com", account=account
    )
    add_user(services, net, "anna", password="secret", display_name="Anna")
    nodes = _nodes(client.get("/provisioning?username=anna&password=secret").data)
    assert nodes["networkId"] == "SOLOAPP"
    assert (nodes["host"], nodes["transport"], nodes["title"]) == ("proxy.example.com", "tcp", "Anna")
    assert nodes["cloud_login"] == "solo~anna"
    assert "networkID" not in nodes


def test_network_id_can_be_left_out(services: Services, client: FlaskClient) -> None:
    """`omit_network_id` restores the vendor's implicit rule."""
    net = add_network(services, "solo", single_tenant=True, cloud_ids=("SOLOAPP",), omit_network_id=True)
    add_user(services, net, "anna", password="secret")
    assert "networkId" not in _nodes(client.get("/provisioning?username=anna&password=secret").data)


def test_user_without_messaging_is_provisioned(services: Services, client: FlaskClient, people: People) -> None:
    """Calls go on without messaging."""
    add_user(services, people.acme, "mute", password="secret", messaging=False)
    assert client.get("/provisioning?username=mute&password=secret").status_code == 200


def test_without_device_credentials_the_password_comes_back(settings: Settings, people: People) -> None:
    """The setting turns device credentials off; then cloud_password is what was sent."""
    services = bootstrap.build(replace(settings, device_credentials=False))
    sent = {"username": "Anna.A", "password": PASSWORD}
    nodes = _nodes(create_app(services).test_client().get("/provisioning", query_string=sent).data)
    services.close()
    assert nodes["cloud_password"] == PASSWORD


def test_refusal_is_403_with_a_message(services: Services, client: FlaskClient, people: People, lines: Lines) -> None:
    """Wrong credentials and disabled users get the error document whose message the app shows."""
    add_user(services, people.acme, "gone", password="secret", enabled=False)
    answers = [
        client.get("/provisioning?username=bert&password=wrong"),
        client.get("/provisioning/refresh?username=gone&password=secret"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].data == answers[1].data
    root = ElementTree.fromstring(answers[0].data)
    assert (root.tag, [child.tag for child in root]) == ("error", ["message"])
    wrong, disabled = lines.of("carddav_msg.web")
    assert wrong.endswith("face=provisioning status=403 reason=password login='bert' client=127.0.0.1")
    assert disabled.endswith("face=provisioning status=403 reason=disabled login='gone' client=127.0.0.1")
