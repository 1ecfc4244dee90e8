"""Passwords in the query: what each network says about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from tests.builders import add_network, add_user
from tests.web.conftest import PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

SENT = {"username": "acme~Anna.A", "password": PASSWORD}
FACES = ["/contacts", "/provisioning"]


def choose(services: Services, people: People, choice: str) -> None:
    """Sets what the network says."""
    services.administration.networks.change("acme", lambda old: replace(old, credentials_in_query=choice))


@pytest.mark.parametrize("path", FACES)
def test_refused_in_the_query_and_taken_elsewhere(
    services: Services, client: FlaskClient, people: People, path: str
) -> None:
    """With `refuse` the sentence says what to do; the body, JSON and Basic are as good as ever."""
    choose(services, people, "refuse")
    refused = client.get(path, query_string=SENT)
    assert refused.status_code == 400
    assert "body of a POST" in refused.get_data(as_text=True)
    assert client.post(path, data=SENT).status_code == 200
    assert client.post(path, json=SENT).status_code == 200
    assert (
        client.post(path, query_string={"username": SENT["username"]}, data={"password": PASSWORD}).status_code == 200
    )


def test_phones_that_refresh_with_a_query_are_moved_to_post(
    services: Services, client: FlaskClient, people: People
) -> None:
    """They were given that address before the network refused it, and get the new one by their refresh alone."""
    given = ElementTree.fromstring(client.post("/provisioning", data=SENT).data)
    assert given.findtext("extProvPostData") is None
    sent = {"username": SENT["username"], "password": given.findtext("cloud_password")}
    choose(services, people, "refuse")
    again = client.get("/provisioning/refresh", query_string=sent)
    assert again.status_code == 200
    moved = ElementTree.fromstring(again.data)
    assert "?" in (given.findtext("extProvUrl") or "")
    assert "?" not in (moved.findtext("extProvUrl") or "?")
    assert "%account[cloud_password]%" in (moved.findtext("extProvPostData") or "")
    assert client.post("/provisioning/refresh", data=sent).status_code == 200
    assert client.post("/provisioning/refresh", json=sent).status_code == 200


def test_external_authentication_obeys_too(services: Services, client: FlaskClient, people: People) -> None:
    """The SSO server as well."""
    choose(services, people, "refuse")
    sent = {"username": "Anna.A", "password": PASSWORD}
    assert client.get("/auth", query_string=sent).status_code == 400
    assert client.post("/auth", data=sent).status_code == 200


def test_strangers_don_t_learn_the_choice(services: Services, client: FlaskClient, people: People) -> None:
    """A wrong password is the same refusal in every network."""
    choose(services, people, "refuse")
    assert client.get("/contacts", query_string={**SENT, "password": "wrong"}).status_code == 401
    assert client.get("/contacts", query_string={"username": "nobody~x", "password": "wrong"}).status_code == 401


@pytest.mark.parametrize(("choice", "count"), [("warn", 1), ("allow", 0)])
def test_a_warning_comes_once_for_a_network_and_face(
    services: Services, client: FlaskClient, people: People, lines: Lines, choice: str, count: int
) -> None:
    """Phones poll every three minutes: the log says it once, with the network and without the password."""
    choose(services, people, choice)
    for _ in range(3):
        assert client.get("/contacts", query_string=SENT).status_code == 200
    client.post("/contacts", data=SENT)
    found = lines.of("carddav_msg.web.queries")
    assert len(found) == count
    assert all("face=contacts network=acme" in line and PASSWORD not in line for line in found)
    add_user(services, add_network(services, "globex"), "x", password="other-secret")
    client.get("/contacts", query_string={"username": "globex~x", "password": "other-secret"})
    assert len(lines.of("carddav_msg.web.queries")) == count + 1
