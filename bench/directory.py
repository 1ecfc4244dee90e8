"""Networks and users for the runs that need a provider's directory: files for the import, and phones' credentials."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.peers import PASSWORD

_COLUMNS: Final = (
    *("network_id", "cloud_username", "display_name", "given_name", "family_name"),
    *("organisation", "department", "title", "extension", "mobile", "verified_number"),
    *("email", "sip_username", "role", "password_hash"),
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A network and how many users it has. Its first user, `u0`, is its administrator."""

    network_id: str
    users: int

    def login(self, number: int) -> str:
        """The canonical login of a user."""
        return f"{self.network_id}~u{number}"


def provider(networks: int = 300, shrink: int = 1) -> list[Tenant]:
    """The first of a provider's 300 networks, 60,000 users in all: 1 × 10,000, 9 × 2,000, 290 × 110 or 111.

    With `shrink` each has that part of its users, but two at least.
    """
    sizes = [10_000, *[2_000] * 9, *[111] * 100, *[110] * 190]
    return [Tenant(f"tenant{number:03d}", max(2, size // shrink)) for number, size in enumerate(sizes[:networks])]


def write_networks(tenants: Iterable[Tenant], path: Path) -> None:
    """A file for `import networks`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["network_id", "name", "sip_host", "cloud_ids"])
        rows.writerows(
            [tenant.network_id, f"Tenant {tenant.network_id}", f"sip.{tenant.network_id}.example.net", "BENCH"]
            for tenant in tenants
        )


def write_users(tenants: Sequence[Tenant], path: Path) -> None:
    """A file for `import users`.

    All have the same password, and one hash of it with the default settings: 60,000 hashes would be a quarter of an
    hour that tells nothing about the import.
    """
    hashed = _hash()
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for place, tenant in enumerate(tenants):
            chance = random.Random(tenant.network_id)  # the same people in every run
            for number in range(tenant.users):
                family = f"Family{chance.randrange(10_000)}"
                who = (tenant.network_id, f"u{number}", f"Given{number} {family}", f"Given{number}", family)
                work = (f"Tenant {place}", f"Department {number % 41}", "Agent", str(10_000 + number))
                numbers = (f"+4917{place:03d}{number:06d}", f"+4930{place:03d}{number:06d}")
                role = "user" if number else "network_admin"
                rows.writerow([*who, *work, *numbers, f"u{number}@t{place}.example", f"sip{number}", role, hashed])


def _hash() -> str:
    from argon2 import PasswordHasher

    from carddav_msg.settings import Settings

    chosen = Settings()
    hasher = PasswordHasher(
        time_cost=chosen.argon2_time, memory_cost=chosen.argon2_memory, parallelism=chosen.argon2_parallelism
    )
    return hasher.hash(PASSWORD)
