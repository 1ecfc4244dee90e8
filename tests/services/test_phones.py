"""Phones: devices that are revoked, sign-in codes, and what a refresh is told that can't be answered."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from carddav_msg.credentials.codes import digest, new_code
from carddav_msg.domain.proxies import Sources
from carddav_msg.errors import InvalidValue, NotFound, Rejected, SignedOut, Unavailable
from carddav_msg.publishing import networks
from carddav_msg.services.authentication import Codes, Face, Method, Moment, Visitor
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DAY = 86_400
SSO = "192.0.2.7"


class Office:
    """The network acme with anna, whose phones come and go; the clock of sign-in codes can be set."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.later = 0.0
        self.acme = add_network(services, "acme", cloud_ids=("ACMEAPP",))
        self.anna = add_user(services, self.acme, "anna", password="secret", sip_username="s1", sip_password="sip")
        self.clocked()

    def clocked(self) -> None:
        """Gives sign-in the clock."""
        authentication = self.services.authentication
        authentication._codes = Codes(
            self.services.directory,
            works=self.services.settings.device_credentials,
            minutes=30,
            sso=Sources([SSO]),
            clock=lambda: time.time() + self.later,
        )

    def enter(self, secret: str, face: Face = Face.PROVISIONING, **how: Any) -> Visitor:
        return self.services.authentication.enter("acme~anna", secret, face, **how)

    def provision(self, secret: str, device: str = "", moment: Moment = Moment.INITIAL, address: str = "") -> str:
        """The cloud_password that provisioning returns."""
        visitor = self.enter(secret, moment=moment, address=address)
        account = self.services.provisioning.account(
            visitor.principal,
            visitor.session_epoch,
            secret,
            device=device,
            enrolled_only=visitor.method is Method.CODE_REPEATED,
        )
        return dict(account.nodes)["cloud_password"]

    def why(self, secret: str, **how: Any) -> str:
        """The reason why provisioning refuses."""
        with pytest.raises(Rejected) as rejected:
            self.provision(secret, **how)
        return rejected.value.reason

    def refused_refresh(self, secret: str) -> Rejected | Unavailable:
        with pytest.raises((Rejected, Unavailable)) as refused:
            self.provision(secret, moment=Moment.REFRESH)
        return refused.value

    def code(self) -> str:
        return self.services.administration.codes.invite("acme", "anna").code

    def states(self) -> dict[str, tuple[bool, bool]]:
        """Device → (revoked, signed out)."""
        listed = self.services.administration.devices.all("acme", "anna")
        return {device.device: (device.revoked, device.signed_out) for device in listed}

    def audited(self) -> list[str]:
        """Actions on anna's phones, the oldest first."""
        entries = self.services.directory.audit(None, 1 << 60, 100, subject="user acme~anna")
        return [entry.action for _, entry in reversed(entries)]


@pytest.fixture
def office(any_services: Services) -> Office:
    return Office(any_services)


def test_a_revoked_device_is_out_and_the_other_one_stays(office: Office) -> None:
    """One lost phone: its credential opens no face, and a new sign-in from it is refused until it is let in again."""
    lost, kept = office.provision("secret", "phone-1"), office.provision("secret", "phone-2")
    devices = office.services.administration.devices
    devices.revoke("acme", "anna", "phone-1")
    for face in Face:
        assert office.enter(kept, face).method is Method.DEVICE if face is not Face.EXTERNAL_AUTHENTICATION else True
        with pytest.raises(Rejected):
            office.enter(lost, face)
    assert office.why("secret", device="phone-1") == "revoked"
    assert office.why(office.code(), device="phone-1") == "revoked"
    assert office.states() == {"phone-1": (True, False), "phone-2": (False, False)}
    devices.unrevoke("acme", "anna", "phone-1")
    assert office.provision(lost) == lost
    assert {"device revoked", "device let in again"} <= set(office.audited())


def test_revoking_all_ends_everything_but_the_password(office: Office) -> None:
    """All credentials and codes end; each phone signs in anew with the password and gets another credential."""
    old = office.provision("secret", "phone-1")
    code = office.code()
    assert office.services.administration.devices.revoke_all("acme", "anna") == 1
    assert office.why(old) == "password"
    assert office.why(code) == "code_revoked"
    assert office.states() == {"phone-1": (False, True)}
    new = office.provision("secret", "phone-1")
    assert new != old
    assert office.states() == {"phone-1": (False, False)}


