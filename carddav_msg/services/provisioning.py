"""External Provisioning: the account of a user, as an app merges it over the portal's defaults (reference §4)."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from carddav_msg.credentials import device as devices
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.directory.signin import AccountRow
from carddav_msg.domain.access import Principal
from carddav_msg.domain.accountnodes import NETWORK_ID, NEVER_EMPTY, SMS_NUMBERS
from carddav_msg.domain.identifiers import login_of, normalise_cloud_id
from carddav_msg.domain.network import REFRESH_DENIED, Network
from carddav_msg.domain.user import SmsNumber, User
from carddav_msg.errors import CarddavMsgError, Rejected, SignedOut, Unavailable
from carddav_msg.formats.portal import portal

log = logging.getLogger(__name__)

OWN_NODES: Final = frozenset(
    {"username", "password", "cloud_username", "cloud_password", "cloud_login", "networkid", "smsnumbers"}
)
"""Nodes (in lower case) that say who the user is: a network's own nodes never replace them (DESIGN, the promise)."""
_NEVER_CLEARED: Final = OWN_NODES | NEVER_EMPTY
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND


@dataclass(frozen=True, slots=True)
class Account:
    """The nodes of an Account XML in their order, and the numbers of the SMS gateway. Holds secrets: never shown."""

    nodes: tuple[tuple[str, str], ...] = field(repr=False)
    sms_numbers: tuple[SmsNumber, ...] = ()
    empty_numbers: bool = False


LOGGED_OUT: Final = Account((("title", "Signed out"), ("username", "signed-out"), ("password", "signed-out")))
"""What signs an app out (unverified): an account that registers nowhere. `cloud_password` is left out, so that the app
keeps its own and recovers with the next refresh when the user or the phone is let in again."""


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What accounts say of this server: where and how often to ask again, and for how long to forget what is gone.

    `refresh_interval` is in seconds; with 0, or without a `public_url`, nothing is said of refreshing.
    """

    public_url: str = ""
    refresh_interval: int = 0
    refresh_by_post: bool = False
    cleared_days: int = 30


class Provisioning:
    """Makes accounts. The same call gives the same account, since the SSO server repeats what the phone asked."""

    def __init__(
        self,
        directory: Directory,
        keyring: Keyring,
        rules: AccountRules,
        *,
        device_credentials: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._keyring = keyring
        self._device_credentials = device_credentials
        self._rules = rules
        self._clock = clock

    def account(
        self,
        principal: Principal,
        session_epoch: int,
        secret: str,
        *,
        device: str = "",
        cloud_id: str = "",
        enrolled_only: bool = False,
    ) -> Account:
        """The account of a user who was let in with `secret` in this session epoch; `device` may name the phone.

        SignedOut when the user was disabled since then or the phone is revoked, Rejected with `enrolled_only` when it
        has no credential yet; Unavailable when the directory changed under us.
        """
        name = _device_of(principal, secret, device, cloud_id) if self._device_credentials else ""
        since = int(self._clock() * _SECOND) - self._rules.cleared_days * _DAY
        found = self._directory.account(principal.id, name, since)
        if found is None:
            raise Unavailable("The user was removed while the account was made.", retry_after=1)
        if not found.user.enabled:
            raise _signed_out("disabled", found)
        if found.user.session_epoch != session_epoch:
            raise Unavailable("The account changed while it was read.", retry_after=1)
        cloud_password = secret
        if self._device_credentials:
            if not devices.is_probe(name):
                self._admit_device(found, name, enrolled_only=enrolled_only)
            cloud_password = devices.issue(self._keyring, principal.id, session_epoch, name)
        network = found.network
        nodes = self._own_nodes(found, cloud_password) | self._server_nodes(found.user, network)
        nodes |= {
            name: text
            for name, text in network.account.items()
            if name.lower() not in OWN_NODES and (text or name.lower() not in NEVER_EMPTY)
        }
        for node in found.cleared:
            if node == NETWORK_ID or node.lower() not in _NEVER_CLEARED:
                nodes.setdefault(node, "")
        return Account(tuple(nodes.items()), found.user.sms_numbers, SMS_NUMBERS in found.cleared)

    def _own_nodes(self, found: AccountRow, cloud_password: str) -> dict[str, str]:
        user, network, sealed = found.user, found.network, found.sip_password
        shown_name = user.profile.display_name or user.cloud_username
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

    def _server_nodes(self, user: User, network: Network) -> dict[str, str]:
        """Where the app refreshes, and where its contacts are."""
        rules = self._rules
        nodes: list[tuple[str, str]] = []
        if rules.public_url and rules.refresh_interval:
            by_post = rules.refresh_by_post or network.credentials_in_query == "refuse"
            nodes += portal(rules.public_url, network.cloud_ids, get=not by_post).refresh.settings()
            nodes.append(("extProvInterval", str(_interval(rules.refresh_interval, user.uid))))
        if rules.public_url and network.contacts_nodes:
            nodes += portal(rules.public_url, network.cloud_ids).contacts.settings()
        return dict(nodes)

    def _admit_device(self, found: AccountRow, device: str, *, enrolled_only: bool) -> None:
        """Refuses a revoked device, and notes once a day, and with each new credential, that it was seen.

        An answer does not fail because that can't be written now.
        """
        user, known, epoch = found.user, found.device, found.user.session_epoch
        if known and known.revoked:
            raise _signed_out("revoked", found)
        if enrolled_only and (known is None or known.session_epoch != epoch):
            raise Rejected("code_used", user.id)
        key_id = self._keyring.current("device").key_id
        today = int(self._clock() * _SECOND) // _DAY
        if known and (known.session_epoch, known.key_id, known.last_seen // _DAY) == (epoch, key_id, today):
            return
        try:
            self._directory.transact(lambda transaction: transaction.seen_device(user.id, device, epoch, key_id))
        except CarddavMsgError as error:
            log.warning("A device of user %d was not noted as seen: %s", user.id, error)


def _signed_out(reason: str, found: AccountRow) -> SignedOut:
    return SignedOut(reason, found.user.id, logged_out=found.network.refresh_denied == REFRESH_DENIED[1])


def _device_of(principal: Principal, secret: str, device: str, cloud_id: str) -> str:
    """The id of the phone: who comes with a device credential gets that device's again and can't get another's,
    or a revoked one could be outlived by asking for a second name."""
    credential = devices.parse(secret) if principal.plain else None
    if credential:
        return credential.device
    if not device or devices.is_probe(device):  # only `doctor` gives the names of probes
        return devices.default_device(normalise_cloud_id(cloud_id))
    return device


def _interval(seconds: int, uid: str) -> int:
    """The interval of a user: always the same, and spread so that not all phones ask at once."""
    place = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) / 0xFFFFFFFF
    return round(seconds * (0.9 + 0.2 * place))
