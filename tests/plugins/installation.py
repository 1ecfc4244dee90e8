"""A small installation for tests of CardDAV: two networks, users, books of every kind; and the engine over it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from radicale.app import Application

from radicale_carddav_msg.configuration import composed
from tests import builders
from tests.plugins import webdav
from tests.plugins.webdav import Dav

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PASSWORD = "correct horse"
CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-1\r\nFN:Kamil, Fix\r\nORG:Acme, Inc.\r\nNOTE:folded\r\n  here, with a comma"
    "\r\nitem1.TEL;type=CELL,voice;TYPE=pref:+420 777 123 456\r\nX-Own:kept\r\nEND:VCARD\r\n"
)


def card(uid: str, *lines: str) -> str:
    """A card with these lines."""
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", *lines, "END:VCARD", ""])


def fill(services: Services) -> None:
    """`acme` with anna, bob and three shared books (one to read, one to write, one of bob alone), `other` with zoe."""
    acme = builders.add_network(services, "acme")
    builders.add_users(
        services,
        acme,
        [
            builders.new_user("anna", password=PASSWORD, display_name="Anna Adler"),
            builders.new_user("bob", password=PASSWORD, display_name="Bob Baker"),
        ],
    )
    other = builders.add_network(services, "other")
    builders.add_user(services, other, "zoe", password=PASSWORD)
    books = services.administration.books
    books.add("acme", "notices", title="Notices", everyone="read")
    books.add("acme", "team", title="Team", everyone="write")
    books.add("acme", "secret", title="Secret")
    books.share("acme", "secret", "bob", "write")


def engine(services: Services, *, visitor_key: str = "", segment_key: str = "", mount: str = "") -> Any:
    """The engine alone at a mount point, with the text in PATH_INFO that Radicale's own server gives it."""
    radicale = Application(composed(services, visitor_key=visitor_key, segment_key=segment_key, dav="1"))

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        decoded = environ["PATH_INFO"].encode("latin-1").decode().removeprefix(mount)
        return radicale({**environ, "SCRIPT_NAME": mount, "PATH_INFO": decoded}, start_response)

    return application


def engine_client(services: Services, login: str = "acme~anna", password: str = PASSWORD) -> Dav:
    """A client of the engine alone."""
    return webdav.wsgi(engine(services), login, password)
