"""Finding what a command names, or a sentence that says it is not there."""

from __future__ import annotations

from collections.abc import Iterable

from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import DirectoryBook
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import NotFound


def network_named(directory: Directory, network_id: str) -> Network:
    """The network of a Network ID (or an old one), without regard to case."""
    network = directory.network(network_id)
    if network is None:
        raise NotFound(f"There is no network {network_id!r}; `carddav-msg network list` shows those there are.")
    return network


def user_named(directory: Directory, network: Network, name: str) -> User:
    """The user of a Cloud Username (or an old one) in a network, without regard to case."""
    user = directory.user(network.id, name)
    if user is None:
        raise NotFound(
            f"There is no user {name!r} in the network {network.network_id!r}; "
            f"`carddav-msg user list {network.network_id}` shows those there are."
        )
    return user


def view_named(views: Iterable[DirectoryBook], network: Network, name: str) -> DirectoryBook:
    """The view of a network with a name, without regard to case."""
    found = next((view for view in views if fold(view.name) == fold(name)), None)
    if found is None:
        raise NotFound(
            f"There is no view {name!r} of the network {network.network_id!r}; "
            f"`carddav-msg view list {network.network_id}` shows those there are."
        )
    return found
