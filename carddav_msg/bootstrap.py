"""The composition root: settings → keys → directory → services. The only place that chooses implementations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carddav_msg.credentials import keyring as keys
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Retention
from carddav_msg.directory.sql import engine
from carddav_msg.directory.sql.migrate import migrate as migrate_database
from carddav_msg.directory.sql.reader import SqlDirectory
from carddav_msg.formats.vcard.identity import IdentityNames
from carddav_msg.publishing.deletion_guard import DeletionGuard
from carddav_msg.publishing.networks import FINGERPRINT
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.administration import Administration
from carddav_msg.services.authentication import Authentication
from carddav_msg.services.contacts import Contacts
from carddav_msg.services.external_authentication import ExternalAuthentication
from carddav_msg.services.importing import HashSettings, Importing
from carddav_msg.services.provisioning import Provisioning
from carddav_msg.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What the adapters may call, built once per process. Nothing is connected until the first question."""

    settings: Settings
    directory: Directory
    keyring: Keyring
    passwords: Passwords
    renderer: Renderer
    authentication: Authentication
    addressbooks: AddressBooks
    contacts: Contacts
    provisioning: Provisioning
    administration: Administration
    external_authentication: ExternalAuthentication
    importing: Importing

    def close(self) -> None:
        """Closes the database connections of this process."""
        self.directory.close()


def build(settings: Settings) -> Services:
    """The services of an installation; ConfigurationError when the keys can't be read.

    The schema is not looked at here, so that a server can start while its database is away: see `check`.
    """
    keyring = load_keyring(settings)
    directory = open_directory(settings)
    passwords = Passwords(
        memory=settings.argon2_memory, time_cost=settings.argon2_time, parallelism=settings.argon2_parallelism
    )
    memory = VerifiedMemory(keyring.current("memory").secret, seconds=settings.verified_for)
    renderer = make_renderer(settings)
    return Services(
        settings=settings,
        directory=directory,
        keyring=keyring,
        passwords=passwords,
        renderer=renderer,
        authentication=Authentication(directory, passwords, keyring, memory, any_login=settings.auth_any_login),
        addressbooks=AddressBooks(
            directory,
            renderer,
            DeletionGuard(settings.deletion_guard_cards, settings.deletion_guard_percent),
            page_size=settings.page_size,
            max_card_size=settings.max_card_size,
        ),
        contacts=Contacts(
            directory,
            renderer.fingerprint,
            own_entry=settings.contacts_own_entry,
            shared_books=settings.contacts_shared_books,
            page_size=settings.page_size,
        ),
        provisioning=Provisioning(directory, keyring, device_credentials=settings.device_credentials),
        administration=Administration(directory, renderer, passwords, keyring),
        external_authentication=ExternalAuthentication(directory),
        importing=Importing(
            directory,
            renderer,
            keyring,
            HashSettings(settings.argon2_memory, settings.argon2_time, settings.argon2_parallelism),
        ),
    )


def open_directory(settings: Settings) -> Directory:
    """The directory alone, for commands that need no keys."""
    retention = Retention(settings.tombstone_days, settings.history_days, settings.audit_days)
    return SqlDirectory(settings.database_url, retention)


def make_renderer(settings: Settings) -> Renderer:
    """How cards are rendered under these settings."""
    names = IdentityNames(
        settings.cloud_username_property,
        settings.network_id_property,
        settings.cloud_username_aliases,
        settings.network_id_aliases,
    )
    return Renderer(names, settings.public_url.rstrip("/"), settings.contacts_checksum)


def load_keyring(settings: Settings) -> Keyring:
    """The keys of the settings; ConfigurationError says how to make them."""
    return keys.load(Path(settings.keys_file), settings.keys)


def check(services: Services) -> list[str]:
    """What keeps this installation from serving: a sentence for each problem, empty when there is none.

    The keys of a database that knows none yet are made known to it here.
    """
    if problem := services.directory.ready():
        return [problem]
    known = services.directory.key_checks()
    if problems := keys.compare(services.keyring, known):
        return problems
    new = [key for key in services.keyring.keys if key.key_id not in known]
    if new:
        with services.directory.write() as transaction:
            for key in new:
                transaction.save_key_check(key.key_id, key.purpose, key.check_value)
    return []


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Brings the database to this release's schema; returns (version before or None, version now)."""
    before, after = migrate_database(settings.database_url)
    if before is None:  # a new database: what will be rendered into it is rendered as these settings say
        directory = open_directory(settings)
        with directory.write() as transaction:
            transaction.save_meta(FINGERPRINT, make_renderer(settings).fingerprint)
        directory.close()
    return before, after


def is_new_database(settings: Settings) -> bool:
    """True for a SQLite database that has no file yet, which `serve` may make by itself."""
    return engine.is_new(settings.database_url)
