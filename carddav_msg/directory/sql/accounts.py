"""Users with their networks, and all that a phone is told of them, in one statement each: what sign-in waits for."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Select, Table, and_, bindparam, literal_column, or_, select

from carddav_msg.directory.signin import AccountRow, Device
from carddav_msg.directory.sql import codec
from carddav_msg.directory.sql.schema import (
    cleared_nodes,
    credentials,
    devices,
    network_cloud_ids,
    network_domains,
    networks,
    users,
)
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User

DEVICE: Final = (
    devices.c.device,
    devices.c.first_seen,
    devices.c.last_seen,
    devices.c.revoked,
    devices.c.session_epoch,
    devices.c.key_id,
)
"""The columns of a `Device`."""
_SEPARATOR: Final = "\n"  # stands in no domain, Cloud ID or name of a node


def _row_of(table: Table) -> Any:
    """A type for rows of a table, made at run time: what `codec` reads has names."""
    return namedtuple("Row", [column.name for column in table.c])


_UserRow: Final = _row_of(users)
_NetworkRow: Final = _row_of(networks)
_USER_ENDS: Final = len(users.c)
_NETWORK_ENDS: Final = _USER_ENDS + len(networks.c)
_MEMBER_ENDS: Final = _NETWORK_ENDS + 2

Concatenate = Callable[..., ColumnElement[Any]]


def member_statement(concatenate: Concatenate) -> Select[Any]:
    """A user and the user's network."""
    return (
        select(*_member(concatenate))
        .select_from(users.join(networks, networks.c.id == users.c.network))
        .where(users.c.id == bindparam("user"))
    )


def account_statement(concatenate: Concatenate) -> Select[Any]:
    """A user with network, SIP password, one device and the nodes that were cleared since a time."""
    user: BindParameter[Any] = bindparam("user")
    cleared = _joined(
        concatenate,
        cleared_nodes.c.name,
        cleared_nodes.c.network == networks.c.id,
        or_(cleared_nodes.c.user == literal_column("0"), cleared_nodes.c.user == users.c.id),
        cleared_nodes.c.since >= bindparam("since"),
    )
    source = (
        users.join(networks, networks.c.id == users.c.network)
        .outerjoin(credentials, credentials.c.user == users.c.id)
        .outerjoin(devices, and_(devices.c.user == users.c.id, devices.c.device == bindparam("device")))
    )
    return (
        select(*_member(concatenate), credentials.c.sip_password, cleared, *DEVICE)
        .select_from(source)
        .where(users.c.id == user)
    )


def member_of(row: Sequence[Any]) -> tuple[User, Network]:
    """The user and the network of a row of either statement."""
    network = codec.network_of(
        _NetworkRow(*row[_USER_ENDS:_NETWORK_ENDS]), _parts(row[_NETWORK_ENDS]), _parts(row[_NETWORK_ENDS + 1])
    )
    return codec.user_of(_UserRow(*row[:_USER_ENDS])), network


def account_of(row: Sequence[Any]) -> AccountRow:
    """All of a row of `account_statement`."""
    user, network = member_of(row)
    sealed, cleared, *device = row[_MEMBER_ENDS:]
    return AccountRow(
        user=user,
        network=network,
        sip_password=None if sealed is None else bytes(sealed),
        device=None if device[0] is None else Device(*device),
        cleared=tuple(sorted(set(_parts(cleared)))),
    )


def _member(concatenate: Concatenate) -> list[ColumnElement[Any]]:
    domains = _joined(concatenate, network_domains.c.domain, network_domains.c.network == networks.c.id)
    cloud_ids = _joined(concatenate, network_cloud_ids.c.cloud_id, network_cloud_ids.c.network == networks.c.id)
    return [*users.c, *networks.c, domains, cloud_ids]


def _joined(concatenate: Concatenate, column: ColumnElement[str], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    """All values of a column in one text: other rows of the statement stay single."""
    return select(concatenate(column, literal_column(f"'{_SEPARATOR}'"))).where(*where).scalar_subquery()


def _parts(text: str | None) -> list[str]:
    return text.split(_SEPARATOR) if text else []
