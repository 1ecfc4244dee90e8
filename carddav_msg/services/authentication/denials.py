"""A refresh that is refused: certain, or in doubt (reference §4).

What a 4xx at refresh does to an app is not known; it may sign the user out. So a device credential is refused there
only when it is certain that the user was disabled or removed, or the phone revoked. All else may be our fault, say a
backup that is too old or a key that is missing: the phone is told to come again.
"""

from __future__ import annotations

from collections.abc import Iterator

from carddav_msg.credentials import device
from carddav_msg.credentials.device import DeviceCredential
from carddav_msg.credentials.keyring import Keyring
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Door
from carddav_msg.domain.identifiers import fold, split_login
from carddav_msg.domain.network import REFRESH_DENIED
from carddav_msg.errors import Rejected, SignedOut, Throttled, Unavailable

_RETRY_AFTER = 300


class Denials:
    """Settles what a refused refresh is told.

    The credential has to prove whose it was, so nobody learns from the answer what a wrong password does not tell.
    """

    def __init__(self, directory: Directory, keyring: Keyring) -> None:
        self._directory = directory
        self._keyring = keyring

    def settle(
        self, refused: Rejected | Throttled, login: str, door: Door | None, credential: DeviceCredential | None
    ) -> Rejected | Unavailable:
        """What to raise instead: SignedOut when it is certain, Unavailable when a device credential is in doubt, and
        when nobody looked.
        """
        if isinstance(refused, SignedOut) and door:
            return self._of_network(refused.reason, door)
        if isinstance(refused, Throttled):
            return Unavailable("Too many wrong passwords came before this refresh.", retry_after=refused.retry_after)
        if credential is None:
            return refused
        if door and self._was_of(door, credential):
            return self._of_network("disabled" if not door.enabled else "revoked", door)
        for former in (f for key in _keys(login) for f in self._directory.former_users(key)):
            if device.was_issued(self._keyring, credential, former.user, former.session_epoch):
                return SignedOut("removed", logged_out=former.refresh_denied == REFRESH_DENIED[1])
        return Unavailable(
            f"A device credential at refresh is of nobody ({refused.reason}): a restored backup or a lost key?",
            retry_after=_RETRY_AFTER,
        )

    def _was_of(self, door: Door, credential: DeviceCredential) -> bool:
        """True when this user got the credential: now, or in the last session in which the phone was seen."""
        seen = self._directory.device(door.user, credential.device)
        epochs = {door.session_epoch, *([seen.session_epoch] if seen else [])}
        return any(device.was_issued(self._keyring, credential, door.user, epoch) for epoch in epochs)

    def _of_network(self, reason: str, door: Door) -> SignedOut:
        network = self._directory.network(door.network_id)
        denied = network.refresh_denied if network else REFRESH_DENIED[0]
        return SignedOut(reason, door.user, logged_out=denied == REFRESH_DENIED[1])


def _keys(login: str) -> Iterator[str]:
    """The folded names that a login of a removed user may have had: as it is, behind its network, before a domain."""
    names = [login, *((split_login(login) or ())[1:])]
    names += [left for name in list(names) for left, at, _ in [name.rpartition("@")] if at and left]
    yield from dict.fromkeys(map(fold, names))
