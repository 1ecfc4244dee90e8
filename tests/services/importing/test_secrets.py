"""Secrets of an import: when they are set, and that they are never on the disk in plain text."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from passlib.hash import bcrypt, pbkdf2_sha256, sha512_crypt

from carddav_msg.bootstrap import Services
from carddav_msg.credentials.passwords import Passwords
from carddav_msg.directory.rows import UserWithSecrets
from carddav_msg.errors import Rejected, Unavailable
from carddav_msg.services.authentication import Face
from carddav_msg.services.importing.hashing import HashSettings
from carddav_msg.services.importing.report import Options
from carddav_msg.services.importing.validation import Seal
from carddav_msg.settings import Settings
from tests.builders import add_network
from tests.services.importing.files import Heard, file_of, import_users, person, user


def secrets(services: Services, name: str) -> UserWithSecrets:
    """A user with secrets."""
    found = services.directory.with_secrets(user(services, name).id)
    assert found is not None
    return found


def enters(services: Services, name: str, password: str) -> bool:
    """True when the password opens the door."""
    try:
        services.authentication.enter(f"acme~{name}", password, Face.CARDDAV)
    except Rejected:
        return False
    return True


def test_passwords_of_existing_users(any_services: Services) -> None:
    """The password of an existing user changes with `set_passwords` only, and not when it is the same one."""
    add_network(any_services)
    import_users(any_services, person("ann", password="first-pw"))
    before = secrets(any_services, "ann")
    assert import_users(any_services, person("ann", password="second-pw")).unchanged == 1
    assert import_users(any_services, person("ann", password=""), set_passwords=True).unchanged == 1
    assert import_users(any_services, person("ann", password="first-pw"), set_passwords=True).unchanged == 1
    assert secrets(any_services, "ann") == before
    assert import_users(any_services, person("ann", password="second-pw"), set_passwords=True).changed == 1
    after = secrets(any_services, "ann")
    assert after.credentials.secret_version == before.credentials.secret_version + 1
    assert after.user.session_epoch == before.user.session_epoch
    assert enters(any_services, "ann", "second-pw")
    assert not enters(any_services, "ann", "first-pw")


@pytest.mark.parametrize(
    "hashed",
    [
        bcrypt.using(rounds=4).hash("the-pw"),
        sha512_crypt.using(rounds=1000).hash("the-pw"),
        pbkdf2_sha256.using(rounds=10).hash("the-pw"),
        Passwords(memory=8, time_cost=1, parallelism=1).hash("the-pw"),
    ],
    ids=["bcrypt", "sha512-crypt", "pbkdf2", "argon2"],
)
def test_hashes(services: Services, hashed: str) -> None:
    """A hash of another system lets its user in, and follows the rule of passwords."""
    add_network(services)
    import_users(services, person("ann", password_hash=hashed))
    assert enters(services, "ann", "the-pw")
    other = Passwords(memory=8, time_cost=1, parallelism=1).hash("other-pw")
    assert import_users(services, person("ann", password_hash=other)).unchanged == 1
    assert import_users(services, person("ann", password_hash=other), set_passwords=True).changed == 1
    assert enters(services, "ann", "other-pw")


def test_bad_secrets_are_not_shown(services: Services) -> None:
    """What is wrong with a secret is told without any of it."""
    add_network(services)
    report = import_users(
        services,
        person("ann", password="canary\x07", password_hash="", sip_password=""),
        person("bob", password="", password_hash="$canary", sip_password=""),
        person("cid", password="canary", password_hash=sha512_crypt.using(rounds=1000).hash("x"), sip_password=""),
        person("dan", password="canary" * 200, password_hash="", sip_password="can\nary"),
    )
    assert [(problem.line, problem.field) for problem in report.problems] == [
        (2, "password"),
        (3, "password_hash"),
        (4, "password_hash"),
        (5, "password"),
        (5, "sip_password"),
    ]
    assert "canary" not in repr(report)


def test_sip_passwords(any_services: Services) -> None:
    """A SIP password is stored whenever it differs; the same one leaves the stored bytes alone, an empty cell too."""
    add_network(any_services)
    import_users(any_services, person("ann", sip_password="sip-1"))
    before = secrets(any_services, "ann")
    sealed = before.credentials.sip_password
    assert sealed is not None
    assert any_services.keyring.decrypt(sealed, before.user.uid) == "sip-1"
    for cell in ("sip-1", ""):
        assert import_users(any_services, person("ann", sip_password=cell)).unchanged == 1
        assert secrets(any_services, "ann") == before
    assert import_users(any_services, person("ann", sip_password="sip-2")).changed == 1
    after = secrets(any_services, "ann")
    assert after.credentials.sip_password is not None
    assert any_services.keyring.decrypt(after.credentials.sip_password, after.user.uid) == "sip-2"
    assert after.user.session_epoch == before.user.session_epoch


def test_no_plain_password_on_the_disk(services: Services, settings: Settings, tmp_path: Path) -> None:
    """While passwords are hashed, no file of the database holds a password or a SIP password in plain text."""
    add_network(services)
    rows = [person(f"u{n}", password=f"canary-pw-{n}", sip_password=f"canary-sip-{n}") for n in range(40)]
    seen: list[int] = []

    def look(step: str) -> None:
        if step == "Hashing passwords":
            files = [path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("carddav-msg.db")]
            seen.append(sum(body.count(b"u39") for body in files))
            assert not any(b"canary" in body for body in files)

    report = services.importing.import_users(file_of(*rows), Options(), Heard(look))
    assert report.added == 40
    assert min(seen) > 0, "the rows were not staged in the files that were looked at"
    assert enters(services, "u39", "canary-pw-39")


def test_a_user_who_is_removed_meanwhile(services: Services) -> None:
    """A user whose password was not hashed, and who is removed meanwhile, is not added without one: start again."""
    add_network(services)
    import_users(services, person("ann", password="first-pw"))
    row = user(services, "ann").id

    def remove(step: str) -> None:
        if step == "Hashing passwords":
            services.directory.transact(lambda tx: tx.remove_user(row))

    rows = file_of(person("ann", password="second-pw"), person("bob", password="bob-pw"))
    with pytest.raises(Unavailable, match="Start it again"):
        services.importing.import_users(rows, Options(), Heard(remove))
    with pytest.raises(AssertionError):
        user(services, "bob")


def test_seal_is_of_one_process_and_one_line() -> None:
    """What was sealed opens with the same seal and line only."""
    seal = Seal()
    sealed = seal.close("canary", 2)
    assert b"canary" not in sealed
    assert seal.open(sealed, 2) == "canary"
    for other, line in ((Seal(), 2), (seal, 3)):
        with pytest.raises(InvalidTag):
            other.open(sealed, line)


def test_hash_settings_are_those_of_the_installation() -> None:
    """Imported passwords are hashed with the cost that the settings name."""
    hashed = HashSettings(16, 3, 2).passwords().hash("x")
    assert "m=16,t=3,p=2" in hashed
