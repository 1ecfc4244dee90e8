"""vdirsyncer, a CardDAV client that mirrors address books into folders, against the real server."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.services.authentication import Face
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.faces import card_properties
from tests.required import program
from tests.servers import Servers

CONFIG = """
[general]
status_path = "{folder}/status/"

[pair books]
a = "folders"
b = "server"
collections = ["from b"]

[storage folders]
type = "filesystem"
path = "{folder}/books/"
fileext = ".vcf"

[storage server]
type = "carddav"
url = "{url}/"
username = "acme~anna"
password = "right"
"""
OWN_CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:from-the-client\r\nFN:Plumber\r\nN:Plumber;;;;\r\n"
    'ITEM1.TEL;TYPE=CELL:+1 555 010\r\nX-ODD;X-P="a,b":kept, as it is\r\nEND:VCARD\r\n'
)


class Vdirsyncer:
    """The program with a configuration of its own; `folder/books/BOOK/*.vcf` is what it sees of the server."""

    def __init__(self, folder: Path, url: str) -> None:
        self._program = program("vdirsyncer")
        self._config = folder / "config"
        self._config.write_text(CONFIG.format(folder=folder, url=url))
        self.books = folder / "books"

    def __call__(self, command: str) -> str:
        """Runs a command, saying yes to the folders it wants to make, and returns what it printed."""
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            [self._program, "--config", str(self._config), command],
            env=environ | {"PYTHONUTF8": "1"},
            input="y\n" * 20,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cards(self, book: str) -> dict[str, dict[str, str]]:
        """FN → properties of each card of a book."""
        cards = [dict(card_properties(path.read_text("utf-8"))) for path in (self.books / book).glob("*.vcf")]
        return {card["FN"]: card for card in cards}


@pytest.fixture
def client(tmp_path: Path, settings: Settings, services: Services, server: Servers) -> Vdirsyncer:
    """vdirsyncer, at a server with the users Anna (who syncs), Ben and Cleo, and a shared book `suppliers`."""
    acme = add_network(services, "acme", sip_host="sip.example.com")
    for name in ("anna", "ben", "cleo"):
        add_user(services, acme, name, password="right", display_name=name.title())
    services.administration.books.add("acme", "suppliers", title="Suppliers", everyone="write")
    return Vdirsyncer(tmp_path, server(settings).url)


def test_books_are_found_and_synced_both_ways(client: Vdirsyncer, services: Services) -> None:
    """A first sync brings all books; a second a change, a deletion and the client's own cards, then nothing more."""
    client("discover")
    client("sync")
    assert sorted(path.name for path in client.books.iterdir()) == ["directory", "personal", "suppliers"]
    directory = client.cards("directory")
    assert sorted(directory) == ["Anna", "Ben", "Cleo"]
    assert (directory["Ben"]["X-CLOUD-USERNAME"], directory["Ben"]["X-NETWORK-ID"]) == ("ben", "acme")

    users = services.administration.users
    users.change("acme", "ben", lambda user: replace(user, profile=replace(user.profile, title="Head of Tea")))
    users.remove("acme", "cleo")
    for book in ("personal", "suppliers"):
        (client.books / book / "own.vcf").write_bytes(OWN_CARD.encode())
    client("sync")

    directory = client.cards("directory")
    assert sorted(directory) == ["Anna", "Ben"]
    assert directory["Ben"]["TITLE"] == "Head of Tea"
    assert _texts(services, "anna", "personal") == [OWN_CARD]
    assert _texts(services, "ben", "suppliers") == [OWN_CARD]
    assert _texts(services, "ben", "personal") == []
    assert "Copying" not in client("sync")


def test_card_changed_and_deleted_on_the_client(client: Vdirsyncer, services: Services) -> None:
    """A card of the client is changed and then deleted there, and the server follows."""
    client("discover")
    card = client.books / "personal" / "own.vcf"
    card.write_bytes(OWN_CARD.encode())
    client("sync")
    changed = OWN_CARD.replace("Plumber", "Electrician")
    card.write_bytes(changed.encode())
    client("sync")
    assert _texts(services, "anna", "personal") == [changed]
    (client.books / "personal" / "other.vcf").write_bytes(OWN_CARD.replace("from-the", "2nd").encode())
    card.unlink()
    client("sync")
    assert _texts(services, "anna", "personal") == [OWN_CARD.replace("from-the", "2nd")]


def _texts(services: Services, user: str, slug: str) -> list[str]:
    visitor = services.authentication.enter(f"acme~{user}", "right", Face.CARDDAV, slug=slug)
    books = services.addressbooks
    return [
        card.text
        for book in books.home(visitor.principal)
        if book.slug == slug
        for card in books.texts(visitor.principal, book)
    ]
