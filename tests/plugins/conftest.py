"""Fixtures of the plugins' tests: clients of the engine alone, without guard and lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.plugins.installation import PASSWORD, engine_client, fill
from tests.plugins.webdav import Dav

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@pytest.fixture
def filled(services: Services) -> Services:
    """The services of the small installation."""
    fill(services)
    return services


@pytest.fixture
def dav(filled: Services) -> Dav:
    """Anna at the engine."""
    return engine_client(filled)


@pytest.fixture
def dav_of(filled: Services) -> Callable[..., Dav]:
    """`dav_of("acme~bob")`: somebody else at the engine."""
    return lambda login, password=PASSWORD: engine_client(filled, login, password)
