"""Who is it? Every way to name a user, every secret, and that all refusals are alike."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from passlib import hash as schemes

from carddav_msg import bootstrap
from carddav_msg.credentials import device
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import Rejected
from carddav_msg.publishing import networks, users
from carddav_msg.services.authentication import Face, Hints, Method
from tests.builders import add_network, add_user, add_users, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DAV, AUTH = Face.CARDDAV, Face.EXTERNAL_AUTHENTICATION


class House:
    """Two networks of one Cloud ID with the same extension in both, and one of their own."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.acme = add_network(
            services, "acme", cloud_ids=("SHARED",), sip_host="sip.acme.example:5061", domains=("acme.example",)
        )
        self.globex = add_network(services, "globex", cloud_ids=("SHARED",), domains=("globex.example",))
        self.solo = add_network(services, "solo", cloud_ids=("SOLO",))
        self.anna = self.user(self.acme, "1000", "acme-secret", sip_username="S1", sip_password="sip-secret")
        self.bert = self.user(self.globex, "1000", "globex-secret")
        self.mail = self.user(self.solo, "Carl@corp.example", "carl-secret")

    def user(self, network: Network, name: str, password: str, **fields: Any) -> User:
        return add_user(self.services, network, name, password=password, **fields)

    def who(self, login: str, secret: str, face: Face = DAV, **hints: str) -> tuple[int, str]:
        visitor = self.services.authentication.enter(login, secret, face, hints=Hints(**hints))
        return visitor.principal.id, visitor.matched

    def why(self, login: str, secret: str, face: Face = DAV, **hints: str) -> str:
        with pytest.raises(Rejected) as rejected:
            self.services.authentication.enter(login, secret, face, hints=Hints(**hints))
        assert str(rejected.value) == "The user name or the password is wrong."
        return rejected.value.reason


@pytest.fixture
def house(any_services: Services) -> House:
    return House(any_services)


def test_a_login_with_its_network_needs_no_hints(house: House) -> None:
    """`NETWORK~cloud_username` is the canonical login, in any case, also with a wrong hint beside it."""
    assert house.who("acme~1000", "acme-secret") == (house.anna.id, "login")
    assert house.who("ACME~1000", "acme-secret", cloud_id="SOLO") == (house.anna.id, "login")
    assert house.who("globex~1000", "globex-secret") == (house.bert.id, "login")
    assert house.who("acme~s1", "acme-secret") == (house.anna.id, "login")
    assert house.why("acme~1000", "globex-secret") == "password"
    assert house.why("nobody~1000", "acme-secret") == "unknown"


def test_hints_select_the_network(house: House) -> None:
    """Cloud ID, SIP host, a domain, the request's host name; hints that select nothing don't count."""
    anna = (house.anna.id, "cloud_username")
    assert house.who("1000", "acme-secret", host="sip.acme.example") == anna
    assert house.who("1000", "acme-secret", host="SIP.acme.example:5061", cloud_id="shared*") == anna
    assert house.who("1000", "acme-secret", request_host="acme.example:8080") == anna
    assert house.who("1000", "acme-secret", host="acme.example", request_host="contacts.provider.example") == anna
    assert house.who("carl@CORP.example", "carl-secret", cloud_id="solo") == (house.mail.id, "cloud_username")


def test_what_is_not_certain_is_refused(house: House) -> None:
    """The same extension in two networks of a Cloud ID, contradicting hints, and no hint among several networks."""
    assert house.why("1000", "acme-secret", cloud_id="SHARED") == "ambiguous"
    assert house.why("1000", "acme-secret", cloud_id="SHARED", host="solo.example", request_host="x") == "ambiguous"
    assert house.why("1000", "acme-secret", cloud_id="SOLO", host="acme.example") == "unknown"
    assert house.why("1000", "acme-secret") == "unknown"


def test_without_hints_the_only_network_there_is_counts(any_services: Services) -> None:
    """A provider with one network need not configure anything."""
    acme = add_network(any_services, "acme")
    anna = add_user(any_services, acme, "1000", password="acme-secret")
    assert any_services.authentication.enter("1000", "acme-secret", DAV).principal.id == anna.id


