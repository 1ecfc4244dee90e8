"""The fixtures and builders themselves: what every other test stands on."""

from __future__ import annotations

import pytest

from carddav_msg.errors import Rejected
from carddav_msg.services.authentication import Face
from tests.builders import add_network, add_user


def test_a_built_user_can_sign_in_on_both_databases(any_services) -> None:
    """A user that the builders made is found in the network and gets in with the password, and only with it."""
    acme = add_network(any_services, "acme", sip_host="sip.example.com")
    add_user(any_services, acme, "anna", password="right", sip_password="phone", sip_username="S1", display_name="Anna")
    visitor = any_services.authentication.enter("acme~anna", "right", Face.CONTACTS)
    assert (visitor.network_id, visitor.cloud_username) == ("acme", "anna")
    assert any_services.authentication.enter("S1", "phone", Face.EXTERNAL_AUTHENTICATION).cloud_username == "anna"
    with pytest.raises(Rejected):
        any_services.authentication.enter("acme~anna", "wrong", Face.CONTACTS)


def test_each_test_has_a_database_of_its_own(any_services) -> None:
    """What another test wrote is not there."""
    assert any_services.directory.networks() == []
