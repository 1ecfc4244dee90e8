"""Fills a directory for a test, through publishing in one transaction: no import, no command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import make_url

from carddav_msg.bootstrap import Services
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Profile, User
from carddav_msg.publishing import networks, users

SIP_PASSWORD = "sip-secret"


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to add: empty secrets are not stored."""

    user: User
    password: str = ""
    sip_password: str = ""


def network(network_id: str = "acme", **fields: Any) -> Network:
    """A network that is not stored yet."""
    fields.setdefault("name", f"Network {network_id}")
    return Network(id=0, network_id=network_id, effective_id="", **fields)


def new_user(cloud_username: str, *, password: str = "", sip_password: str = "", **fields: Any) -> NewUser:
    """A user that is not stored yet; `display_name` and other parts of the profile may be given directly."""
    own = {name: fields.pop(name) for name in list(fields) if name in User.__dataclass_fields__}
    fields.setdefault("display_name", f"User {cloud_username}")
    own.setdefault("profile", Profile(**fields) if "profile" not in own else own["profile"])
    return NewUser(User(id=0, network=0, uid="", cloud_username=cloud_username, **own), password, sip_password)


def add_network(services: Services, network_id: str = "acme", **fields: Any) -> Network:
    """A stored network: `add_network(services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.example.com")`."""
    return services.directory.transact(lambda tx: networks.add_network(tx, network(network_id, **fields)))


def add_users(services: Services, into: Network, new: Sequence[NewUser]) -> list[User]:
    """Stored and published users with their secrets, in the order given."""

    def work(tx: Any) -> list[User]:
        locked = tx.lock_network(into.id, exclusive=True)
        stored = users.add_users(tx, services.renderer, locked, [one.user for one in new])
        pairs = list(zip(stored, new, strict=True))
        hashes = [(user.id, services.passwords.hash(one.password)) for user, one in pairs if one.password]
        tx.save_password_hashes(hashes, new_secret=True)
        tx.save_sip_passwords(
            [(user.id, services.keyring.encrypt(one.sip_password, user.uid)) for user, one in pairs if one.sip_password]
        )
        return stored

    return services.directory.transact(work)


def add_user(services: Services, into: Network, cloud_username: str, **fields: Any) -> User:
    """One stored user: `add_user(services, acme, "anna", password="…", display_name="Anna", listed=False)`."""
    return add_users(services, into, [new_user(cloud_username, **fields)])[0]


def forget_deletions(services: Services, before: int | None = None) -> int:
    """Prunes every book there is of deletions before a time (of all, without one), as deletions do in the long run."""

    def work(tx: Any) -> int:
        rows = [network.id for network in services.directory.networks()]
        books = {book for row in rows for book, *_ in tx.client_books(row)}
        books |= {view.book for row in rows for view in tx.directory_books(row)}
        return sum(tx.prune(book, tx.now + 1 if before is None else before) for book in sorted(books))

    return services.directory.transact(work)


def somebody_writes(services: Services) -> None:
    """A change of the SQLite database that changes nothing: whoever kept something of it has to read it again."""
    path = make_url(services.settings.database_url).database or ""
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {number + 1}")
