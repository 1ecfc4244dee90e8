"""The schema's version: Alembic's migrations, run by `migrate`, checked by every process that opens a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from carddav_msg.directory.sql.engine import open_engines, translated
from carddav_msg.errors import ConfigurationError

HEAD: Final = "0001"
"""The newest revision of migrations/versions; a test compares. Alembic itself is not imported to serve."""
SERVED: Final = frozenset({HEAD})
"""Revisions that this code runs on: its own, and the next one once it is released (expand, then contract)."""


def schema_problem(connection: Connection) -> str:
    """Why this code can't run on the database's schema, with what to do; empty when it can."""
    if not inspect(connection).has_table("alembic_version"):
        return "The database has no schema yet. Run: carddav-msg migrate"
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version in SERVED:
        return ""
    if version is None or version < HEAD:
        return f"The database has schema {version or 'none'}, this release needs {HEAD}. Run: carddav-msg migrate"
    return (
        f"The database has schema {version}, which is newer than this release ({HEAD}). "
        "Install the release that made it, or a later one."
    )


def migrate(url: str) -> tuple[str | None, str]:
    """Brings the schema to HEAD and returns (before, after); ConfigurationError when it is newer than this code."""
    from alembic import command  # heavy: only `migrate` pays for it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    reads, writes = open_engines(url)
    try:
        with translated(), writes.begin() as connection:
            before = _version(connection)
            if before is not None and before > HEAD:
                raise ConfigurationError([schema_problem(connection)])
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before, str(_version(connection))
    finally:
        reads.dispose()
        writes.dispose()


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    value: Any = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if value is None else str(value)
