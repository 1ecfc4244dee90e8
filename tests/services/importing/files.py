"""CSV files for tests of imports, and a listener that keeps what it hears."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from carddav_msg.bootstrap import Services
from carddav_msg.domain.user import User
from carddav_msg.services.importing.report import Difference, Options, Report

DATA = Path(__file__).parents[2] / "data"


def file_of(*rows: dict[str, str]) -> io.BytesIO:
    """A file with the columns of the first row; cells that later rows leave out are empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())


def person(cloud_username: str, **cells: str) -> dict[str, str]:
    """A row of a users file for the network acme."""
    return {"network_id": "acme", "cloud_username": cloud_username, **cells}


def import_users(services: Services, *rows: dict[str, str], **options: object) -> Report:
    """Imports rows."""
    return services.importing.import_users(file_of(*rows), Options(**options))  # type: ignore[arg-type]


def user(services: Services, name: str, network_id: str = "acme") -> User:
    """A user that has to exist."""
    network = services.directory.network(network_id)
    assert network is not None
    found = services.directory.user(network.id, name)
    assert found is not None, name
    return found


def book_numbers(services: Services) -> dict[str, int]:
    """The change number of each network's directory book, as its users see it."""
    numbers = {}
    for network in services.directory.networks():
        for someone in services.directory.users(network.id, "", 1):
            numbers[network.network_id] = services.directory.home(someone.id)[0].seq
    return numbers


class Heard:
    """A listener that keeps the differences and calls `at` with the name of the step at every advance."""

    def __init__(self, at: Callable[[str], None] = lambda step: None) -> None:
        self.differences: list[Difference] = []
        self.steps: list[str] = []
        self._at = at

    def step(self, name: str, total: int | None) -> None:
        """Notes the step."""
        self.steps.append(name)

    def advance(self, count: int) -> None:
        """Passes it on."""
        self._at(self.steps[-1])

    def difference(self, difference: Difference) -> None:
        """Notes the difference."""
        self.differences.append(difference)
