"""The house, with every statement that is run counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.isolation.house import House, build

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement on connections made from now on."""
    run: list[str] = []

    def connected(connection: Any, _: object) -> None:
        connection.set_trace_callback(run.append)

    event.listen(Pool, "connect", connected)
    yield run
    event.remove(Pool, "connect", connected)


@pytest.fixture
def house(statements: list[str], services: Services) -> House:
    """The house of each test, new."""
    return build(services, statements)
