"""One row of a users file: every cell read, every problem found, nothing kept in plain text that is secret."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import PASSWORD_LENGTH, check_hash
from carddav_msg.directory.rows import StagedRow
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.errors import InvalidValue
from carddav_msg.publishing.users import new_uid
from carddav_msg.services.importing.columns import COLUMNS
from carddav_msg.services.importing.reading import Record
from carddav_msg.services.importing.report import Problem

ROLES: Final = {"user": False, "network_admin": True}
"""Role of a row → whether the user administers the network."""
_NONCE: Final = 12


class Seal:
    """Keeps the passwords of one import from the disk: the key lives in this process's memory alone."""

    def __init__(self) -> None:
        self._cipher = AESGCM(os.urandom(32))

    def close(self, password: str, line: int) -> bytes:
        """A password that only this process can read."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, password.encode(), str(line).encode())

    def open(self, sealed: bytes, line: int) -> str:
        """The password again."""
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], str(line).encode()).decode()


@dataclass(frozen=True, slots=True)
class Values:
    """The JSON of a staged row: what its cells say by column, the role, and the UID that a new user gets."""

    uid: str
    columns: Mapping[str, Any]
    admin: bool | None

    def dump(self) -> str:
        return json.dumps([self.uid, self.admin, self.columns], ensure_ascii=False, separators=(",", ":"))


def load_values(row: StagedRow) -> Values:
    """The values of a staged row."""
    uid, admin, columns = json.loads(row.values)
    return Values(uid, columns, admin)


def read_row(record: Record, network: Network | None, keyring: Keyring, seal: Seal) -> StagedRow | list[Problem]:
    """The row to stage, or all that is wrong with it. `network` is the one that the row names, None: there is none."""
    problems: list[Problem] = []
    columns: dict[str, Any] = {}
    admin, secrets = None, dict.fromkeys(("password", "password_hash", "sip_password"), "")
    for name, cell in record.cells.items():
        try:
            if name in COLUMNS:
                value = COLUMNS[name].read(cell, network.country if network else "")
                if value is not None:
                    columns[name] = value
            elif name in secrets:
                secrets[name] = _secret(name, cell)
            elif name == "role":
                admin = _role(cell)
        except InvalidValue as error:
            problems.append(Problem(record.line, name, error.message))
    if network is None:
        problems.insert(0, _no_network(record))
    if secrets["password"] and secrets["password_hash"]:
        problems.append(Problem(record.line, "password_hash", "has no place beside a password; give one of them."))
    if network is None or problems:
        return problems
    uid = new_uid()
    password, sip_password = secrets["password"], secrets["sip_password"]
    return StagedRow(
        line=record.line,
        network=network.id,
        user_key=fold(columns["cloud_username"]),
        external_id=columns.get("external_id") or None,
        sip_username_key=fold(columns.get("sip_username", "")) or None,
        values=Values(uid, columns, admin).dump(),
        sealed_password=seal.close(password, record.line) if password else None,
        password_hash=secrets["password_hash"] or None,
        sip_password=keyring.encrypt(sip_password, uid) if sip_password else None,
    )


def names_of(record: Record, network: Network) -> set[tuple[int, str, str]]:
    """What a row that can't be imported says of who it means: (network, column, key); empty when it says nothing."""
    names = set()
    for name in ("external_id", "cloud_username"):
        cell = record.cells.get(name, "")
        try:
            value = COLUMNS[name].read(cell, "") if cell else ""
        except InvalidValue:
            value = ""
        if value:
            names.add((network.id, name, fold(value) if name == "cloud_username" else value))
    return names


def _no_network(record: Record) -> Problem:
    cell = record.cells["network_id"].strip()
    return Problem(record.line, "network_id", f"there is no network {cell[:64]!r}." if cell else "is empty.")


def _role(cell: str) -> bool | None:
    role = cell.strip().lower()
    if role and role not in ROLES:
        raise InvalidValue("role", f"{cell[:40]!r} is neither user nor network_admin.")
    return ROLES[role] if role else None


def _secret(name: str, cell: str) -> str:
    """A secret as it was given: no blank is cut off, and no error shows any of it."""
    if name == "password_hash":
        return check_hash(cell.strip()) if cell.strip() else ""
    if len(cell) > PASSWORD_LENGTH:
        raise InvalidValue(name, f"is {len(cell)} characters long, {PASSWORD_LENGTH} fit.")
    if any(unicodedata.category(character) == "Cc" for character in cell):
        raise InvalidValue(name, "contains a control character.")
    return cell
