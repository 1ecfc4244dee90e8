"""What the SSO server learns, and what may change while it asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg.domain.user import Number
from carddav_msg.errors import Rejected, Unavailable
from carddav_msg.publishing import users
from carddav_msg.services.authentication import Face
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def test_only_verified_numbers_are_vouched_for(any_services: Services) -> None:
    """Numbers are those that were verified, in international form, each once; the URI is escaped as a URI needs it."""
    acme = add_network(any_services, sip_host="sip.example.com:5061")
    number = "+15550000001"
    numbers = (
        Number("mobile", number, number, verified=True),
        Number("work", number, number, verified=True),
        Number("home", "+15550000002", "+15550000002"),
        Number("extension", "1000"),
    )
    add_user(any_services, acme, "anna", password="secret", sip_username="a b@c", numbers=numbers)
    visitor = any_services.authentication.enter("anna", "secret", Face.EXTERNAL_AUTHENTICATION)
    account = any_services.external_authentication.account(visitor.principal, visitor.cloud_username)
    assert account.numbers == (number,)
    assert account.uri == "sip:a%20b%40c@sip.example.com"


@pytest.mark.parametrize(
    ("change", "error"),
    [({"enabled": False}, Rejected), ({"messaging": False}, Rejected), ({"cloud_username": "berta"}, Unavailable)],
    ids=["disabled", "messaging", "renamed"],
)
def test_change_after_sign_in_vouches_for_nobody(
    any_services: Services, change: dict[str, Any], error: type[Exception]
) -> None:
    """What is no longer true when the answer is made is not said."""
    acme = add_network(any_services)
    anna = add_user(any_services, acme, "anna", password="secret")
    visitor = any_services.authentication.enter("anna", "secret", Face.EXTERNAL_AUTHENTICATION)
    any_services.directory.transact(
        lambda tx: users.save_users(
            tx, any_services.renderer, tx.lock_network(acme.id, exclusive=True), [replace(anna, **change)]
        )
    )
    with pytest.raises(error):
        any_services.external_authentication.account(visitor.principal, visitor.cloud_username)
