"""The keys of an installation: made once, kept beside the database, never in it (DESIGN §5).

The file is TOML, one table a key: `[sip."k-…"]`, `[device."k-…"]` and `[memory."k-…"]` with `secret` (base64) and
optionally `retired = true`: such a key makes and opens nothing any more, and only tells what it once made. The database
knows each key's id and a check value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carddav_msg.errors import ConfigurationError

PURPOSES: Final = ("sip", "device", "memory")
_NONCE = 12


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One key: an id that may be shown, a purpose, and 32 secret bytes that may not."""

    key_id: str
    purpose: str
    secret: bytes
    retired: bool = False

    @property
    def check_value(self) -> str:
        """Proves that a key is the same one without telling anything of it."""
        return hmac.new(self.secret, b"carddav-msg check value", hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Key({self.key_id!r}, {self.purpose!r})"


class Keyring:
    """The keys by purpose; the last one of a purpose is the one that new values are made with."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys
        missing = [purpose for purpose in PURPOSES if not self.of(purpose)]
        if missing:
            raise ConfigurationError([f"The keys file has no key for {purpose!r}." for purpose in missing])

    def of(self, purpose: str) -> list[Key]:
        """The keys of a purpose that are in use, oldest first."""
        return [key for key in self.keys if key.purpose == purpose and not key.retired]

    def current(self, purpose: str) -> Key:
        """The key that new values are made with."""
        return self.of(purpose)[-1]

    def find(self, purpose: str, key_id: str) -> Key | None:
        """A key in use by its id."""
        return next((key for key in self.of(purpose) if key.key_id == key_id), None)

    def retired(self, purpose: str, key_id: str) -> Key | None:
        """A retired key by its id."""
        wanted = (key_id, purpose, True)
        return next((key for key in self.keys if (key.key_id, key.purpose, key.retired) == wanted), None)

    def encrypt(self, text: str, context: str) -> bytes:
        """A SIP password, sealed; `context` (whose it is) must be the same when it is opened."""
        key = self.current("sip")
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(key.secret).encrypt(nonce, text.encode(), context.encode())
        return key.key_id.encode() + b"\0" + nonce + sealed

    def decrypt(self, sealed: bytes, context: str) -> str:
        """What `encrypt` sealed; ConfigurationError when its key is missing or it was moved or damaged."""
        key_id, _, rest = sealed.partition(b"\0")
        key = self.find("sip", key_id.decode("ascii", "replace"))
        if key is None:
            raise ConfigurationError([f"The key {key_id.decode('ascii', 'replace')} of a SIP password is missing."])
        try:
            return AESGCM(key.secret).decrypt(rest[:_NONCE], rest[_NONCE:], context.encode()).decode()
        except InvalidTag:
            raise ConfigurationError(
                [f"A SIP password does not open with the key {key.key_id}: it was moved or damaged."]
            ) from None


def generate() -> Keyring:
    """A new keyring with one key for each purpose."""
    return Keyring(tuple(map(new_key, PURPOSES)))


def new_key(purpose: str) -> Key:
    """A new key."""
    return Key(f"k{secrets.token_hex(4)}", purpose, os.urandom(32))


def dump(keyring: Keyring) -> str:
    """The text of the keys file."""
    lines = ["# Keys of carddav-msg. Whoever has this file and the database can read every SIP password.", ""]
    for key in keyring.keys:
        lines += [f"[{key.purpose}.{key.key_id}]", f'secret = "{base64.b64encode(key.secret).decode()}"']
        lines += ["retired = true", ""] if key.retired else [""]
    return "\n".join(lines)


def parse(text: str, place: str) -> Keyring:
    """The keyring of a text; ConfigurationError names the place and the key, never a secret."""
    return Keyring(parse_keys(text, place))


def parse_keys(text: str, place: str) -> tuple[Key, ...]:
    """The keys of a text, perhaps not one for each purpose; raises like `parse`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise ConfigurationError([f"{place}: is not a keys file."]) from None
    problems, keys = [], []
    for purpose, entries in tables.items():
        if purpose not in PURPOSES or not isinstance(entries, Mapping):
            problems.append(f"{place}: {purpose!r} is not one of {', '.join(PURPOSES)}.")
            continue
        for key_id, entry in entries.items():
            try:
                secret = base64.b64decode(entry["secret"], validate=True)
            except (KeyError, TypeError, ValueError):
                secret = b""
            if len(secret) != 32:
                problems.append(f"{place}: the key {purpose}.{key_id} is not 32 bytes in base64.")
            retired = isinstance(entry, Mapping) and entry.get("retired") is True
            keys.append(Key(key_id, purpose, secret, retired))
    if problems:
        raise ConfigurationError(problems)
    return tuple(keys)


def load(path: Path, text: str = "") -> Keyring:
    """The keyring of `text`, or of the file; ConfigurationError says how to make one."""
    if text:
        return parse(text, "CARDDAV_MSG_KEYS")
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigurationError(
            [f"There are no keys at {path}. A new installation makes them with: carddav-msg keys init"]
        ) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: can't be read: {error.strerror}."]) from None


def write(path: Path, keyring: Keyring) -> None:
    """A new keys file, readable by its owner only; FileExistsError when there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(dump(keyring))
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, keyring: Keyring) -> None:
    """Writes the keys file anew, at once and for the same owner: whoever reads it sees the old keys or the new ones."""
    old = path.stat()
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write(new, keyring)
    try:
        if (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
            os.chown(new, old.st_uid, old.st_gid)  # an administrator rotates, the service's account reads
        new.replace(path)
    except BaseException:
        new.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def compare(keyring: Keyring, known: Mapping[str, tuple[str, str]]) -> list[str]:
    """What keeps this keyring from serving a database with these key ids: a sentence for each, empty if nothing."""
    problems = []
    have = {key.key_id: key for key in keyring.keys}
    for key_id, (purpose, check_value) in sorted(known.items()):
        if key_id not in have:
            problems.append(
                f"The {purpose} key {key_id} that this database was written with is missing from the keys file."
            )
        elif have[key_id].check_value != check_value:
            problems.append(
                f"The {purpose} key {key_id} of the keys file is another one than the database was written with."
            )
    return problems
