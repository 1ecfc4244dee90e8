"""External Authentication as the SSO server sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from carddav_msg import bootstrap
from carddav_msg.errors import ConfigurationError
from carddav_msg.settings import Settings
from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.web.conftest import PASSWORD, SIP_PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def test_success_in_xml(client: FlaskClient, people: People) -> None:
    """The default answer has the SIP URI and the verified numbers, and nothing else."""
    answer = client.get("/auth", query_string={"username": "Anna.A", "password": PASSWORD, "cloud_id": "ACMEAPP"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    assert answer.headers["Cache-Control"] == "no-store"
    root = ElementTree.fromstring(answer.data)
    assert root.tag == "response"
    assert [(child.tag, child.text) for child in root] == [("uri", "sip:S1001@sip.acme.example.com"), ("numbers", None)]
    assert [number.text for number in root.iterfind("numbers/number")] == ["+15550000001"]


def test_success_in_json(client: FlaskClient, people: People) -> None:
    """Who accepts JSON gets JSON; a user without SIP account and numbers has both keys, empty."""
    sent = {"cloud_username": "bert", "cloud_password": "bert's password"}
    answer = client.post("/auth", json=sent, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.get_json() == {"uri": "", "numbers": []}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/xml"),
        ("application/xml, application/json", "application/xml"),
        ("text/xml, application/json;q=0.9", "application/xml"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/html", "application/xml"),
        (";;;,q=", "application/xml"),
    ],
)
def test_accept_chooses_the_format_of_answers_and_errors(
    client: FlaskClient, people: People, accept: str, media_type: str
) -> None:
    """XML unless the caller prefers JSON; an error comes in the same format as a success."""
    for password in (PASSWORD, "wrong"):
        answer = client.post(
            "/auth", data={"username": "Anna.A", "password": password}, headers={"Accept": accept, "Host": "nowhere"}
        )
        assert answer.headers["Content-Type"] == media_type


def test_both_pairs_of_the_account_xml_are_accepted(client: FlaskClient, people: People, lines: Lines) -> None:
    """Cloud credentials and SIP credentials of one account open the same door; the log tells which it was."""
    sent = {"cloud_username": "anna.a", "cloud_password": PASSWORD, "cloud_id": "acmeapp*"}
    account = ElementTree.fromstring(client.post("/provisioning", data=sent).data)
    answers = []
    for prefix in ("cloud_", ""):
        pair = {name: account.findtext(prefix + name) for name in ("username", "password")}
        answers.append(client.get("/auth", query_string={**pair, "host": account.findtext("host")}))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].data == answers[1].data
    _, cloud, sip = lines.of("carddav_msg.web")
    assert "user='acme~Anna.A' method=device matched=cloud_username" in cloud
    assert "user='acme~Anna.A' method=sip_password matched=sip_username" in sip


def test_every_refusal_is_the_same(services: Services, client: FlaskClient, people: People, lines: Lines) -> None:
    """Unknown, wrong password, disabled, no messaging, ambiguous, other spelling: one answer, different log lines."""
    other = add_network(services, "other", cloud_ids=("ACMEAPP",))
    add_user(services, other, "bert", password="bert's password")
    add_user(services, people.acme, "gone", password="secret", enabled=False)
    add_user(services, people.acme, "mute", password="secret", messaging=False)
    tries = {
        "unknown": ("nobody", "secret"),
        "password": ("Anna.A", "wrong"),
        "disabled": ("gone", "secret"),
        "messaging": ("mute", "secret"),
        "ambiguous": ("bert", "bert's password"),
        "spelling": ("anna.a", PASSWORD),
    }
    answers = [
        client.get("/auth", query_string={"username": login, "password": password, "cloud_id": "ACMEAPP"})
        for login, password in tries.values()
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.data, tuple(answer.headers)) for answer in answers}) == 1
    assert "WWW-Authenticate" in answers[0].headers
    assert ElementTree.fromstring(answers[0].data).findtext("message")
    for (reason, (login, _)), line in zip(tries.items(), lines.of("carddav_msg.web"), strict=True):
        expected = f"face=external_authentication status=401 reason={reason} login='{login}' client=127.0.0.1"
        assert line.endswith(expected)


def test_names_of_the_answer_are_a_setting(settings: Settings, services: Services, people: People) -> None:
    """An operator may rename every element, as the vendor has not published them."""
    other = bootstrap.build(replace(settings, auth_xml_names=("auth", "sip", "phones", "phone")))
    try:
        answer = create_app(other).test_client().get("/auth", query_string={"username": "Anna.A", "password": PASSWORD})
    finally:
        other.close()
    assert b"<auth><sip>sip:S1001@" in answer.data
    assert b"<phones><phone>+15550000001</phone></phones></auth>" in answer.data


def test_names_that_xml_does_not_allow_stop_the_start(settings: Settings) -> None:
    """A wrong name is told at start, not to the first caller."""
    services = bootstrap.build(replace(settings, auth_xml_names=("1", "uri", "numbers", "number")))
    with pytest.raises(ConfigurationError, match="auth_xml_names"):
        create_app(services)
    services.close()


def test_sip_password_opens_no_other_face(client: FlaskClient, people: People) -> None:
    """The SIP password is for External Authentication only."""
    sent = {"username": "S1001", "password": SIP_PASSWORD}
    assert client.get("/auth", query_string=sent).status_code == 200
    assert client.get("/provisioning", query_string=sent).status_code == 403
    assert client.get("/contacts", query_string=sent).status_code == 401
