"""Importing networks and users from CSV files: all of a file or nothing, and nothing at all when nothing changed."""

from __future__ import annotations

from typing import BinaryIO

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.importing.hashing import HashSettings
from carddav_msg.services.importing.networks import import_networks
from carddav_msg.services.importing.report import Listener, Options, Report, Silent
from carddav_msg.services.importing.users import import_users

__all__ = ["HashSettings", "Importing"]


class Importing:
    """Imports into one directory. Memory stays flat however long a file is; no password ever gets to the disk."""

    def __init__(self, directory: Directory, renderer: Renderer, keyring: Keyring, hash_settings: HashSettings) -> None:
        self._directory = directory
        self._renderer = renderer
        self._keyring = keyring
        self._hash_settings = hash_settings

    def import_users(self, source: BinaryIO, options: Options, listener: Listener | None = None) -> Report:
        """Imports users; `source` is read once and stays open.

        What is wrong with the file is in the report. Raises Unavailable when the database is away, or changed meanwhile
        in a way that needs another run: then nothing was written.
        """
        return import_users(
            self._directory, self._renderer, self._keyring, self._hash_settings, source, options, listener or Silent()
        )

    def import_networks(self, source: BinaryIO, options: Options, listener: Listener | None = None) -> Report:
        """Imports networks; of the options `dry_run` and `skip_rows` count."""
        return import_networks(self._directory, self._renderer, source, options, listener or Silent())
