"""`portal`: what it prints is what the app and the SSO server can use, as a probe shows that fills it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carddav_msg.formats.portal import portal
from carddav_msg.probe.flows import Flow, Phone, Typed, sign_in
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user
from tests.cli.conftest import Command
from tests.outside import asking

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def test_it_prints_post_and_the_checklist(acme: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """POST bodies with the vendor's placeholders, CardDAV with the user in the path, and what is left to do."""
    shown = acme.ok("portal", "acme")
    assert "wsContactsUrl: http://127.0.0.1:8080/contacts" in shown
    assert "InitialProvisioningMethod: POST" in shown
    assert "extProvPostData: username=%account[cloud_login]%&password=%account[cloud_password]%" in shown
    assert "username=%username%&password=%password%&host=%host%&cloud_id=ACME1" in shown
    assert "URL: http://127.0.0.1:8080/dav/%account[cloud_login]%/directory/" in shown
    assert "?" not in shown.partition("Before going live")[0]
    assert "[!] public_url is an https address" in shown
    assert "[x] the network has the Cloud ID" in shown
    for word in ("notification extension", "keys file", "doctor"):
        assert word in shown
    # A list without "closed" changes nothing for External Authentication.
    for access, mark in (("open", "!"), ("closed", "x")):
        monkeypatch.setenv("CARDDAV_MSG_AUTH_ALLOWED_SOURCES", "198.51.100.1")
        monkeypatch.setenv("CARDDAV_MSG_AUTH_ACCESS", access)
        assert f'[{mark}] auth_access is "closed", and auth_allowed_sources' in acme.ok("portal", "acme")


def test_get_comes_with_a_warning(acme: Command) -> None:
    """With --get everything is in the query, and the warning about logs is on stderr."""
    result = acme("portal", "acme", "--get")
    assert "/auth?username=%username%&password=%password%&host=%host%&cloud_id=ACME1" in result.stdout
    assert "POST" not in result.stdout.partition("Before going live")[0]
    assert "logs" in result.stderr


def test_json_has_the_same(acme: Command) -> None:
    """For scripts: services by name with their settings, and the checklist with what could be seen."""
    shown = acme.json("portal", "acme")
    names = [service["name"] for service in shown["services"]]
    assert names == [
        "External Provisioning, first",
        "External Provisioning, refresh",
        "External Authentication",
        "Web Service Contacts",
    ]
    assert shown["services"][3]["settings"]["wsContactsContentType"] == "application/x-www-form-urlencoded"
    assert shown["carddav"]["User name"] == "%account[cloud_login]%"
    assert {item["done"] for item in shown["checklist"]} == {True, False, None}


def test_every_flow_works_with_either_method(services: Services) -> None:
    """The texts filled in as the vendor does sign a user in by each flow, with POST and with GET, odd passwords too."""
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP", "SECOND"), sip_host="sip.acme.example")
    password = "p&ss=w%rd+#ü"
    add_user(services, acme, "anna", password=password, sip_username="S&1", sip_password="s?p=&%")
    ask = asking(mount(services))
    for get in (False, True):
        texts = portal("http://127.0.0.1:8080", acme.cloud_ids, get=get)
        for cloud_id in acme.cloud_ids:
            phone = Phone(Typed("anna", password, cloud_id), texts, ask)
            phone.provision()
            phone.refresh()
            assert phone.contacts().status == 200
            assert phone.dav("PROPFIND", phone.fill(texts.carddav.url), depth="0").status == 207
            assert [sign_in(phone, flow).problem for flow in Flow] == ["", "", ""]
