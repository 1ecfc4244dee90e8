"""The three flows sign in, with a password and with the code of a QR code, as app and SSO server go through them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carddav_msg import bootstrap
from carddav_msg.formats.portal import portal
from carddav_msg.probe.flows import Flow, Phone, Typed, sign_in
from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.outside import asking

if TYPE_CHECKING:
    from carddav_msg.settings import Settings

URL = "https://contacts.example.com"


@pytest.mark.parametrize("get", [False, True], ids=["post", "get"])
@pytest.mark.parametrize("by_code", [False, True], ids=["password", "code"])
@pytest.mark.parametrize("listed", [False, True], ids=["open", "listed"])
def test_flows(settings: Settings, *, by_code: bool, get: bool, listed: bool) -> None:
    """Each ends with the same user's URI; in the simple flow a code does when the SSO server's address is known."""
    services = bootstrap.build(replace(settings, auth_allowed_sources=("192.0.2.0/24",) if listed else ()))
    acme = add_network(
        services, cloud_ids=("ACMEAPP",), sip_host="sip.acme.example", credentials_in_query="allow" if get else "refuse"
    )
    add_user(services, acme, "anna", password="secret", sip_username="s1", sip_password="sip")
    secret = services.administration.codes.invite("acme", "anna").code if by_code else "secret"
    ask = asking(create_app(services))
    phone = Phone(Typed("anna", secret, "ACMEAPP"), portal(URL, ("ACMEAPP",), get=get), ask)
    account = phone.provision()
    assert (account["cloud_username"], account["networkId"]) == ("anna", "acme")
    for flow in Flow:
        result = sign_in(phone, flow)
        if by_code and flow is Flow.SIMPLE and not listed:
            assert result.problem.startswith("401")
        else:
            assert (result.problem, result.uri) == ("", "sip:s1@sip.acme.example")
    assert phone.refresh().nodes == account.nodes
    services.close()
