"""What the audit says of a change: only what differs, secrets never."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Final

from carddav_msg.domain.audit import AuditEntry
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User

Values = Mapping[str, Any]
NOTHING: Final[Values] = MappingProxyType({})
_ROWS = frozenset({"id", "network", "view", "uid", "session_epoch"})


def user_entries(
    network: Network, before: Mapping[int, User], after: Iterable[User], action: str = "changed"
) -> list[AuditEntry]:
    """An entry for each user that differs from before; a user who was not there before was `added`."""
    entries = []
    for user in after:
        old = before.get(user.id)
        then, now = _difference(_shown(old), _shown(user))
        if then or now:
            name = old.cloud_username if old else user.cloud_username
            subject = f"user {network.network_id}~{name}"
            entries.append(AuditEntry(network.id, f"user {action if old else 'added'}", subject, then, now))
    return entries


def user_entry(
    network: Network, user: User, action: str, before: Values = NOTHING, after: Values = NOTHING
) -> AuditEntry:
    """An entry about a user that the user's fields don't show; of secrets only that they changed."""
    return entry(network, action, f"user {network.network_id}~{user.cloud_username}", before, after)


def removed_user_entry(network: Network, user: User) -> AuditEntry:
    """The entry of a user who was removed, with what the user was."""
    return user_entry(network, user, "user removed", _shown(user))


def grant_entry(network: Network, user: User, role: str, scope: Network | None, *, given: bool) -> AuditEntry:
    """The entry of a role that a user of `network` got or lost; it is in the audit of the network it counts in."""
    what = {"role": role, "on": scope.network_id if scope else "*"}
    before, after = (NOTHING, what) if given else (what, NOTHING)
    found = user_entry(network, user, f"grant {'added' if given else 'removed'}", before, after)
    return replace(found, network=(scope or network).id)


def entry(network: Network, action: str, subject: str, before: Values = NOTHING, after: Values = NOTHING) -> AuditEntry:
    """An entry about something of a network: a book, a view, a grant."""
    return AuditEntry(network.id, action, subject, _json(before), _json(after))


def network_entry(before: Network | None, after: Network | None) -> AuditEntry:
    """The entry of a network that was added, changed or removed."""
    some = after or before
    assert some is not None
    action = "added" if before is None else "removed" if after is None else "changed"
    then, now = _difference(_shown(before), _shown(after))
    name = before.network_id if before else some.network_id
    return AuditEntry(some.id, f"network {action}", f"network {name}", then, now)


def _shown(value: User | Network | None) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, Network):
        shown = {name: getattr(value, name) for name in Network.__slots__}
        shown["account"] = dict(value.account)
        shown["source_owned"] = sorted(value.source_owned)
    else:
        shown = asdict(value)
        shown |= shown.pop("profile")
        shown["photo"] = {name: part for name, part in shown["photo"].items() if part}
    return {name: part for name, part in shown.items() if part and name not in _ROWS}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    both = bool(before and after)
    return _json(_of(before, names, after if both else {})), _json(_of(after, names, before if both else {}))


def _of(values: Values, names: Iterable[str], others: Values) -> dict[str, Any]:
    """The named values; a flag that is only on the other side is off on this one."""
    flags = {name: False for name in names if name not in values and others.get(name) is True}
    return flags | {name: values[name] for name in names if name in values}


def _json(values: Values) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True) if values else ""
