"""What an admin may do to anna of acme while somebody remembers her: the same for each face that remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from carddav_msg.bootstrap import Services


def change(services: Services, **fields: Any) -> None:
    """Changes fields of anna."""
    services.administration.users.change("acme", "anna", lambda user: replace(user, **fields))


ACTS: Final[dict[str, Callable[[Services], object]]] = {
    "nothing": lambda services: None,
    "disabled": lambda services: change(services, enabled=False),
    "renamed": lambda services: change(services, cloud_username="other"),
    "another password": lambda services: services.administration.users.set_password("acme", "anna", "another-Password"),
    "password and sessions ended": lambda services: services.administration.users.set_password(
        "acme", "anna", "another-Password", end_sessions=True
    ),
    "phone revoked": lambda services: services.administration.devices.revoke("acme", "anna", "phone"),
    "all phones revoked": lambda services: services.administration.devices.revoke_all("acme", "anna"),
    "removed": lambda services: services.administration.users.remove("acme", "anna"),
}
"""What is done, by its name; anna's phone is called `phone`."""