def test_unknown_devices_are_named(office: Office) -> None:
    """A mistyped id is a sentence with the command that lists the right ones."""
    with pytest.raises(NotFound, match="user devices acme anna"):
        office.services.administration.devices.revoke("acme", "anna", "phone-9")


def test_grants_never_count_with_device_credentials_or_codes(office: Office) -> None:
    """A phone in a pocket is no administrator, whoever it belongs to."""
    office.services.administration.grants.add("acme", "anna", "admin", "acme")
    assert not office.enter("secret").principal.plain
    assert office.enter(office.provision("secret"), Face.CARDDAV).principal.plain
    assert office.enter(office.code(), moment=Moment.INITIAL).principal.plain


def test_a_long_cloud_id_names_the_device_that_can_be_revoked(office: Office) -> None:
    """The id in the credential and the one in the list are the same, however long the request's Cloud ID is."""
    visitor = office.enter("secret")
    provisioning = office.services.provisioning
    asked = {"cloud_id": "X" * 900}
    made = provisioning.account(visitor.principal, visitor.session_epoch, "secret", **asked)
    (device,) = office.states()
    office.services.administration.devices.revoke("acme", "anna", device)
    with pytest.raises(SignedOut):
        office.enter(dict(made.nodes)["cloud_password"])


def test_a_code_waits_then_enrols_then_only_the_sso_server_repeats(office: Office) -> None:
    """Seven days for the first use, thirty minutes for further phones, then a replay from allow-listed addresses."""
    late, code = office.code(), office.code()
    office.later = 7 * DAY - 60
    assert office.provision(late)
    office.later = 0
    first = office.provision(code, "phone-1")
    assert office.provision(code, "phone-1") == first
    office.later += 29 * 60
    assert office.provision(code.lower().replace("-", " "), "phone-2") != first
    office.later += 120 + 60
    assert office.why(code, device="phone-1") == "code_used"
    assert office.why(code, device="phone-1", address="192.0.2.8") == "code_used"
    assert office.provision(code, "phone-1", address=SSO) == first
    assert office.why(code, device="phone-3", address=SSO) == "code_used"
    assert office.audited().count("sign-in code used") == 2


def test_a_code_that_nobody_used_in_time_is_dead(office: Office) -> None:
    """A forgotten letter opens nothing, not even for the SSO server."""
    code = office.code()
    office.later = 7 * DAY + 60
    assert office.why(code, address=SSO) == "code_expired"


def test_the_sso_server_may_repeat_a_code_without_provisioning(office: Office) -> None:
    """The simple flow, where it sends what was typed: as long as the phone that the code enrolled is let in."""
    code, other = office.code(), office.code()

    def asked(secret: str = code, phone: str = "phone-1", address: str = SSO) -> str:
        how = {"phone": phone, "address": address}
        try:
            return office.enter(secret, Face.EXTERNAL_AUTHENTICATION, **how).method.value
        except Rejected as error:
            return error.reason

    office.services.authentication._any_login = True
    assert asked() == "code_unused"
    office.provision(code, "phone-1")
    assert asked() == "code_repeated"
    assert asked(address="192.0.2.8") == asked(address="") == "code_used"
    assert asked(phone="phone-2") == "code_used"
    assert asked(phone="") == "code_repeated"
    assert asked(other) == "code_unused"
    office.later += 90 * DAY
    assert asked() == "code_repeated"
    office.services.administration.devices.revoke("acme", "anna", "phone-1")
    assert asked() == asked(phone="") == "revoked"
    office.provision("secret", "phone-2")
    assert asked(phone="") == "revoked", "nobody can tell which of the two it is"
    office.services.administration.devices.unrevoke("acme", "anna", "phone-1")
    assert asked() == "code_repeated"
    office.services.administration.codes.revoke("acme", "anna")
    assert asked() == "code_revoked"
    office.later = 0
    again = office.code()
    office.provision(again, "phone-1")
    office.services.administration.devices.revoke_all("acme", "anna")
    assert asked(again) == "code_revoked"


