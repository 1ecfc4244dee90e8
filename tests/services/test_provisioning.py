"""Accounts: devices, replays, and what may change while one is made."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from carddav_msg.credentials import device
from carddav_msg.errors import CarddavMsgError, SignedOut, Unavailable
from carddav_msg.publishing import users
from carddav_msg.services.authentication import Face, Visitor
from carddav_msg.services.provisioning import Account, AccountRules, Provisioning
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.network import Network
    from carddav_msg.domain.user import User

DAY = 86_400.0


@pytest.fixture
def anna(any_services: Services) -> User:
    """A user of the network acme."""
    return add_user(any_services, add_network(any_services), "anna", password="secret")


def sign_in(services: Services, secret: str = "secret") -> Visitor:
    """Anna at the door."""
    return services.authentication.enter("acme~anna", secret, Face.PROVISIONING)


def account(services: Services, visitor: Visitor, secret: str = "secret", **asked: Any) -> dict[str, str]:
    """The nodes of anna's account."""
    made: Account = services.provisioning.account(visitor.principal, visitor.session_epoch, secret, **asked)
    return dict(made.nodes)


def seen(services: Services) -> list[tuple[str, int]]:
    """The devices that are noted, with the time they were last seen."""
    engine = create_engine(services.settings.database_url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT device, last_seen FROM devices ORDER BY device")).all()
    engine.dispose()
    return [(row[0], row[1]) for row in rows]


def test_device_is_that_of_the_request_or_of_the_app(any_services: Services, anna: User) -> None:
    """A named device has its own credential; without a name there is one for each app, however its id is spelled."""
    visitor = sign_in(any_services)
    credentials = [
        account(any_services, visitor, device="phone-1")["cloud_password"],
        account(any_services, visitor, device="phone-2")["cloud_password"],
        account(any_services, visitor, cloud_id="app1*")["cloud_password"],
        account(any_services, visitor, cloud_id="APP1")["cloud_password"],
    ]
    assert [getattr(device.parse(one), "device", None) for one in credentials] == [
        "phone-1",
        "phone-2",
        "app:APP1",
        "app:APP1",
    ]
    assert credentials[2] == credentials[3]
    assert [name for name, _ in seen(any_services)] == ["app:APP1", "phone-1", "phone-2"]


def test_device_credential_keeps_its_device(any_services: Services, anna: User) -> None:
    """Who comes with the credential of one device can't get that of another, which would outlive a revocation."""
    first = account(any_services, sign_in(any_services), device="phone-1")["cloud_password"]
    again = account(any_services, sign_in(any_services, first), first, device="phone-2", cloud_id="OTHER")
    assert again["cloud_password"] == first


def test_device_is_noted_once_a_day(any_services: Services, anna: User) -> None:
    """The first account of a day writes; further ones do not, whatever happens to the row."""
    now = [time.time()]
    provisioning = Provisioning(
        any_services.directory, any_services.keyring, AccountRules(), device_credentials=True, clock=lambda: now[0]
    )
    services = replace(any_services, provisioning=provisioning)
    visitor = sign_in(services)
    account(services, visitor, device="phone")
    first = seen(services)
    account(services, visitor, device="phone")
    assert seen(services) == first
    now[0] += DAY
    account(services, visitor, device="phone")
    assert seen(services) > first


def test_note_that_can_not_be_written_does_not_fail_the_answer(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that takes no writes gives accounts all the same, with one line in the log, and tries again."""
    add_user(services, add_network(services), "anna", password="secret")

    class ReadOnly:
        def __getattr__(self, name: str) -> Any:
            return getattr(services.directory, name)

        def transact(self, work: Any) -> None:
            raise Unavailable("The database is read-only.")

    read_only: Any = ReadOnly()
    provisioning = Provisioning(read_only, services.keyring, AccountRules(), device_credentials=True)
    for _ in range(2):
        assert account(replace(services, provisioning=provisioning), sign_in(services))["cloud_password"]
    assert [record.message for record in caplog.records if "not noted" in record.message] == [
        "A device of user 1 was not noted as seen: The database is read-only."
    ] * 2


def _disable(tx: Any, services: Services, network: Network, user: User) -> None:
    users.save_users(tx, services.renderer, network, [replace(user, enabled=False)])


def _remove(tx: Any, services: Services, network: Network, user: User) -> None:
    users.remove_user(tx, services.renderer, network, user)


def _revoke(tx: Any, services: Services, network: Network, user: User) -> None:
    tx.end_sessions([user.id])


@pytest.mark.parametrize(
    ("change", "error"),
    [(_disable, SignedOut), (_remove, Unavailable), (_revoke, Unavailable)],
    ids=lambda one: one.__name__,
)
def test_change_after_sign_in_gives_no_account(
    any_services: Services, anna: User, change: Any, error: type[CarddavMsgError]
) -> None:
    """Disabled between sign-in and account: signed out. Removed, or sessions ended: ask again, nothing is issued."""
    visitor = sign_in(any_services)
    (network,) = any_services.directory.networks()
    any_services.directory.transact(
        lambda tx: change(tx, any_services, tx.lock_network(network.id, exclusive=True), anna)
    )
    with pytest.raises(error):
        account(any_services, visitor)


def test_account_shows_no_secret(services: Services) -> None:
    """The value that travels to the renderer tells nothing when it is shown."""
    assert "S3cret" not in repr(Account((("password", "S3cret"),)))
