"""The composition root: settings → keys → directory → services. The only place that chooses implementations."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from carddav_msg.credentials import keyring as keys
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords, VerifiedMemory
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Retention
from carddav_msg.directory.sql import engine
from carddav_msg.directory.sql.migrate import migrate as migrate_database
from carddav_msg.directory.sql.reader import SqlDirectory
from carddav_msg.domain.audit import SERVER, Actor, AuditEntry
from carddav_msg.domain.proxies import Proxies, Sources
from carddav_msg.errors import ConfigurationError, InvalidValue
from carddav_msg.formats.vcard.identity import IdentityNames
from carddav_msg.publishing.deletion_guard import DeletionGuard
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.administration import Administration
from carddav_msg.services.administration.codes import CodeRules
from carddav_msg.services.authentication import Authentication, Codes, Limits, Strangers, Throttle
from carddav_msg.services.contacts import Contacts
from carddav_msg.services.explaining import Explaining
from carddav_msg.services.external_authentication import ExternalAuthentication
from carddav_msg.services.importing import HashSettings, Importing
from carddav_msg.services.observations import Observations
from carddav_msg.services.probing import Probing
from carddav_msg.services.provisioning import AccountRules, Provisioning
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
    observations: Observations
    explaining: Explaining
    probing: Probing

    def close(self) -> None:
        """Writes what waits to be written and closes the database connections of this process."""
        self.observations.close()
        self.directory.close()


def build(settings: Settings, actor: Actor = SERVER) -> Services:
    """The services of an installation; ConfigurationError when the keys can't be read.

    `actor` is who the audit says made the changes of this process; requests name their own. The schema is not looked at
    here, so that a server can start while its database is away: see `check`.
    """
    keyring = load_keyring(settings)
    directory = open_directory(settings).acting(actor)
    passwords = Passwords(
        memory=settings.argon2_memory, time_cost=settings.argon2_time, parallelism=settings.argon2_parallelism
    )
    renderer = make_renderer(settings)
    observations = Observations(directory, days=settings.observation_days)
    return Services(
        settings=settings,
        directory=directory,
        keyring=keyring,
        passwords=passwords,
        renderer=renderer,
        authentication=_authentication(settings, directory, passwords, keyring),
        addressbooks=AddressBooks(
            directory,
            renderer,
            DeletionGuard(settings.deletion_guard_cards, settings.deletion_guard_percent),
            page_size=settings.page_size,
            max_card_size=settings.max_card_size,
        ),
        contacts=Contacts(
            directory,
            own_entry=settings.contacts_own_entry,
            books=settings.contacts_books,
            page_size=settings.page_size,
        ),
        provisioning=_provisioning(settings, directory, keyring),
        administration=Administration(
            directory,
            renderer,
            passwords,
            keyring,
            CodeRules(settings.code_days, settings.code_minutes, settings.device_credentials),
        ),
        external_authentication=ExternalAuthentication(directory),
        importing=Importing(
            directory.acting(replace(actor, face="import")),
            renderer,
            keyring,
            HashSettings(settings.argon2_memory, settings.argon2_time, settings.argon2_parallelism),
        ),
        observations=observations,
        explaining=Explaining(directory, renderer.names, observations.of),
        probing=Probing(directory, keyring),
    )


def _authentication(settings: Settings, directory: Directory, passwords: Passwords, keyring: Keyring) -> Authentication:
    """Who comes in, by which secret, and after how many wrong ones."""
    return Authentication(
        directory,
        passwords,
        keyring,
        VerifiedMemory(keyring.current("memory").secret, seconds=settings.verified_for),
        make_throttle(settings, directory, keyring),
        Codes(
            directory,
            works=settings.device_credentials,
            minutes=settings.code_minutes,
            sso=sources(settings, "auth_allowed_sources"),
        ),
        Strangers(
            # All processes together have as many at work as there are cores.
            max(1, (os.cpu_count() or 1) // settings.workers),
            # One of eight threads, and at least one, is for known devices.
            max(1, settings.threads - max(1, settings.threads // 8)),
        ),
        any_login=settings.auth_any_login,
    )


def _provisioning(settings: Settings, directory: Directory, keyring: Keyring) -> Provisioning:
    """What accounts say of this server, and how often phones ask for them."""
    rules = AccountRules(
        settings.public_url.rstrip("/"),
        settings.refresh_interval,
        settings.refresh_method == "post",
        settings.cleared_days,
    )
    return Provisioning(directory, keyring, rules, device_credentials=settings.device_credentials)


def open_directory(settings: Settings) -> Directory:
    """The directory alone, for commands that need no keys."""
    retention = Retention(
        settings.tombstone_days, settings.history_days, settings.audit_days, settings.observation_days
    )
    return SqlDirectory(settings.database_url, retention, make_renderer(settings).rendering, settings.threads)


def make_renderer(settings: Settings) -> Renderer:
    """How cards are rendered under these settings; ConfigurationError when a property has a name it can't have."""
    try:
        names = IdentityNames(
            settings.cloud_username_property,
            settings.network_id_property,
            settings.cloud_username_aliases,
            settings.network_id_aliases,
        )
    except InvalidValue as error:
        raise ConfigurationError([f"cloud_username_property, network_id_property, aliases: {error.message}"]) from None
    return Renderer(names, settings.public_url.rstrip("/"), settings.contacts_checksum)


def make_throttle(settings: Settings, directory: Directory, keyring: Keyring) -> Throttle:
    """What bounds failed sign-ins. Without Redis, or while it is away, each process counts for itself: its share."""
    limits = Limits(
        user=settings.throttle_user,
        address=settings.throttle_address,
        pair=settings.throttle_pair,
        window=settings.throttle_window,
    )
    return Throttle(
        directory,
        limits,
        keyring.current("memory").secret,
        unbounded=sources(settings, "shared_sources"),
        vouched=sources(settings, "auth_allowed_sources"),
        known_days=settings.known_days,
        size=settings.throttle_size,
        share=settings.workers,
        redis_url=settings.redis_url,
    )


def make_proxies(settings: Settings) -> Proxies:
    """Whom to believe about where a request comes from."""
    return Proxies(
        sources(settings, "trusted_proxies"),
        settings.proxy_header,
        secret_header=settings.proxy_secret_header,
        secret=settings.proxy_secret,
    )


def sources(settings: Settings, name: str) -> Sources:
    """The addresses of a setting; ConfigurationError when they are none."""
    try:
        return Sources(getattr(settings, name), name, unix=name == "trusted_proxies")
    except InvalidValue as error:
        raise ConfigurationError([f"{error}"]) from None


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
    new = [key for key in services.keyring.keys if key.key_id not in known and not key.retired]
    if new:
        with services.directory.write() as transaction:
            for key in new:
                transaction.save_key_check(key.key_id, key.purpose, key.check_value)
            transaction.record([AuditEntry(0, "key added", f"key {key.purpose} {key.key_id}") for key in new])
    return []


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Brings the database to this release's schema; returns (version before or None, version now)."""
    directory = open_directory(settings)
    try:
        before, after = migrate_database(settings.database_url)
        directory.transact(lambda transaction: transaction.announce())
    finally:
        directory.close()
    return before, after


def is_new_database(settings: Settings) -> bool:
    """True for a SQLite database that has no file yet, which `serve` may make by itself."""
    return engine.is_new(settings.database_url)
