"""Credentials with which `doctor` plays a network's users for a short time; who did so is in the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from carddav_msg.credentials import device
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.domain.identifiers import login_of
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User

LASTS: Final = 3600
"""Seconds for which a probe credential is good: a run over 10,000 users takes minutes."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Probe:
    """A user with the canonical login and a probe's credential."""

    user: User
    login: str
    credential: str = field(repr=False)


class Probing:
    """Makes probes. They are device credentials of an invented device: plain users, no grants, an end of their own."""

    def __init__(self, directory: Directory, keyring: Keyring) -> None:
        self._directory = directory
        self._keyring = keyring

    def each(self, network: Network, seconds: int = LASTS) -> Iterator[Probe]:
        """A probe for every user of a network, by folded Cloud Username; each page is audited before it is given."""
        after = ""
        while page := self._directory.users(network.id, after, _PAGE):
            name = device.probe_device(seconds)
            self._record(network, name, len(page), seconds)
            for user in page:
                secret = device.issue(self._keyring, user.id, user.session_epoch, name)
                yield Probe(user, login_of(network.network_id, user.cloud_username), secret)
            after = page[-1].cloud_username

    def count(self, network: Network) -> int:
        """How many users a network has."""
        return sum(users for users, _ in self._directory.view_counts(network.id).values())

    def _record(self, network: Network, name: str, users: int, seconds: int) -> None:
        what = json.dumps({"device": name, "seconds": seconds, "users": users}, sort_keys=True)
        entry = AuditEntry(network.id, "probe credentials issued", f"network {network.network_id}", after=what)
        self._directory.transact(lambda transaction: transaction.record([entry]))
