"""Keys, device credentials, passwords and the memory of what was verified."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from passlib import hash as schemes

from carddav_msg.credentials import device, keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory, check_hash
from carddav_msg.errors import ConfigurationError, InvalidValue

CHEAP = Passwords(memory=8, time_cost=1, parallelism=1)


def test_a_keys_file_comes_back_and_is_the_owners_only(tmp_path: Path) -> None:
    """What was written is what is loaded; nobody else may read it, and no second file replaces it."""
    path = tmp_path / "deep" / "keys.toml"
    made = keyring.generate()
    keyring.write(path, made)
    assert keyring.load(path).keys == made.keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        keyring.write(path, keyring.generate())


def test_a_missing_keys_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The first thing an operator meets is a sentence with the command."""
    with pytest.raises(ConfigurationError, match="keys init"):
        keyring.load(tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["[", "[sip.k1]\nsecret='x'", "[other.k1]\nsecret='x'", "", "sip = 1"])
def test_a_broken_keys_file_is_refused_without_its_content(text: str) -> None:
    """The error names place and key, never a secret."""
    with pytest.raises(ConfigurationError):
        keyring.parse(text, "keys.toml")


def test_the_secret_bytes_are_in_no_repr() -> None:
    """A key in a traceback or log shows its id only."""
    key = keyring.generate().keys[0]
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_a_sip_password_opens_for_its_user_only() -> None:
    """A value moved to another user's row does not open, nor one whose key is gone."""
    ring = keyring.generate()
    sealed = ring.encrypt("sip-secret", "uid-1")
    assert ring.decrypt(sealed, "uid-1") == "sip-secret"
    assert sealed != ring.encrypt("sip-secret", "uid-1")
    with pytest.raises(ConfigurationError, match="moved"):
        ring.decrypt(sealed, "uid-2")
    with pytest.raises(ConfigurationError, match="missing"):
        keyring.generate().decrypt(sealed, "uid-1")


def test_a_database_of_other_keys_names_the_missing_one() -> None:
    """A server with the wrong keys file must not start and hand out garbage."""
    mine, other = keyring.generate(), keyring.generate()
    known = {key.key_id: (key.purpose, key.check_value) for key in other.keys}
    problems = keyring.compare(mine, known)
    assert len(problems) == 3
    assert all(key.key_id in " ".join(problems) for key in other.keys)
    assert keyring.compare(other, known) == []


def test_a_device_credential_is_the_same_at_every_replay_and_opens_nothing_else() -> None:
    """It belongs to one user, one session epoch and one device."""
    ring = keyring.generate()
    credential = device.issue(ring, 5, 1, "install-1")
    assert credential == device.issue(ring, 5, 1, "install-1")
    parsed = device.parse(credential)
    assert parsed is not None
    assert parsed.device == "install-1"
    assert device.verify(ring, parsed, 5, 1)
    assert not device.verify(ring, parsed, 6, 1)
    assert not device.verify(ring, parsed, 5, 2)
    assert not device.verify(keyring.generate(), parsed, 5, 1)
    forged = device.parse(credential[:-1] + ("A" if credential[-1] != "A" else "B"))
    assert forged is not None
    assert not device.verify(ring, forged, 5, 1)


@pytest.mark.parametrize("text", ["", "d1", "d1.a.b", "d1.k.!!!.x", "d2.k.aQ.x", "secret", "d1.k.____.x"])
def test_what_is_no_device_credential_is_a_password(text: str) -> None:
    """Parsing never raises: the text may be anything a person typed."""
    assert device.parse(text) is None


@pytest.mark.parametrize(
    "hashed",
    [
        schemes.bcrypt.using(rounds=4, ident="2b").hash("pässword"),
        schemes.bcrypt.using(rounds=4, ident="2a").hash("pässword"),
        schemes.bcrypt.using(rounds=4, ident="2y").hash("pässword"),
        schemes.sha512_crypt.using(rounds=1000).hash("pässword"),
        schemes.pbkdf2_sha256.using(rounds=10).hash("pässword"),
        schemes.pbkdf2_sha512.using(rounds=10).hash("pässword"),
        schemes.argon2.using(memory_cost=16, rounds=1, parallelism=1).hash("pässword"),
    ],
    ids=["bcrypt 2b", "bcrypt 2a", "bcrypt 2y", "sha512-crypt", "pbkdf2 sha256", "pbkdf2 sha512", "argon2"],
)
def test_imported_hashes_verify_and_are_upgraded(hashed: str) -> None:
    """Every kind that an import may bring opens the door once and is then replaced by today's kind."""
    assert check_hash(hashed) == hashed
    right, better = CHEAP.verify("pässword", hashed)
    assert right
    assert better
    assert better.startswith("$argon2id$")
    assert CHEAP.verify("other", hashed) == (False, None)
    assert CHEAP.verify("pässword", better) == (True, None)


@pytest.mark.parametrize(
    "hashed", [CHEAP.hash("x"), schemes.sha512_crypt.using(rounds=1000).hash("x"), ""], ids=["ours", "imported", "none"]
)
def test_every_answer_takes_a_hash_of_our_kind(hashed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick imported hash does not tell that there is a user; nor does the upgrade tell that a password is right."""
    ours = list[str]()
    argon2 = schemes.argon2.using(memory_cost=8, rounds=1, parallelism=1)
    for name in ("verify", "hash"):
        real = getattr(CHEAP._context, name)

        def counted(secret: str, *stored: str, real: Any = real) -> Any:
            if not stored or argon2.identify(stored[0]):
                ours.append(secret)
            return real(secret, *stored)

        monkeypatch.setattr(CHEAP._context, name, counted)
    for secret, upgrade in (("x", True), ("x", False), ("wrong", True), ("wrong" * 30, True)):
        ours.clear()
        CHEAP.verify(secret, hashed, upgrade=upgrade)
        assert ours == [secret]


@pytest.mark.parametrize("text", ["", "plain", "$1$salt$hash", "$2b$12$short", "$argon2id$v=19$m=1", "$6$"])
def test_other_hashes_are_refused(text: str) -> None:
    """A hash that never verifies would lock its user out silently."""
    with pytest.raises(InvalidValue, match="password_hash"):
        check_hash(text)


def test_a_password_that_bcrypt_cannot_take_is_a_failed_login() -> None:
    """More than 72 bytes raise in bcrypt; for us it is a wrong password."""
    hashed = schemes.bcrypt.using(rounds=4).hash("x")
    assert CHEAP.verify("y" * 100, hashed) == (False, None)
    assert CHEAP.verify("y" * 5000, CHEAP.hash("x")) == (False, None)
    assert CHEAP.verify("x", "") == (False, None)


def test_the_memory_is_bounded_in_time_and_size_and_bound_to_the_state_of_the_user() -> None:
    """It forgets by time, by size, and with every change of epoch or secret."""
    now = [0.0]
    memory = VerifiedMemory(b"k" * 32, seconds=10, size=2, clock=lambda: now[0])
    memory.remember((1, 1, 1), "secret")
    assert memory.knows((1, 1, 1), "secret")
    assert not memory.knows((1, 1, 1), "other")
    assert not memory.knows((1, 2, 1), "secret")
    assert not memory.knows((1, 1, 2), "secret")
    now[0] = 10.1
    assert not memory.knows((1, 1, 1), "secret")
    for user in (1, 2, 3):
        memory.remember((user, 1, 1), "secret")
    assert [memory.knows((user, 1, 1), "secret") for user in (1, 2, 3)] == [False, True, True]
