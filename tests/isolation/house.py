"""The mirrored house: two networks with the same names in them, and a mark for whatever belongs to somebody."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user
from tests.dav.clients import Dav, vcard

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

NETWORKS = ("acme", "globex")
NAMES = ("anna", "bert", "boss")
NOWHERE = "nothere"
_PNG = b"\x89PNG\r\n\x1a\n"


def mark(network: str, name: str) -> str:
    """The text that stands for a user's data: in names, notes and numbers."""
    return f"Mark-{network}-{name}-Z"


def photo(network: str, name: str) -> bytes:
    """A user's photo, with their mark in it."""
    return _PNG + mark(network, name).encode()


@dataclass(frozen=True)
class Somebody:
    """A principal of the house. Anna sees everyone, Bert the view `sales`, where the boss is not."""

    network: str
    name: str

    @property
    def login(self) -> str:
        return f"{self.network}~{self.name}"

    @property
    def password(self) -> str:
        return f"password of {self.login}"

    def may_see(self, text: str) -> set[str]:
        """The marks in a text that this principal must not see."""
        return {found for found in re.findall(r"Mark-\w+-\w+-Z", text) if found not in self._marks()}

    def _marks(self) -> set[str]:
        names = {"anna", "suppliers"} | ({"boss", "bert", "board"} if self.name != "bert" else {"bert"})
        names |= {f"personal{self.name}"}
        if self.name == "anna":
            names -= {"board"}
        return {mark(self.network, name) for name in names}


EVERYBODY = [Somebody(network, name) for network in NETWORKS for name in NAMES]


@dataclass
class House:
    """The server with both networks, and what is counted while it answers."""

    services: Services
    application: Any
    statements: list[str] = field(default_factory=list)

    def client(self, who: Somebody) -> Dav:
        return Dav(self.application, who.login, who.password)


def build(services: Services, statements: list[str]) -> House:
    """The house with its users, views, books and cards."""
    house = House(services, mount(services), statements)
    for network in NETWORKS:
        _furnish(services, add_network(services, network, cloud_ids=(f"{network.upper()}APP", "SHARED")))
    for who in EVERYBODY:
        card = vcard(mark(who.network, f"personal{who.name}"), uid="same")
        assert house.client(who).put(f"/dav/{quote(who.login, safe='~')}/personal/same.vcf", card).status == 201
    for network in NETWORKS:
        for book, writer in (("suppliers", "anna"), ("board", "boss")):
            card = vcard(mark(network, book), uid=f"same-{book}")
            assert (
                house.client(Somebody(network, writer)).put(f"/dav/{network}~{writer}/{book}/same.vcf", card).status
                == 201
            )
    return house


def _furnish(services: Services, network: Network) -> None:
    services.administration.views.add(network.network_id, "sales", View(departments=frozenset({"Sales"})))
    for name in NAMES:
        add_user(
            services,
            network,
            name,
            password=Somebody(network.network_id, name).password,
            display_name=mark(network.network_id, name),
            department="Board" if name == "boss" else "Sales",
            sip_username=f"S-{name}",
            sip_password=f"sip of {network.network_id}~{name}",
        )
        portrait = photo(network.network_id, name)
        services.administration.users.change(network.network_id, name, lambda old: old, photo=portrait)
    services.administration.users.change(network.network_id, "bert", lambda old: old, view="sales")
    shared = Book(0, network.id, BookKind.SHARED, "suppliers", "Suppliers", 0, "", 1, 0, 0)
    board = Book(0, network.id, BookKind.SHARED, "board", "Board", 0, "", 1, 0, 0)

    def work(transaction: Any) -> None:
        transaction.add_book(shared, everyone="write")
        stored = transaction.add_book(board, everyone="")
        (boss,) = [user for user in transaction.users_after(network.id, "", 10) if user.cloud_username == "boss"]
        transaction.save_member(stored.id, boss.id, "write")

    services.directory.transact(work)
