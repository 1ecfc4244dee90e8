"""The schema's version: what is migrated, what is refused, and that migrations and tables agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from carddav_msg import bootstrap
from carddav_msg.directory.sql import migrate
from carddav_msg.directory.sql.engine import CHECKPOINT_PAGES, open_engines
from carddav_msg.directory.sql.schema import metadata
from carddav_msg.errors import ConfigurationError
from carddav_msg.settings import Settings

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def set_version(settings: Settings, version: str) -> None:
    reads, writes = open_engines(settings.database_url)
    with writes.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    reads.dispose()
    writes.dispose()


def test_what_sqlite_is_told(settings: Settings) -> None:
    """A change that was answered survives a power cut (synchronous = FULL, 2), readers don't wait for writers (WAL)."""
    asked = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "wal_autocheckpoint": CHECKPOINT_PAGES}
    for engine in open_engines(settings.database_url):
        with engine.connect() as connection:
            told = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked}
        engine.dispose()
        assert told == asked


def test_the_migrations_make_exactly_the_tables(any_settings: Settings) -> None:
    """A table changed without a migration would work in tests and fail at the customer's."""
    reads, writes = open_engines(any_settings.database_url)
    with reads.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    reads.dispose()
    writes.dispose()


def test_head_is_the_newest_migration() -> None:
    """The constant that serves without Alembic says what Alembic says."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_migrating_again_changes_nothing(any_settings: Settings) -> None:
    """`migrate` may run at every deployment."""
    assert bootstrap.migrate(any_settings) == (migrate.HEAD, migrate.HEAD)


def test_a_newer_schema_is_refused_with_a_sentence(any_services: Services) -> None:
    """An old release must not write into tables it does not know."""
    set_version(any_services.settings, "9999")
    assert "newer than this release" in any_services.directory.ready()
    assert bootstrap.check(any_services) == [any_services.directory.ready()]
    with pytest.raises(ConfigurationError, match="newer"):
        bootstrap.migrate(any_services.settings)


def test_a_database_without_schema_says_what_to_run(tmp_path: Path, settings: Settings) -> None:
    """The sentence names the command."""
    from dataclasses import replace

    empty = replace(settings, database_url=f"sqlite:///{tmp_path}/empty.db")
    assert bootstrap.is_new_database(empty)
    services = bootstrap.build(empty)
    assert "carddav-msg migrate" in services.directory.ready()
    services.close()
    assert bootstrap.migrate(empty) == (None, migrate.HEAD)
    assert not bootstrap.is_new_database(empty)


def test_a_database_that_is_away_is_a_sentence_too(settings: Settings) -> None:
    """Readiness never raises."""
    from dataclasses import replace

    services = bootstrap.build(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"))
    assert "does not answer" in services.directory.ready()
    services.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    """The sentence says what is supported."""
    with pytest.raises(ConfigurationError, match="database_url"):
        open_engines(url)


def test_keys_are_made_known_once_and_compared_ever_after(any_services: Services) -> None:
    """A server whose keys don't match the database names the missing one."""
    from carddav_msg.credentials import keyring

    assert bootstrap.check(any_services) == []
    known = any_services.directory.key_checks()
    assert {key.key_id for key in any_services.keyring.keys} == set(known)
    assert all(key_id in " ".join(keyring.compare(keyring.generate(), known)) for key_id in known)
