"""What accounts say of this server, and what they make apps forget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.domain.user import SmsNumber
from carddav_msg.formats import account_xml
from carddav_msg.services.authentication import Face
from carddav_msg.services.provisioning import Account
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DAY = 86_400


def made(services: Services, login: str = "acme~anna") -> Account:
    """The account of a user with the password `secret`."""
    visitor = services.authentication.enter(login, "secret", Face.PROVISIONING)
    return services.provisioning.account(visitor.principal, visitor.session_epoch, "secret")


def nodes(services: Services, login: str = "acme~anna") -> dict[str, str]:
    return dict(made(services, login).nodes)


def change(services: Services, **fields: Any) -> None:
    services.administration.networks.change("acme", lambda old: replace(old, **fields))


@pytest.fixture
def acme(any_services: Services) -> Services:
    """A network with anna, whose server is found at https://contacts.example.com."""
    net = add_network(any_services, cloud_ids=("ACMEAPP",), sip_host="sip.acme.example")
    add_user(any_services, net, "anna", password="secret", sms_numbers=(SmsNumber("sinch", "15550001"),))
    return any_services


def test_refresh_says_where_and_how_often(services: Services) -> None:
    """The URL is filled from the account itself; the interval is an hour, a tenth more or less, the same each time."""
    net = add_network(services)
    for name in ("anna", *(f"user{number}" for number in range(12))):
        add_user(services, net, name, password="secret")
    account = nodes(services)
    assert account["extProvUrl"].startswith(
        "http://127.0.0.1:8080/provisioning/refresh?username=%account[cloud_login]%&"
    )
    assert "%account[cloud_password]%" in account["extProvUrl"]
    assert account["extProvInterval"] == nodes(services)["extProvInterval"]
    intervals = {int(nodes(services, f"acme~user{number}")["extProvInterval"]) for number in range(12)}
    assert all(3240 <= interval <= 3960 for interval in intervals)
    assert len(intervals) > 6


def test_refresh_by_post_and_not_at_all(services: Services) -> None:
    """POST keeps the credential out of the URL: by setting, or where a network refuses it in a query. 0: neither."""
    net = add_network(services)
    add_user(services, net, "anna", password="secret")
    post = bootstrap.build(replace(services.settings, refresh_method="post"))
    none = bootstrap.build(replace(services.settings, refresh_interval=0))
    account = nodes(post)
    assert account["extProvUrl"] == "http://127.0.0.1:8080/provisioning/refresh"
    assert account["extProvMethod"] == "POST"
    assert "%account[cloud_password]%" in account["extProvPostData"]
    assert not [name for name in nodes(none) if name.startswith("extProv")]
    change(services, credentials_in_query="refuse")
    assert nodes(services) == nodes(post)
    for one in (post, none):
        one.close()


def test_contacts_nodes_where_the_network_wants_them(acme: Services) -> None:
    """Off, on, and off again: then they are sent empty, so that the app forgets them."""
    assert "wsContactsUrl" not in nodes(acme)
    change(acme, contacts_nodes=True)
    account = nodes(acme)
    assert account["wsContactsUrl"] == "http://127.0.0.1:8080/contacts"
    assert account["wsContactsMethod"] == "POST"
    assert "%account[cloud_login]%" in account["wsContactsPostData"]
    change(acme, contacts_nodes=False)
    assert nodes(acme)["wsContactsUrl"] == nodes(acme)["wsContactsPostData"] == ""


def test_nodes_that_are_set_no_longer_are_sent_empty_for_a_while(acme: Services) -> None:
    """30 days, unless they are set again; what an app can't do without is never sent empty."""
    change(acme, account={"voiceMailNumber": "*97", "title": "Acme", "transport": "tcp", "Host": "other"})
    assert nodes(acme)["voiceMailNumber"] == "*97"
    change(acme, account={"transport": "udp"}, sip_host="", omit_network_id=True)
    account = nodes(acme)
    assert (account["voiceMailNumber"], account["transport"], account["networkId"]) == ("", "udp", "")
    assert account["title"] == "User anna"
    assert not {"host", "Host", "username", "password"} & account.keys()
    later = bootstrap.build(acme.settings)
    at = later.provisioning._clock()
    later.provisioning._clock = lambda: at + 31 * DAY
    assert not {"voiceMailNumber", "networkId"} & nodes(later).keys()
    later.close()
    change(acme, account={"voiceMailNumber": "*98"}, omit_network_id=False)
    account = nodes(acme)
    assert (account["voiceMailNumber"], account["networkId"], account["transport"]) == ("*98", "acme", "")


def test_sms_numbers_that_are_gone_are_sent_as_an_empty_list(acme: Services) -> None:
    """One user's lost numbers don't show in the accounts of others."""
    add_user(acme, acme.administration.networks.find("acme"), "bert", password="secret")
    users = acme.administration.users
    users.change("acme", "anna", lambda old: replace(old, sms_numbers=()))
    account = made(acme)
    assert (account.sms_numbers, account.empty_numbers) == ((), True)
    assert b"<smsNumbers/>" in account_xml.account(account.nodes, account.sms_numbers, empty_numbers=True)
    assert b'"smsNumbers":[]' in account_xml.account_json(account.nodes, (), empty_numbers=True).replace(b" ", b"")
    assert not made(acme, "acme~bert").empty_numbers
    users.change("acme", "anna", lambda old: replace(old, sms_numbers=(SmsNumber("sinch", "15550002"),)))
    assert not made(acme).empty_numbers
