"""`carddav-msg config` and `--config`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command


def test_show_masks_secrets(unprepared: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings are shown, without the password of the database and the keys."""
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "postgresql+psycopg://me:canary@db/name")
    monkeypatch.setenv(f"{PREFIX}KEYS", "canary")
    shown = unprepared.json("config", "show")
    assert set(shown) == {item.name for item in fields(Settings)}
    assert shown["database_url"] == "postgresql+psycopg://me:********@db/name"
    text = unprepared.ok("config", "show")
    assert "canary" not in text + str(shown)
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("argon2_time")] == ["changed"]


def test_a_file_gives_settings_and_the_environment_wins(unprepared: Command, tmp_path: Path) -> None:
    """`--config` names the file."""
    file = tmp_path / "settings.toml"
    file.write_text("argon2_time = 9\nport = 9\n")
    result = unprepared("--config", str(file), "config", "show", "--json")
    assert '"port": 9' in result.stdout
    assert '"argon2_time": 1' in result.stdout


def test_every_problem_is_named_at_once(unprepared: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with several mistakes and a variable with another give a sentence each."""
    file = tmp_path / "settings.toml"
    file.write_text('colour = "red"\nport = "many"\n')
    monkeypatch.setenv(f"{PREFIX}WORKERS", "few")
    said = unprepared.fails("--config", str(file), "config", "show")
    assert said.count("Error: ") == 3
    for name in ("colour", "port", "WORKERS"):
        assert name in said
    assert "can't be read" in unprepared.fails("--config", str(tmp_path / "missing.toml"), "config", "show")


def test_a_property_name_with_another_meaning_is_refused(unprepared: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the settings and the property."""
    monkeypatch.setenv(f"{PREFIX}NETWORK_ID_ALIASES", "X-GENDER")
    said = unprepared.fails("migrate")
    assert "network_id_property" in said
    assert "'X-GENDER' says something else in a vCard" in said
