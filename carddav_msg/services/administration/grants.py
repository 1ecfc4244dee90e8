"""Grants: roles of users, for one network or for all."""

from __future__ import annotations

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.rows import GrantRow
from carddav_msg.domain.user import ROLES
from carddav_msg.errors import AlreadyExists, InvalidValue, NotFound
from carddav_msg.publishing.auditing import grant_entry
from carddav_msg.services.administration.lookup import network_named, user_named

ALL_NETWORKS = "*"


class Grants:
    """The grants of one directory. A scope is a Network ID, or `*` for all networks."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def all(self, network_id: str | None = None) -> list[GrantRow]:
        """The grants that count in a network (those for all networks too), or all of them."""
        return self._directory.grants(None if network_id is None else network_named(self._directory, network_id).id)

    def add(self, network_id: str, name: str, role: str, scope: str) -> GrantRow:
        """Gives a user a role; AlreadyExists when the user has it."""
        grant, given = self._change(network_id, name, role, scope, give=True)
        if not given:
            raise AlreadyExists(f"{_shown(grant)} already.")
        return grant

    def remove(self, network_id: str, name: str, role: str, scope: str) -> GrantRow:
        """Takes a role from a user; NotFound when the user does not have it."""
        grant, taken = self._change(network_id, name, role, scope, give=False)
        if not taken:
            raise NotFound(f"There is no such grant: nothing says that {_shown(grant)}.")
        return grant

    def _change(self, network_id: str, name: str, role: str, scope: str, *, give: bool) -> tuple[GrantRow, bool]:
        if role not in ROLES:
            raise InvalidValue("role", f"{role!r} is not one of {', '.join(ROLES)}.")
        network = network_named(self._directory, network_id)
        user = user_named(self._directory, network, name)
        scoped = None if scope == ALL_NETWORKS else network_named(self._directory, scope)
        row = scoped.id if scoped else None
        grant = GrantRow(network.network_id, user.cloud_username, role, scoped.network_id if scoped else ALL_NETWORKS)

        def work(transaction: Transaction) -> bool:
            # By rows, so that two grants across the same two networks can't wait for each other.
            for locked in sorted({network.id, row or network.id}):
                transaction.lock_network(locked, exclusive=True)
            done = (transaction.save_grant if give else transaction.remove_grant)(user.id, role, row)
            if done:
                transaction.record([grant_entry(network, user, role, scoped, given=give)])
            return done

        return grant, self._directory.transact(work)


def _shown(grant: GrantRow) -> str:
    where = "all networks" if grant.scope == ALL_NETWORKS else f"the network {grant.scope!r}"
    return f"{grant.cloud_username!r} is {grant.role} of {where}"
