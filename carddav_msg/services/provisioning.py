"""External Provisioning: the account of a user, as an app merges it over the portal's defaults (reference §4)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from carddav_msg.credentials import device as devices
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import UserWithSecrets
from carddav_msg.domain.access import Principal
from carddav_msg.domain.identifiers import login_of, normalise_cloud_id
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import SmsNumber
from carddav_msg.errors import CarddavMsgError, Rejected, Unavailable

log = logging.getLogger(__name__)

OWN_NODES: Final = frozenset(
    {"username", "password", "cloud_username", "cloud_password", "cloud_login", "networkid", "smsnumbers"}
)
"""Nodes (in lower case) that say who the user is: a network's own nodes never replace them (DESIGN, the promise)."""
_NEVER_EMPTY: Final = frozenset({"title", "host"})
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Account:
    """The nodes of an Account XML in their order, and the numbers of the SMS gateway. Holds secrets: never shown."""

    nodes: tuple[tuple[str, str], ...] = field(repr=False)
    sms_numbers: tuple[SmsNumber, ...] = ()


class Provisioning:
    """Makes accounts. The same call gives the same account, since the SSO server repeats what the phone asked."""

    def __init__(
        self,
        directory: Directory,
        keyring: Keyring,
        *,
        device_credentials: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._keyring = keyring
        self._device_credentials = device_credentials
        self._seen = _SeenToday(clock)

    def account(
        self,
        principal: Principal,
        network_id: str,
        session_epoch: int,
        secret: str,
        *,
        device: str = "",
        cloud_id: str = "",
    ) -> Account:
        """The account of a user who was let in with `secret` in this session epoch; `device` may name the phone.

        Rejected when the user was disabled or removed since then; Unavailable when the directory changed under us.
        """
        network = self._directory.network(network_id)
        found = self._directory.with_secrets(principal.id)
        if found is None:
            raise Rejected("unknown")
        if not found.user.enabled:
            raise Rejected("disabled")
        if network is None or network.id != found.user.network or found.user.session_epoch != session_epoch:
            raise Unavailable("The account changed while it was read.", retry_after=1)
        cloud_password = secret
        if self._device_credentials:
            name = _device_of(principal, secret, device, cloud_id)
            cloud_password = devices.issue(self._keyring, principal.id, session_epoch, name)
            self._note_device(principal.id, name)
        own = self._own_nodes(found, network, cloud_password)
        return Account(tuple(_with_network_nodes(own, network.account).items()), found.user.sms_numbers)

    def _own_nodes(self, found: UserWithSecrets, network: Network, cloud_password: str) -> dict[str, str]:
        user = found.user
        shown_name = user.profile.display_name or user.cloud_username
        sealed = found.credentials.sip_password
        sip_password = self._keyring.decrypt(sealed, user.uid) if sealed is not None else ""
        nodes = {
            "title": shown_name,  # an account with an empty title is not saved by the app
            "username": user.sip_username,
            "password": sip_password,
            "cloud_username": user.cloud_username,
            "cloud_password": cloud_password,
            "cloud_login": login_of(network.network_id, user.cloud_username),
            "networkId": "" if network.omit_network_id else network.effective_id,
            "userDisplayName": shown_name,
            "host": network.sip_host,
        }
        return {name: text for name, text in nodes.items() if text}

    def _note_device(self, user: int, device: str) -> None:
        """Keeps the day a device was last seen; an answer does not fail because that can't be written now."""
        if not self._seen.first(user, device):
            return
        try:
            self._directory.transact(lambda transaction: transaction.seen_device(user, device))
        except CarddavMsgError as error:
            self._seen.forget(user, device)
            log.warning("A device of user %d was not noted as seen: %s", user, error)


def _device_of(principal: Principal, secret: str, device: str, cloud_id: str) -> str:
    """The id of the phone: who comes with a device credential gets that device's again and can't get another's,
    or a revoked one could be outlived by asking for a second name."""
    credential = devices.parse(secret) if principal.plain else None
    if credential:
        return credential.device
    return device or devices.default_device(normalise_cloud_id(cloud_id))


def _with_network_nodes(own: dict[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The nodes with those of the network, which replace ours of the same name or follow behind."""
    kept = {
        name: text
        for name, text in extra.items()
        if name.lower() not in OWN_NODES and (text or name not in _NEVER_EMPTY)
    }
    return own | kept


class _SeenToday:
    """Which devices this process noted today (UTC), so that a refresh writes once a day; bounded, threads share it."""

    def __init__(self, clock: Callable[[], float], size: int = 200_000) -> None:
        self._clock = clock
        self._size = size
        self._day = 0
        self._noted: set[tuple[int, str]] = set()
        self._lock = threading.Lock()

    def first(self, user: int, device: str) -> bool:
        """True the first time today."""
        day = int(self._clock() // _DAY)
        with self._lock:
            if day != self._day or len(self._noted) >= self._size:
                self._day = day
                self._noted.clear()
            if (user, device) in self._noted:
                return False
            self._noted.add((user, device))
            return True

    def forget(self, user: int, device: str) -> None:
        """It was not noted after all."""
        with self._lock:
            self._noted.discard((user, device))
