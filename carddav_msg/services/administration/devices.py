"""Phones: which devices of a user have a credential, and taking it from them."""

from __future__ import annotations

from dataclasses import dataclass

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.signin import Device
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import NotFound
from carddav_msg.publishing.auditing import NOTHING, user_entry
from carddav_msg.services.administration.lookup import network_named, user_named


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as operators see it: `revoked` bars it until `unrevoke`, `signed_out` lasts until its next sign-in."""

    device: str
    first_seen: int
    last_seen: int
    revoked: bool
    signed_out: bool


class Devices:
    """The devices of users, each named by Network ID, Cloud Username and the id of the device."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def all(self, network_id: str, name: str) -> list[ListedDevice]:
        """The devices of a user, the one seen last first."""
        _, user = self._user(network_id, name)
        return [
            ListedDevice(d.device, d.first_seen, d.last_seen, d.revoked, _is_signed_out(d, user))
            for d in self._directory.devices(user.id)
        ]

    def revoke(self, network_id: str, name: str, device: str) -> None:
        """Takes the credential of one device, whatever it signs in with, until `unrevoke`; NotFound for another one."""
        self._set(network_id, name, device, revoked=True)

    def unrevoke(self, network_id: str, name: str, device: str) -> None:
        """Lets a revoked device in again: the credential that it had is good again, unless all were ended since."""
        self._set(network_id, name, device, revoked=False)

    def revoke_all(self, network_id: str, name: str) -> int:
        """Ends all device credentials, sign-in codes and remembered passwords of a user; the phones sign in anew.

        Returns how many devices had a good credential. The login password goes on working.
        """
        network, user = self._user(network_id, name)

        def work(transaction: Transaction) -> None:
            transaction.lock_network(network.id, exclusive=True)
            transaction.end_sessions([user.id])
            transaction.revoke_codes(user.id)
            transaction.record([user_entry(network, user, "sessions ended")])

        known = self._directory.devices(user.id)
        self._directory.transact(work)
        return sum(not d.revoked and not _is_signed_out(d, user) for d in known)

    def _set(self, network_id: str, name: str, device: str, *, revoked: bool) -> None:
        network, user = self._user(network_id, name)

        def work(transaction: Transaction) -> None:
            if not transaction.revoke_device(user.id, device, revoked=revoked):
                raise NotFound(
                    f"The user {user.cloud_username!r} has no device {device!r}; "
                    f"`carddav-msg user devices {network.network_id} {user.cloud_username}` shows those there are."
                )
            action = "device revoked" if revoked else "device let in again"
            transaction.record([user_entry(network, user, action, NOTHING, {"device": device})])

        self._directory.transact(work)

    def _user(self, network_id: str, name: str) -> tuple[Network, User]:
        network = network_named(self._directory, network_id)
        return network, user_named(self._directory, network, name)


def _is_signed_out(device: Device, user: User) -> bool:
    return device.session_epoch != user.session_epoch