def test_a_code_opens_the_first_provisioning_alone(office: Office) -> None:
    """No other face, from anywhere but the SSO server, no refresh, nobody else's account."""
    code = office.code()
    add_user(office.services, office.acme, "bert", password="other")
    for face in Face:
        with pytest.raises(Rejected, match="wrong"):
            office.enter(code, face)
    assert office.why(code, moment=Moment.REFRESH) == "password"
    with pytest.raises(Rejected):
        office.services.authentication.enter("acme~bert", code, Face.PROVISIONING, moment=Moment.INITIAL)
    assert office.provision(code).startswith("d1.")


def test_revoked_codes_are_refused(office: Office) -> None:
    """`revoke` says how many could still have been used; phones that were enrolled stay."""
    used, unused = office.code(), office.code()
    credential = office.provision(used)
    assert office.services.administration.codes.revoke("acme", "anna") == 2
    assert office.services.administration.codes.revoke("acme", "anna") == 0
    assert [office.why(code) for code in (used, unused)] == ["code_revoked"] * 2
    assert office.provision(credential) == credential


def test_codes_of_a_disabled_user_never_come_back(office: Office) -> None:
    """Disabling ends codes with all sessions, also when the user is enabled again."""
    code = office.code()
    change = office.services.administration.users.change
    change("acme", "anna", lambda old: replace(old, enabled=False))
    assert office.why(code) == "disabled"
    with pytest.raises(InvalidValue, match="disabled"):
        office.code()
    change("acme", "anna", lambda old: replace(old, enabled=True))
    assert office.why(code) == "code_revoked"


def test_without_device_credentials_codes_are_refused(office: Office) -> None:
    """A code must not become the lasting password of a phone; operators get a sentence, the log a reason."""
    code = office.code()
    services = bootstrap.build(replace(office.services.settings, device_credentials=False))
    with pytest.raises(Rejected) as rejected:
        services.authentication.enter("acme~anna", code, Face.PROVISIONING, moment=Moment.INITIAL)
    assert rejected.value.reason == "code_off"
    with pytest.raises(InvalidValue, match="device_credentials"):
        services.administration.codes.invite("acme", "anna")
    services.close()


def test_the_database_does_not_know_codes(office: Office) -> None:
    """What is stored finds a code and can't be typed instead of it."""
    code = office.code()
    stored = str(digest(code))
    assert code.replace("-", "") not in stored
    assert office.why(stored) == "password"
    assert office.services.directory.code(stored) is not None


def test_codes_are_strong_and_read_as_they_are_heard() -> None:
    """80 bits, no look-alikes; O is 0 and L is 1 when somebody types them so; a password is no code by accident."""
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert not set("ILOU") & set("".join(code[3:] for code in codes))
    assert digest("qr-0000-1111-0000-1111") == digest("QR OOOO IILL oooo iill")
    for text in (
        "",
        "secret",
        "qr-",
        new_code()[:-1],
        new_code() + "0",
        "qr-" + "U" * 16,
        "qr-" + "é" * 16,
        "q" * 5000,
    ):
        assert digest(text) is None


@pytest.mark.parametrize("form", ["error", "logged_out_account"])
def test_a_refresh_is_denied_only_for_certain(office: Office, form: str) -> None:
    """Revoked, ended, disabled, then removed: each is known by the credential itself, and takes the network's form."""
    administration = office.services.administration
    administration.networks.change("acme", lambda old: replace(old, refresh_denied=form))
    lost, ended, _ = (office.provision("secret", device) for device in ("phone-1", "phone-2", "phone-3"))
    administration.devices.revoke("acme", "anna", "phone-1")
    administration.users.set_password("acme", "anna", "secret", end_sessions=True)
    again = office.provision("secret", "phone-3")
    administration.users.change("acme", "anna", lambda old: replace(old, enabled=False))

    def refused(secret: str) -> tuple[str, bool]:
        error = office.refused_refresh(secret)
        assert isinstance(error, SignedOut), error
        return error.reason, error.logged_out

    logged_out = form == "logged_out_account"
    assert refused(again) == ("disabled", logged_out)
    assert refused("secret") == ("disabled", logged_out)
    administration.users.change("acme", "anna", lambda old: replace(old, enabled=True))
    assert refused(lost) == ("revoked", logged_out)
    assert refused(ended) == ("revoked", logged_out)
    administration.users.remove("acme", "anna")
    for secret in (lost, ended, again):
        assert refused(secret) == ("removed", logged_out)


