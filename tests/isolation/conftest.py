"""The house, with every statement that is run counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.isolation.house import House, build

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@pytest.fixture
def house(statements: list[str], services: Services) -> House:
    """The house of each test, new."""
    return build(services, statements)
