"""`carddav-msg migrate` and `rebuild`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command


def execute(settings: Settings, statement: str) -> None:
    """Runs a statement on the SQLite file of a test."""
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


def test_migrate_makes_a_database_once(unprepared: Command, tmp_path: Path) -> None:
    """A new database gets the schema; a second time there is nothing to do."""
    assert "Made the schema" in unprepared.ok("migrate")
    assert (tmp_path / "new" / "directory.db").stat().st_size > 0
    assert "already" in unprepared.ok("migrate")


def test_migrate_refuses_a_newer_schema(command: Command, settings: Settings) -> None:
    """A database of a later release is not touched."""
    execute(settings, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this release" in command.fails("migrate")


def test_migrate_refuses_other_databases(unprepared: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that the product does not run on is named."""
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "mysql://me:canary@db/name")
    said = unprepared.fails("migrate")
    assert "mysql is not supported" in said
    assert "canary" not in said


def test_rebuild(acme: Command, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of settings each card is rendered again; a second time nothing changes."""
    acme.ok("rebuild")
    assert services.administration.outdated() is False
    monkeypatch.setenv(f"{PREFIX}NETWORK_ID_PROPERTY", "X-TENANT")
    assert acme.ok("rebuild") == "1 card changed.\n"
    assert acme.ok("rebuild") == "0 cards changed.\n"


def test_rebuild_of_what_is_due(acme: Command, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """New settings come into force with `migrate`, and `rebuild --due` follows; old ones come back on demand only."""
    monkeypatch.setenv(f"{PREFIX}NETWORK_ID_PROPERTY", "X-TENANT")
    assert acme.ok("rebuild", "--due") == "0 cards changed.\n"
    acme.ok("migrate")
    assert acme.ok("rebuild", "--due") == "1 card changed.\n"
    monkeypatch.delenv(f"{PREFIX}NETWORK_ID_PROPERTY")
    acme.ok("migrate")
    assert acme.ok("rebuild", "--due") == "0 cards changed.\n"
    assert "newer settings" in acme.fails("user", "disable", "acme", "anna")
    assert acme.ok("rebuild") == "1 card changed.\n"
    assert services.administration.outdated() is False
    acme.ok("user", "disable", "acme", "anna")


def test_rebuild_without_a_schema(unprepared: Command) -> None:
    """The command says what to do first."""
    unprepared.ok("keys", "init")
    assert "carddav-msg migrate" in unprepared.fails("rebuild")


def test_migrate_of_a_file_that_is_no_database(unprepared: Command, tmp_path: Path) -> None:
    """A wrong path in the settings is answered with a sentence, and the file is left as it is."""
    file = tmp_path / "new" / "directory.db"
    file.parent.mkdir()
    file.write_text("This is not a database. " * 100)
    assert "is no SQLite database" in unprepared.fails("migrate")
    assert file.read_text() == "This is not a database. " * 100


def test_restored(acme: Command, services: Services) -> None:
    """Asks, and gives every book another epoch."""
    user = services.administration.users.find("acme", "anna")[1]
    before = services.directory.home(user.id)[0].epoch
    assert "Nothing was changed" in acme.fails("restored", stdin="n\n")
    assert services.directory.home(user.id)[0].epoch == before
    assert acme.ok("restored", "--yes") == "1 address book has a new epoch.\n"
    assert services.directory.home(user.id)[0].epoch > before
