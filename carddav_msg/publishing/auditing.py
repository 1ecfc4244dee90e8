"""What the audit says of a change: only what differs, secrets never."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from carddav_msg.domain.audit import AuditEntry
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User

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
    return {name: part for name, part in shown.items() if part and name not in _ROWS}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    then = {name: before[name] for name in names if name in before}
    now = {name: after[name] for name in names if name in after}
    return _json(then), _json(now)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if values else ""
