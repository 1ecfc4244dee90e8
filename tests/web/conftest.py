"""The web application over a real directory with two people, and what it logs."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from carddav_msg import logs
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Number, User
from carddav_msg.web import create_app
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PASSWORD = "anna's password"
SIP_PASSWORD = "anna's SIP secret"


@dataclass(frozen=True)
class People:
    """A network `acme` with anna, who has everything, and bert, who has neither SIP credentials nor numbers."""

    acme: Network
    anna: User
    bert: User


@pytest.fixture
def people(services: Services) -> People:
    """Stores the two."""
    acme = add_network(services, cloud_ids=("ACMEAPP",), sip_host="sip.acme.example.com:5061")
    numbers = (Number("mobile", "+15550000001", "+15550000001", verified=True), Number("extension", "1001"))
    anna = add_user(
        services,
        acme,
        "Anna.A",
        password=PASSWORD,
        sip_password=SIP_PASSWORD,
        sip_username="S1001",
        display_name="Anna Ä",
        numbers=numbers,
    )
    return People(acme, anna, add_user(services, acme, "bert", password="bert's password", display_name="Bert"))


@pytest.fixture
def app(services: Services) -> Flask:
    """The application. It is not put into Flask's testing mode, in which errors would go past the error answers."""
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller."""
    return app.test_client()


class Lines:
    """What the product's own logging wrote."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    def stream(self) -> io.StringIO:
        return self._stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def clear(self) -> None:
        """Forgets what was written so far."""
        self._stream.seek(0)
        self._stream.truncate()

    def of(self, logger: str) -> list[str]:
        """The lines of one logger."""
        return [line for line in self.text.splitlines() if f" {logger}: " in line]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Everything logged during a test, at the level debug, through the pipeline of the product."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = Lines()
    logs.configure("debug", stream=written.stream)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
