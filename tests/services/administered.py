"""A network with people of all roles, for tests of what administrators do by CardDAV and by the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carddav_msg.domain.access import Book, Grant, Principal
from carddav_msg.domain.preconditions import Preconditions
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.user import User
    from carddav_msg.publishing.cards import Stored

ANY = Preconditions()


def vcard(uid: str, *lines: str, name: str = "X") -> bytes:
    """A client's card."""
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", *lines, "END:VCARD", ""]).encode()


class Acme:
    """Anna administers the network, Bert is a user of it, and everyone writes the shared book `team`."""

    def __init__(self, services: Services, **network: Any) -> None:
        self.services = services
        self.network = add_network(services, "acme", sip_host="sip.acme.example", **network)
        self.anna, self.bert = add_user(services, self.network, "anna"), add_user(services, self.network, "Bert")
        services.administration.grants.add("acme", "anna", "admin", "acme")
        services.administration.books.add("acme", "team", everyone="write")
        self.admin = Principal(
            self.anna.id, self.network.id, "acme~anna", (Grant("admin", self.network.id),), address="192.0.2.1"
        )
        self.plain = Principal(self.bert.id, self.network.id, "acme~Bert")

    def book(self, principal: Principal, slug: str) -> Book:
        found = self.services.addressbooks.book(principal, slug)
        assert found is not None
        return found

    def put(self, principal: Principal, slug: str, href: str, body: bytes) -> Stored:
        return self.services.addressbooks.put(principal, self.book(principal, slug), href, body, ANY)

    def delete(self, principal: Principal, slug: str, href: str) -> None:
        self.services.addressbooks.delete(principal, self.book(principal, slug), href, ANY)

    def text(self, principal: Principal, slug: str, href: str) -> str:
        """A card as it is served, empty when there is none."""
        card = self.services.addressbooks.card(principal, self.book(principal, slug), href)
        return card.text if card else ""

    def user(self, name: str) -> User:
        """A user as stored."""
        return self.services.administration.users.find("acme", name)[1]

    def audit(self, **filters: Any) -> list[tuple[str, str, str]]:
        """(who, what, whom) of the audit, the newest first."""
        return [(e.actor.name, e.action, e.subject) for e in self.services.administration.audit.entries(**filters)]
