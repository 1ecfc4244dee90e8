"""Reads of devices, sign-in codes, removed users and keys in use: `SignInReads` of the port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from sqlalchemy import ColumnElement, Connection, func, literal, select

from carddav_msg.directory.signin import Device, FormerUser, KeyUse, SignInCode
from carddav_msg.directory.sql.accounts import DEVICE
from carddav_msg.directory.sql.schema import codes, credentials, devices, former_users, users


class SqlSignInReads(ABC):
    """A part of the directory, which gives it connections."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    def devices(self, user: int) -> list[Device]:
        query = select(*DEVICE).where(devices.c.user == user)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(devices.c.last_seen.desc(), devices.c.device))
            return [Device(*row) for row in rows]

    def device(self, user: int, device: str) -> Device | None:
        with self._reading() as connection:
            row = connection.execute(select(*DEVICE).where(devices.c.user == user, devices.c.device == device)).first()
        return Device(*row) if row else None

    def codes(self, user: int) -> list[SignInCode]:
        query = select(*_CODE).where(codes.c.user == user).order_by(codes.c.made.desc(), codes.c.id.desc())
        with self._reading() as connection:
            return [SignInCode(*row) for row in connection.execute(query)]

    def code(self, digest: str) -> SignInCode | None:
        with self._reading() as connection:
            row = connection.execute(select(*_CODE).where(codes.c.digest == digest)).first()
        return SignInCode(*row) if row else None

    def former_users(self, user_key: str) -> list[FormerUser]:
        query = select(former_users.c.user, former_users.c.session_epoch, former_users.c.refresh_denied)
        with self._reading() as connection:
            rows = connection.execute(query.where(former_users.c.user_key == user_key))
            return [FormerUser(*row) for row in rows]

    def key_use(self, key_id: str) -> KeyUse:
        sealed = select(func.count()).select_from(credentials).where(sealed_by(key_id, credentials.c.sip_password))
        phones = (
            select(func.count())
            .select_from(devices.join(users, users.c.id == devices.c.user))
            .where(
                devices.c.key_id == key_id,
                devices.c.session_epoch == users.c.session_epoch,
                devices.c.revoked.is_(False),
                users.c.enabled.is_(True),
            )
        )
        with self._reading() as connection:
            return KeyUse(connection.execute(sealed).scalar_one(), connection.execute(phones).scalar_one())


def sealed_by(key_id: str, column: ColumnElement[bytes | None]) -> ColumnElement[bool]:
    """True for a value that the keyring sealed with a key: its id stands in front, then a zero byte."""
    prefix = key_id.encode() + b"\0"
    return func.substr(column, 1, len(prefix)) == literal(prefix)


_CODE = (
    codes.c.id,
    codes.c.user,
    codes.c.session_epoch,
    codes.c.made,
    codes.c.expires,
    codes.c.first_used,
    codes.c.revoked,
)
