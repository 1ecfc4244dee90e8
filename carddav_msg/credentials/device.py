"""Device credentials: `d1.<key id>.<device>.<mac>`, the durable `cloud_password` of one phone (DESIGN §5).

The mac covers (user, session epoch, device): it is the same at every replay, verified in microseconds, and ends with
the session epoch. `<device>` is base64url of an id that the request sent, or a stable one per (user, Cloud ID).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from dataclasses import dataclass

from carddav_msg.credentials.keyring import Key, Keyring

DEVICE_LENGTH = 200
_PROBE = "probe:"


@dataclass(frozen=True, slots=True)
class DeviceCredential:
    """The parts of a credential as it was sent; nothing is verified yet."""

    key_id: str
    device: str
    mac: str


def parse(secret: str) -> DeviceCredential | None:
    """The parts, or None when the secret is no device credential."""
    parts = secret.split(".")
    if len(parts) != 4 or parts[0] != "d1":
        return None
    try:
        device = base64.b64decode(parts[2] + "=" * (-len(parts[2]) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    if "\0" in device:  # no device has one, and PostgreSQL takes none
        return None
    return DeviceCredential(parts[1], device, parts[3])


def issue(keyring: Keyring, user: int, session_epoch: int, device: str) -> str:
    """The credential of a device of a user."""
    key = keyring.current("device")
    name = base64.urlsafe_b64encode(device[:DEVICE_LENGTH].encode()).decode().rstrip("=")
    return f"d1.{key.key_id}.{name}.{_mac(key, user, session_epoch, device[:DEVICE_LENGTH])}"


def verify(keyring: Keyring, credential: DeviceCredential, user: int, session_epoch: int) -> bool:
    """True when the credential was issued to this user in this session epoch, and is no probe's that has ended."""
    if is_probe(credential.device) and not _lasts(credential.device):
        return False
    return _made_with(keyring.find("device", credential.key_id), credential, user, session_epoch)


def was_issued(keyring: Keyring, credential: DeviceCredential, user: int, session_epoch: int) -> bool:
    """True when the credential was issued so once, also with a key that is retired now: it is certain whose it was."""
    key = keyring.find("device", credential.key_id) or keyring.retired("device", credential.key_id)
    return _made_with(key, credential, user, session_epoch)


def _made_with(key: Key | None, credential: DeviceCredential, user: int, session_epoch: int) -> bool:
    if key is None:
        return False
    expected = _mac(key, user, session_epoch, credential.device)
    return hmac.compare_digest(expected.encode(), credential.mac.encode("utf-8", "surrogatepass"))


def default_device(cloud_id: str) -> str:
    """The device id when the request names none: stable for an app, so that a replay gets the same credential."""
    return f"app:{cloud_id}"[:DEVICE_LENGTH]


def probe_device(seconds: int) -> str:
    """The id of a new device that `doctor` plays: its credentials end by themselves. It is on no list of devices."""
    return f"{_PROBE}{int(time.time()) + seconds}:{secrets.token_hex(4)}"


def is_probe(device: str) -> bool:
    """True for the id of a device that `doctor` plays."""
    return device.startswith(_PROBE)


def device_in(secret: str) -> str:
    """The id of the device that a secret is a credential of, right or wrong; empty for what has not that form."""
    credential = parse(secret)
    return credential.device if credential else ""


def _lasts(probe: str) -> bool:
    end = probe.removeprefix(_PROBE).partition(":")[0]
    return end.isascii() and end.isdigit() and time.time() < int(end[:12])


def _mac(key: Key, user: int, session_epoch: int, device: str) -> str:
    digest = hmac.digest(key.secret, f"{user}\0{session_epoch}\0{device}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:24]).decode()
