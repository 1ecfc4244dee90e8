"""`carddav-msg keys`."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from carddav_msg.errors import Rejected, SignedOut, Unavailable
from carddav_msg.services.authentication import Face, Moment
from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command


def test_init_makes_a_file_for_its_owner_only(unprepared: Command, tmp_path: Path) -> None:
    """The keys file is made once, readable by nobody else, and nothing of it is shown."""
    said = unprepared.ok("keys", "init")
    path = tmp_path / "new" / "keys.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in said
    before = path.read_bytes()
    assert "never overwritten" in unprepared.fails("keys", "init")
    assert path.read_bytes() == before


def test_init_where_keys_come_from_the_environment(unprepared: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that nobody would read is not made."""
    monkeypatch.setenv(f"{PREFIX}KEYS", keyring.dump(keyring.generate()))
    assert "CARDDAV_MSG_KEYS" in unprepared.fails("keys", "init")


def test_init_beside_a_database_of_other_keys(acme: Command, settings: Settings) -> None:
    """New keys for a database that was written with others would only hide that those are lost."""
    Path(settings.keys_file).unlink()
    assert "written with other keys" in acme.fails("keys", "init")
    assert not Path(settings.keys_file).exists()


def test_init_in_a_folder_that_can_not_be_made(unprepared: Command, tmp_path: Path) -> None:
    """A problem of the file system is a sentence with the place."""
    (tmp_path / "new").write_text("in the way")
    assert str(tmp_path / "new") in unprepared.fails("keys", "init")


def test_check(acme: Command) -> None:
    """The keys of the file are listed, never their secrets."""
    checked = acme.json("keys", "check")
    assert checked["problems"] == []
    assert {(key["purpose"], key["known_to_database"]) for key in checked["keys"]} == {
        ("sip", True),
        ("device", True),
        ("memory", True),
    }
    assert len(acme.ok("keys", "check").splitlines()) == 4


def test_check_names_each_missing_key(acme: Command, settings: Settings) -> None:
    """Keys that the database was written with and the file lacks are named; every command refuses then."""
    path = Path(settings.keys_file)
    lost = keyring.load(path)
    path.unlink()
    keyring.write(path, keyring.generate())
    result = acme("keys", "check", "--json")
    assert result.exit_code == 1
    for key in lost.keys:
        assert key.key_id in result.stderr
        assert key.key_id in result.stdout
    assert lost.keys[0].key_id in acme.fails("network", "list")


def test_check_without_keys(unprepared: Command) -> None:
    """Without a keys file, the command says how to make one."""
    assert "carddav-msg keys init" in unprepared.fails("keys", "check")


