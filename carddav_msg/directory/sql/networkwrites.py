"""Writing networks, keys and facts of the installation."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, insert, select, update

from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.renderings import own_number
from carddav_msg.directory.sql.schema import (
    grants,
    keys,
    network_aliases,
    network_cloud_ids,
    network_domains,
    networks,
    photos,
    users,
)
from carddav_msg.directory.sql.signinwrites import SignInWrites
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.errors import AlreadyExists, NotFound, Superseded


class NetworkWrites(SignInWrites):
    """Networks with their domains, Cloud IDs and old names."""

    def lock_network(self, network: int, *, exclusive: bool) -> Network:
        lock = self.statements.lock_network_exclusive if exclusive else self.statements.lock_network_shared
        rows = self._rows(lock, row=network)
        if not rows:
            raise NotFound("There is no such network any more.")
        if rows[0].rendering > rows[0].own_rendering:
            raise Superseded
        return _network(rows[0])

    def add_network(self, network: Network) -> Network:
        self._check_names(network)
        own = own_number(self.statements.rendering)
        values = {**codec.network_values(network), "changed": self.now, "rendering": own, "rendered": own}
        row = self.connection.execute(insert(networks).values(values).returning(networks.c.id)).scalar_one()
        stored = replace(network, id=row)
        self._save_selectors(stored)
        return stored

    def save_network(self, network: Network) -> None:
        self._check_names(network)
        values = {**codec.network_values(network), "changed": self.now}
        self.connection.execute(update(networks).where(networks.c.id == network.id).values(values))
        self._save_selectors(network)

    def add_network_alias(self, network: int, network_id: str) -> None:
        self._upsert(network_aliases, [{"alias_key": fold(network_id), "network": network}])

    def remove_network(self, network: int) -> None:
        self._remember_removed(users.c.network == network)
        self.connection.execute(delete(grants).where(grants.c.scope == network))
        self.connection.execute(delete(networks).where(networks.c.id == network))

    def _check_names(self, network: Network) -> None:
        """What must be unique over all networks, with sentences that name the other one."""
        others = networks.c.id != network.id
        key, effective = fold(network.network_id), fold(network.effective_id)
        query = select(networks.c.network_id).where(others, networks.c.network_key == key)
        if name := self.connection.execute(query).scalar():
            raise AlreadyExists(f"There is a network {name!r} already.")
        query = select(networks.c.network_id).where(others, networks.c.effective_key == effective)
        if name := self.connection.execute(query).scalar():
            raise AlreadyExists(f"The Network ID {network.effective_id!r} on the wire is that of the network {name!r}.")
        query = (
            select(networks.c.network_id)
            .join(network_aliases, network_aliases.c.network == networks.c.id)
            .where(others, network_aliases.c.alias_key == key)
        )
        if name := self.connection.execute(query).scalar():
            raise AlreadyExists(
                f"{network.network_id!r} is an old name of the network {name!r}, still used by its logins."
            )
        query = (
            select(networks.c.network_id)
            .join(network_domains, network_domains.c.network == networks.c.id)
            .where(others, network_domains.c.domain.in_(network.domains))
        )
        if name := self.connection.execute(query).scalar():
            raise AlreadyExists(f"A domain of {network.network_id!r} belongs to the network {name!r}.")
        self._check_cloud_ids(network)

    def _check_cloud_ids(self, network: Network) -> None:
        query = (
            select(networks.c.network_id, networks.c.single_tenant)
            .join(network_cloud_ids, network_cloud_ids.c.network == networks.c.id)
            .where(networks.c.id != network.id, network_cloud_ids.c.cloud_id.in_(network.cloud_ids))
        )
        for name, single_tenant in self.connection.execute(query):
            if network.single_tenant or single_tenant:
                raise AlreadyExists(
                    f"A Cloud ID of {network.network_id!r} is that of the network {name!r}; "
                    "the Cloud ID of a single-tenant network is shared with nobody."
                )

    def _save_selectors(self, network: Network) -> None:
        for table, name, values in (
            (network_domains, "domain", network.domains),
            (network_cloud_ids, "cloud_id", network.cloud_ids),
        ):
            self.connection.execute(delete(table).where(table.c.network == network.id))
            if values:
                self.connection.execute(insert(table), [{name: value, "network": network.id} for value in values])

    def save_key_check(self, key_id: str, purpose: str, check_value: str) -> None:
        self._upsert(keys, [{"key_id": key_id, "purpose": purpose, "check_value": check_value}])

    def save_photo(self, media_type: str, body: bytes) -> str:
        key = hashlib.sha256(body).hexdigest()
        query = select(photos.c.digest).where(photos.c.content_key == key)
        if known := self.connection.execute(query).scalar():
            return str(known)
        digest = secrets.token_hex(20)
        values = {"digest": digest, "content_key": key, "media_type": media_type, "body": body}
        self.connection.execute(insert(photos).values(values))
        return digest

    def photos(self, digests: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        query = select(photos).where(photos.c.digest.in_(digests))
        return {row.digest: (row.media_type, bytes(row.body)) for row in self.connection.execute(query)}


@lru_cache(maxsize=256)
def _network(row: Any) -> Network:
    """The network of a row that was locked. Most changes lock one that was locked before."""
    domains, cloud_ids = (text.split(",") if text else () for text in (row.domains, row.cloud_ids))
    return codec.network_of(row, domains, cloud_ids)
