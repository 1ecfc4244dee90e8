"""Which account nodes a network or a user has, so that apps forget those that are gone (reference §4).

An app merges what it gets over what it has: a node that is left out keeps its old value there. So what was sent once
and is set no longer is sent empty for a while.
"""

from __future__ import annotations

from typing import Final

from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User

SMS_NUMBERS: Final = "smsNumbers"
NETWORK_ID: Final = "networkId"
CONTACTS_NODES: Final = ("wsContactsUrl", "wsContactsMethod", "wsContactsContentType", "wsContactsPostData")
NEVER_EMPTY: Final = frozenset({"title", "username", "password", "host"})
"""Nodes (in lower case) that no app can do without: they keep their old value rather than none."""


def nodes_of_network(network: Network) -> frozenset[str]:
    """The nodes that accounts have because of what their network says."""
    nodes = {name for name, text in network.account.items() if text}
    if not network.omit_network_id:
        nodes.add(NETWORK_ID)
    if network.contacts_nodes:
        nodes.update(CONTACTS_NODES)
    return frozenset(name for name in nodes if name.lower() not in NEVER_EMPTY)


def nodes_of_user(user: User) -> frozenset[str]:
    """The nodes that an account has because of what its user says, beside those that every account has."""
    return frozenset({SMS_NUMBERS} if user.sms_numbers else ())