def keys_of(command: Command) -> dict[str, list[dict[str, Any]]]:
    """Purpose → keys, the oldest first, as `keys check` shows them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for key in command.json("keys", "check")["keys"]:
        found.setdefault(key["purpose"], []).append(key)
    return found


def phone(settings: Settings, secret: str, moment: Moment = Moment.INITIAL) -> dict[str, str]:
    """The account that a phone of acme~anna gets from a server that has just been started."""
    services = bootstrap.build(settings)
    try:
        visitor = services.authentication.enter("acme~anna", secret, Face.PROVISIONING, moment=moment)
        made = services.provisioning.account(visitor.principal, visitor.session_epoch, secret, device="phone")
        return dict(made.nodes)
    finally:
        services.close()


def test_rotated_keys_go_on_working_until_they_are_retired(acme: Command, settings: Settings) -> None:
    """New keys of each purpose; what the old ones made stays good, and what is made from then on is of the new ones."""
    acme.ok("user", "set", "acme", "anna", "--sip-username", "s1", "--sip-password-stdin", stdin="sip-a\n")
    before = phone(settings, "secret-a")
    path = Path(settings.keys_file)
    path.chmod(0o640)
    acme.ok("keys", "rotate")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in path.parent.glob("*keys.toml*")] == ["keys.toml"]
    keys = keys_of(acme)
    assert {purpose: [key["current"] for key in of] for purpose, of in keys.items()} == {
        "sip": [False, True],
        "device": [False, True],
        "memory": [False, True],
    }
    assert all(key["known_to_database"] for of in keys.values() for key in of)
    assert [key["sip_passwords"] for key in keys["sip"]] == [1, 0]
    assert [key["phones"] for key in keys["device"]] == [1, 0]
    after = phone(settings, before["cloud_password"], Moment.REFRESH)
    assert after["password"] == before["password"] == "sip-a"
    assert after["cloud_password"] != before["cloud_password"]
    assert phone(settings, before["cloud_password"], Moment.REFRESH) == after
    assert [key["phones"] for key in keys_of(acme)["device"]] == [0, 1]
    acme.ok("keys", "rotate", "--purpose", "sip")
    assert len(keys_of(acme)["sip"]) == 3
    assert len(keys_of(acme)["device"]) == 2


def test_a_sip_key_is_retired_when_no_password_needs_it(acme: Command, settings: Settings) -> None:
    """Refused while it is in use or needed; `--reseal` moves the passwords to the current key first."""
    acme.ok("user", "set", "acme", "anna", "--sip-password-stdin", stdin="sip-a\n")
    (old,) = keys_of(acme)["sip"]
    assert "keys rotate" in acme.fails("keys", "retire", old["key_id"])
    acme.ok("keys", "rotate")
    assert "--reseal" in acme.fails("keys", "retire", old["key_id"])
    assert len(keys_of(acme)["sip"]) == 2
    acme.ok("keys", "retire", old["key_id"], "--reseal")
    (new,) = keys_of(acme)["sip"]
    assert new["sip_passwords"] == 1
    assert old["key_id"] not in Path(settings.keys_file).read_text("utf-8")
    assert "no key" in acme.fails("keys", "retire", old["key_id"])
    assert old["key_id"] in acme.ok("audit", "list", "--subject", "key sip")


def test_retiring_a_device_key_ends_its_credentials(acme: Command, settings: Settings) -> None:
    """It says how many phones and asks; afterwards they are known to be signed out, not strange."""
    credential = phone(settings, "secret-a")["cloud_password"]
    (old,) = keys_of(acme)["device"]
    acme.ok("keys", "rotate", "--purpose", "device")
    refused = acme.fails("keys", "retire", old["key_id"])
    assert "1 phone" in acme("keys", "retire", old["key_id"], stdin="n\n").stderr
    assert "--yes" in refused
    assert phone(settings, credential)["cloud_password"]
    credential = phone(settings, "secret-a")["cloud_password"]
    acme.ok("keys", "rotate", "--purpose", "device")
    (_, second, _) = keys_of(acme)["device"]
    acme.ok("keys", "retire", second["key_id"], "--yes")
    with pytest.raises(SignedOut):
        phone(settings, credential, Moment.REFRESH)
    with pytest.raises(Rejected):
        phone(settings, credential)
    assert [(key["retired"], key["current"]) for key in keys_of(acme)["device"]] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert "already" in acme.ok("keys", "retire", second["key_id"], "--yes")
    built = bootstrap.build(settings)
    assert bootstrap.check(built) == []
    built.close()


def test_a_memory_key_is_retired_without_a_question(acme: Command) -> None:
    """All that hangs on it is in the memory of processes."""
    (old,) = keys_of(acme)["memory"]
    acme.ok("keys", "rotate", "--purpose", "memory")
    acme.ok("keys", "retire", old["key_id"])
    assert [key["key_id"] == old["key_id"] for key in keys_of(acme)["memory"]] == [False]


def test_rotation_needs_the_file(acme: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in a variable can't be changed by a command that reads it."""
    monkeypatch.setenv(f"{PREFIX}KEYS", Path(settings.keys_file).read_text("utf-8"))
    for arguments in (("rotate",), ("retire", "k1"), ("lost",)):
        assert "CARDDAV_MSG_KEYS" in acme.fails("keys", *arguments)


def test_lost_keys_are_given_up(acme: Command, settings: Settings) -> None:
    """What only they open is gone, counted and said before; the rest goes on, and passwords can be entered anew."""
    acme.ok("user", "set", "acme", "anna", "--sip-username", "s1", "--sip-password-stdin", stdin="sip-a\n")
    credential = phone(settings, "secret-a")["cloud_password"]
    assert "No key is lost" in acme.fails("keys", "lost")
    path = Path(settings.keys_file)
    path.unlink()
    said = acme("keys", "lost", stdin="n\n").stderr
    assert "1 SIP passwords" in said
    assert "1 phone" in said
    assert not path.exists()
    assert "1 SIP passwords are gone" in acme.ok("keys", "lost", "--yes")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(key["known_to_database"] for of in keys_of(acme).values() for key in of)
    with pytest.raises(Unavailable):  # nobody can tell whose it was
        phone(settings, credential, Moment.REFRESH)
    account = phone(settings, "secret-a")
    assert account["username"] == "s1"
    assert "password" not in account


def test_one_lost_key_of_several(acme: Command, settings: Settings) -> None:
    """A file that lacks the key of one purpose gets a new one of this alone."""
    path = Path(settings.keys_file)
    have = keyring.load(path)
    rest = [key for key in have.keys if key.purpose != "sip"]
    path.unlink()
    path.write_text(keyring.dump(keyring.Keyring((*rest, keyring.new_key("sip")))), "utf-8")
    assert "is missing" in acme.fails("keys", "check")
    acme.ok("keys", "lost", "--yes")
    kept = keys_of(acme)
    assert {kept[key.purpose][0]["key_id"] for key in rest} == {key.key_id for key in rest}


def test_resealing_names_the_user_whose_password_does_not_open(acme: Command, settings: Settings) -> None:
    """A damaged value stops the command with a name, and the key stays."""
    acme.ok("user", "set", "acme", "anna", "--sip-password-stdin", stdin="sip-a\n")
    (old,) = keys_of(acme)["sip"]
    acme.ok("keys", "rotate", "--purpose", "sip")
    services = bootstrap.build(settings)
    services.directory.transact(
        lambda tx: tx.save_sip_passwords([(1, old["key_id"].encode() + b"\0" + b"damaged, but long enough")])
    )
    services.close()
    assert "acme~anna" in acme.fails("keys", "retire", old["key_id"], "--reseal")
    assert len(keys_of(acme)["sip"]) == 2