def test_a_phone_of_a_removed_user_is_not_that_of_a_new_one(office: Office) -> None:
    """The same name again is somebody else: the old phone is told that its user was removed."""
    old = office.provision("secret")
    office.services.administration.users.remove("acme", "anna")
    add_user(office.services, office.acme, "anna", password="new")
    assert getattr(office.refused_refresh(old), "reason", "") == "removed"


def test_phones_of_a_removed_network_are_told(office: Office) -> None:
    """A tenant that went takes nobody into the dark: each phone's user is known to be removed."""
    old = office.provision("secret")
    office.services.directory.transact(
        lambda tx: networks.remove_network(tx, tx.lock_network(office.acme.id, exclusive=True), with_users=True)
    )
    assert getattr(office.refused_refresh(old), "reason", "") == "removed"


def test_what_may_be_our_fault_is_503(office: Office, tmp_path: Path) -> None:
    """A credential that nothing explains (other keys, an old backup) is told to come again; a wrong password is not."""
    mine = office.provision("secret")
    other = replace(office.services.settings, keys_file=str(tmp_path / "other.toml"))
    keyring.write(Path(other.keys_file), keyring.generate())
    strange = bootstrap.build(other)
    with pytest.raises(Unavailable) as unavailable:
        strange.authentication.enter("acme~anna", mine, Face.PROVISIONING, moment=Moment.REFRESH)
    assert unavailable.value.retry_after >= 60
    with pytest.raises(Rejected):
        strange.authentication.enter("acme~anna", mine, Face.PROVISIONING, moment=Moment.INITIAL)
    strange.close()
    forged = mine[:-4] + "AAAA"
    assert isinstance(office.refused_refresh(forged), Unavailable)
    wrong = office.refused_refresh("wrong")
    assert isinstance(wrong, Rejected)
    assert not isinstance(wrong, SignedOut)


def test_wrong_passwords_of_disabled_users_are_not_told_apart(office: Office) -> None:
    """Who does not know the password learns nothing from a refresh, whatever its form."""
    administration = office.services.administration
    administration.networks.change("acme", lambda old: replace(old, refresh_denied="logged_out_account"))
    administration.users.change("acme", "anna", lambda old: replace(old, enabled=False))
    error = office.refused_refresh("wrong")
    assert isinstance(error, Rejected)
    assert not isinstance(error, SignedOut)


def test_an_invitation_names_the_user_so_that_the_app_means_the_right_one(office: Office) -> None:
    """Two networks of one app with the same name: the QR code has the login with its network, else the plain name."""
    codes = office.services.administration.codes
    assert codes.invite("acme", "anna").typed == "anna"
    globex = add_network(office.services, "globex", cloud_ids=("ACMEAPP", "OTHER"))
    add_user(office.services, globex, "Anna")
    made = codes.invite("acme", "anna", "acmeapp*")
    assert made.typed == made.login == "acme~anna"
    assert made.text == f"csc:acme~anna:{made.code}@ACMEAPP"
    for network_id, cloud_id in (("globex", ""), ("acme", "OTHER")):
        with pytest.raises(InvalidValue, match="cloud_id"):
            codes.invite(network_id, "anna", cloud_id)
    assert made.code not in repr(made)


def test_a_new_code_forgets_those_that_expired_long_ago(office: Office) -> None:
    """Nobody has to tidy up: an unused code stays as long as somebody may ask why it did not work."""
    office.code()
    directory = office.services.directory
    directory.transact(lambda tx: tx.add_codes([(office.anna.id, "old", 1)], tx.now - 91 * DAY * 1_000_000))
    office.code()
    assert directory.code("old") is None
    assert len(directory.codes(office.anna.id)) == 2


def test_external_authentication_takes_the_credential(office: Office) -> None:
    """The skipped flow: the SSO server gets what provisioning returned, of an enrolled phone too."""
    credential = office.provision(office.code())
    visitor = office.services.authentication.enter("anna", credential, Face.EXTERNAL_AUTHENTICATION, address="")
    assert visitor.method is Method.DEVICE


def test_removing_a_user_twice_in_a_moment(office: Office) -> None:
    """What is remembered of removed users does not stand in the way of removing again."""
    users_ = office.services.administration.users
    for _ in range(3):
        add_user(office.services, office.acme, "carl", password="x")
        users_.remove("acme", "carl")
    assert len(office.services.directory.former_users("carl")) >= 1
