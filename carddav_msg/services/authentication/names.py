"""Whom a login means: the resolver of all faces (DESIGN §2, steps 1 to 3)."""

from __future__ import annotations

from typing import Final, NamedTuple

from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Asked, Door, Named
from carddav_msg.domain.identifiers import fold, normalise_cloud_id, normalise_host, split_login
from carddav_msg.errors import Rejected
from carddav_msg.services.authentication.visitor import Hints

_NAMES_READ: Final = 3
"""How often a login is resolved: between its reads the user or the network may get another name."""


class Opened(NamedTuple):
    """A door, and which of the user's names led to it. `asked` is what it was read by if the login says that;
    any other name may mean somebody else tomorrow.
    """

    door: Door
    matched: str
    asked: Asked | None = None


class Names:
    """Finds the one user that a login means; Rejected for none and for more than one."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def door(self, login: str, slug: str | None, device_id: str, hints: Hints) -> Opened:
        """The door of the one user that the login means. With a slug the door has that book, without one the home."""
        if _has_nul(login, slug or "", hints):
            raise Rejected("unknown")
        parts = split_login(login)
        if parts:
            asked = fold(parts[0]), fold(parts[1]), slug, device_id
            door = self.again(asked)
            if door:
                return Opened(door, "login", asked)
        for _ in range(_NAMES_READ):
            named, matched = self._resolve(login, parts, hints)
            door = self.again((named.network_key, named.user_key, slug, device_id))
            if door:
                return Opened(door, matched)
        raise Rejected("unknown")

    def again(self, asked: Asked) -> Door | None:
        """The door as it is now."""
        network_key, user_key, slug, device_id = asked
        if slug is None:
            return self._directory.home_door(network_key, user_key, device_id)
        return self._directory.door(network_key, user_key, slug, device_id)

    def counted_as(self, login: str, hints: Hints) -> str:
        """Under which name failures count: the same for all spellings of a name, whether or not a user has it.

        Networks are read for it and users are not: nobody learns from who has to wait which names exist.
        """
        if _has_nul(login, "", hints):
            return fold(login)
        name, networks = login, set[int]()
        parts = split_login(login)
        network = self._directory.network_row(parts[0]) if parts else None
        if parts and network is not None:
            name, networks = parts[1], {network}
        else:
            networks = self._candidates(hints)
        left, at, domain = name.rpartition("@")
        if at and left:
            narrowed = self._of_domain(domain, networks)
            name, networks = (left, narrowed) if narrowed else (name, networks)
        return f"{','.join(map(str, sorted(networks)))} {fold(name)}"

    def _resolve(self, login: str, parts: tuple[str, str] | None, hints: Hints) -> tuple[Named, str]:
        if parts and (network := self._directory.network_row(parts[0])) is not None:
            named, _ = self._within([network], parts[1]) or (None, "")
            if named:
                return named, "login"
            raise Rejected("unknown")
        candidates = self._candidates(hints)
        found = self._within(sorted(candidates), login) if candidates else None
        if found:
            return found
        left, at, domain = login.rpartition("@")
        if at and left:
            networks = self._of_domain(domain, candidates)
            found = self._within(sorted(networks), left) if networks else None
            if found:
                return found[0], "domain"
        raise Rejected("unknown")

    def _of_domain(self, domain: str, candidates: set[int]) -> set[int]:
        """The networks of a domain, within the candidates if there are any."""
        _, (networks,) = self._directory.selected("", [normalise_host(domain)])
        return networks & candidates if candidates else networks

    def _candidates(self, hints: Hints) -> set[int]:
        """Networks that every hint selects which selects any; with no such hint, the only network there is."""
        cloud_id = normalise_cloud_id(hints.cloud_id)
        hosts = [normalise_host(host) for host in (hints.host, hints.request_host) if host]
        by_cloud_id, by_hosts = self._directory.selected(cloud_id, hosts)
        selections = [selection for selection in (by_cloud_id, *by_hosts) if selection]
        if selections:
            return set.intersection(*selections)
        sole = self._directory.sole_network()
        return set() if sole is None else {sole}

    def _within(self, networks: list[int], name: str) -> tuple[Named, str] | None:
        """The user of a name in these networks, and which name it is; Rejected when two users have it."""
        steps = self._directory.named(networks, fold(name))
        for found, matched in zip(steps, ("cloud_username", "alias", "sip_username"), strict=True):
            if len(found) > 1:
                raise Rejected("ambiguous")
            if found:
                return found[0], matched
        return None


def _has_nul(login: str, slug: str, hints: Hints) -> bool:
    """No name has one, and PostgreSQL takes none."""
    return "\0" in f"{login}{slug}{hints.cloud_id}{hints.host}{hints.request_host}"