def test_a_domain_behind_the_name_works_without_hints(house: House) -> None:
    """`left@domain` is split at the last `@`; hints still narrow it."""
    assert house.who("1000@globex.example", "globex-secret") == (house.bert.id, "domain")
    assert house.who("s1@acme.example", "acme-secret", cloud_id="SHARED") == (house.anna.id, "domain")
    assert house.why("1000@globex.example", "globex-secret", cloud_id="SOLO") == "unknown"
    assert house.why("1000@nowhere.example", "globex-secret") == "unknown"


def test_a_cloud_username_comes_before_a_domain(house: House) -> None:
    """A Cloud Username with `@` is exact; it is not taken apart when it exists."""
    dora = house.user(house.acme, "1000@globex.example", "dora-secret")
    assert house.who("1000@globex.example", "dora-secret", host="acme.example") == (dora.id, "cloud_username")


def test_an_old_name_still_signs_in(house: House) -> None:
    """A renamed user and a renamed network keep the old name for logins."""

    def rename(tx: Any) -> None:
        network = tx.lock_network(house.acme.id, exclusive=True)
        changed = networks.save_network(tx, house.services.renderer, replace(network, network_id="acme2"), network)
        users.save_users(tx, house.services.renderer, changed, [replace(house.anna, cloud_username="anna")])
        tx.add_user_alias(house.anna, "1000")

    house.services.directory.transact(rename)
    for login in ("acme~1000", "acme2~1000", "acme~anna", "acme2~anna"):
        assert house.who(login, "acme-secret") == (house.anna.id, "login")
    assert house.who("1000", "acme-secret", host="acme.example") == (house.anna.id, "alias")
    visitor = house.services.authentication.enter("acme~1000", "acme-secret", DAV)
    assert (visitor.principal.login, visitor.cloud_username) == ("acme2~anna", "anna")


def test_disabled_and_unknown_users_and_wrong_passwords_are_refused_alike(house: House) -> None:
    """One sentence for every reason; the reason is for logs."""

    def disable(tx: Any) -> None:
        network = tx.lock_network(house.acme.id, exclusive=True)
        users.save_users(tx, house.services.renderer, network, [replace(house.anna, enabled=False)])

    house.services.directory.transact(disable)
    assert house.why("acme~1000", "acme-secret") == "disabled"
    assert house.why("acme~1000", "wrong") == "disabled"
    assert house.why("acme~9999", "acme-secret") == "unknown"
    assert house.why("", "acme-secret") == "missing"
    assert house.why("globex~1000", "") == "missing"
    assert house.why("globex~10\x0000", "globex-secret") == "unknown"
    assert house.why("1000", "globex-secret", cloud_id="\0") == "unknown"


def test_every_refusal_costs_a_password_hash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, wrong, disabled and ambiguous take the same work, so that time tells nothing."""
    passwords, calls = house.services.passwords, list[str]()
    real = type(passwords).verify

    def counted(self: Any, password: str, hashed: str, **options: bool) -> Any:
        calls.append(password)
        return real(self, password, hashed, **options)

    monkeypatch.setattr(type(passwords), "verify", counted)
    for login, hints in (
        ("acme~1000", {}),
        ("acme~9999", {}),
        ("1000", {"cloud_id": "SHARED"}),
        ("x~y", {}),
        ("1000", {}),
    ):
        calls.clear()
        house.why(login, "wrong-secret", **hints)
        assert calls == ["wrong-secret"], login


def test_the_sip_password_opens_external_authentication_only(house: House) -> None:
    """It is the vendor's credential after provisioning; it must not open address books."""
    assert house.why("acme~1000", "sip-secret") == "password"
    assert house.why("acme~1000", "sip-secret", Face.PROVISIONING) == "password"
    assert house.who("1000", "sip-secret", AUTH, host="acme.example") == (house.anna.id, "cloud_username")
    visitor = house.services.authentication.enter("S1", "sip-secret", AUTH, hints=Hints(host="acme.example"))
    assert (visitor.method, visitor.matched) == (Method.SIP_PASSWORD, "sip_username")


@pytest.mark.parametrize("login", ["acme~1000", "1000@acme.example", "CARL@corp.example"])
def test_external_authentication_takes_stored_spellings_only(house: House, login: str) -> None:
    """The chat may know the user by the typed string; other spellings are a setting."""
    hints = {"cloud_id": "SOLO"} if "corp" in login else {"host": "acme.example"}
    secret = "carl-secret" if "corp" in login else "acme-secret"
    assert house.why(login, secret, AUTH, **hints) == "spelling"
    loose = bootstrap.build(replace(house.services.settings, auth_any_login=True))
    assert loose.authentication.enter(login, secret, AUTH, hints=Hints(**hints)).principal.id
    loose.close()


