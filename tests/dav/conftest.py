"""A network with users and books behind the guard; the engine behind it only notes what reaches it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.dav.guard import Guard
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.network import Network
from tests.builders import add_network, add_user
from tests.dav.clients import Dav, Engine

SECRET = "canary-Password-1"
MAX_BODY = 4 * 1024 * 1024


@dataclass
class House:
    """The parts of a test: `anna` is an ordinary user; `guard` is what clients talk to."""

    services: Services
    network: Network
    engine: Engine
    guard: Guard
    anna: Dav
    bob: Dav

    home: str = "/dav/acme~anna/"
    directory: str = "/dav/acme~anna/directory/"
    personal: str = "/dav/acme~anna/personal/"

    def client(self, login: str, secret: str = SECRET) -> Dav:
        return Dav(self.guard, login, secret)

    def shared_book(self, slug: str, everyone: str) -> str:
        """A shared book of the network; returns its path in Anna's home."""
        book = Book(
            id=0,
            network=self.network.id,
            kind=BookKind.SHARED,
            slug=slug,
            display_name=f"Shared & {slug}",
            owner=0,
            access="",
            epoch=1,
            seq=0,
            floor=0,
            description="For <all>",
            color="#ff0000ff",
        )
        self.services.directory.transact(lambda transaction: transaction.add_book(book, everyone=everyone))
        return f"{self.home}{slug}/"


@pytest.fixture
def house(services: Services) -> House:
    """Network acme with Anna, Bob and Carl."""
    return build(services)


def build(services: Services, **guard: Any) -> House:
    acme = add_network(services, "acme")
    for name in ("anna", "bob", "carl"):
        add_user(services, acme, name, password=SECRET, display_name=name.title())
    engine = Engine()
    chosen = {"prefix": "/dav", "max_body_size": MAX_BODY, **guard}
    front = Guard(services.authentication, services.addressbooks, engine, **chosen)
    return House(services, acme, engine, front, Dav(front, "acme~anna", SECRET), Dav(front, "acme~bob", SECRET))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """What this room logs, at every level."""
    caplog.set_level(logging.DEBUG)
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Keep()
    logger = logging.getLogger("carddav_msg.dav")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
