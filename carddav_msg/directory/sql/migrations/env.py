"""Alembic's environment: the connection comes from `carddav_msg.directory.sql.migrate`, in its transaction."""

from __future__ import annotations

from alembic import context

from carddav_msg.directory.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