def test_a_device_credential_opens_every_face_as_a_plain_user(house: House) -> None:
    """Whatever the grants; it ends with the session epoch and with its device."""
    directory = house.services.directory
    directory.transact(lambda tx: tx.save_grant(house.anna.id, "admin", house.acme.id))
    credential = device.issue(house.services.keyring, house.anna.id, house.anna.session_epoch, "phone")
    for face in Face:
        login, hints = ("1000", Hints(host="acme.example")) if face is AUTH else ("acme~1000", Hints())
        visitor = house.services.authentication.enter(login, credential, face, hints=hints)
        assert visitor.method is Method.DEVICE
        assert not visitor.principal.administers(house.acme.id)
    assert house.services.authentication.enter("acme~1000", "acme-secret", DAV).principal.administers(house.acme.id)
    assert house.why("globex~1000", credential) == "password"
    directory.transact(lambda tx: tx.end_sessions([house.anna.id]))
    assert house.why("acme~1000", credential) == "password"


def test_an_imported_hash_is_upgraded_at_sign_in(house: House) -> None:
    """The next sign-in verifies today's kind, and remembered verifications go on."""
    hashed = schemes.sha512_crypt.using(rounds=1000).hash("new-secret")
    house.services.directory.transact(lambda tx: tx.save_password_hashes([(house.anna.id, hashed)], new_secret=True))
    before = house.services.directory.with_secrets(house.anna.id)
    assert house.who("acme~1000", "new-secret")[0] == house.anna.id
    after = house.services.directory.with_secrets(house.anna.id)
    assert before is not None
    assert after is not None
    assert after.credentials.password_hash.startswith("$argon2id$")
    assert after.credentials.secret_version == before.credentials.secret_version


def test_a_new_password_ends_the_memory_of_the_old_one(house: House) -> None:
    """A remembered verification is bound to the secret's version."""
    house.who("acme~1000", "acme-secret")
    hashed = house.services.passwords.hash("new-secret")
    house.services.directory.transact(lambda tx: tx.save_password_hashes([(house.anna.id, hashed)], new_secret=True))
    assert house.why("acme~1000", "acme-secret") == "password"
    assert house.who("acme~1000", "new-secret")[0] == house.anna.id


def test_no_secret_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """At no level, right or wrong."""
    caplog.set_level(logging.DEBUG)
    house.who("acme~1000", "acme-secret")
    house.why("acme~1000", "wrong-canary")
    assert "acme-secret" not in caplog.text
    assert "wrong-canary" not in caplog.text


def test_ambiguous_names_in_one_step_end_the_search(house: House) -> None:
    """Two SIP usernames alike in two networks of a Cloud ID: nobody, rather than somebody."""
    add_users(house.services, house.globex, [new_user("x", password="x-secret", sip_username="S1")])
    assert house.why("S1", "x-secret", cloud_id="SHARED") == "ambiguous"


def test_known_devices_pass_while_strangers_wait(house: House) -> None:
    """However many passwords are being hashed, a device credential is let in at once."""
    services, begun, go_on = house.services, threading.Semaphore(0), threading.Event()
    verify = services.passwords.verify

    def held(password: str, stored: str, **options: bool) -> Any:
        begun.release()
        assert go_on.wait(60)
        return verify(password, stored, **options)

    services.passwords.verify = held  # type: ignore[method-assign]
    credential = device.issue(services.keyring, house.anna.id, house.anna.session_epoch, "phone")
    with ThreadPoolExecutor(20) as pool:
        guesses = [pool.submit(house.why, "acme~1000", f"wrong-{n}") for n in range(8)]
        guesses += [pool.submit(house.why, f"acme~nobody{n}", "wrong") for n in range(12)]
        assert begun.acquire(timeout=60)
        try:
            assert house.who("acme~1000", credential) == (house.anna.id, "login")
        finally:
            go_on.set()
        assert {guess.result() for guess in guesses} == {"password", "unknown"}
