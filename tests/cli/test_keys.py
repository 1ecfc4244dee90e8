"""`carddav-msg keys`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from carddav_msg.credentials import keyring
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
