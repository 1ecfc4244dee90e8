"""The directory on SQLite and PostgreSQL, by SQLAlchemy Core. Imported by `carddav_msg.bootstrap` only."""
