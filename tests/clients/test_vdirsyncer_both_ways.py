"""vdirsyncer with many cards that were made on both sides: every byte arrives, and nobody's change is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.domain.access import Book, Principal
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.services.authentication import Face
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.clients.test_vdirsyncer import Vdirsyncer
from tests.servers import Servers

COUNT = 100
_ODD: list[Callable[[str], str]] = [
    lambda card: card,
    lambda card: card.replace("\r\n", "\n"),
    lambda card: card.replace("NOTE:", "NOTE:a, raw; comma and "),
    lambda card: card.replace("NOTE:", "ORG:Acme, Inc.\r\nTITLE:Head, of; things\r\nNOTE:"),
    lambda card: card.replace("NOTE:", "item1.TEL;type=pref:+1 555\r\nitem1.X-ABLabel:_$!<Other>!$_\r\nNOTE:"),
    lambda card: card.replace(
        "NOTE:", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJ\r\n RgABAQAAAQAB\r\n\tAAD/2w==\r\nNOTE:"
    ),
    lambda card: card.replace("NOTE:", 'X-ODD;P="a:b;c",d;Q="open:<&>]]> %s 👩🏽‍🚀 \u2028 é e\u0301\r\nNOTE:'),
    lambda card: card.replace("NOTE:", f"N:;;;;\r\nN:again\r\nX-LONG:{'ü' * 3000}\r\nNOTE:"),
    lambda card: card.replace("\r\nEND:VCARD\r\n", "\r\n\r\nEND:VCARD\r\n\r\n"),
    # vdirsyncer knows a UID in capitals only.
    lambda card: card.replace("VERSION:3.0\r\n", "").replace("FN:", "fn:").replace("END:", "version:3.0\r\nEND:"),
]


def card(uid: str, note: str = "") -> str:
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{uid}\r\nNOTE:{note}\r\nEND:VCARD\r\n"


def odd_cards(side: str) -> dict[str, bytes]:
    """UID → a card that only a reader without loss gives back."""
    uids = [f"{side}-{number}" for number in range(COUNT)]
    return {uid: _ODD[number % len(_ODD)](card(uid)).encode() for number, uid in enumerate(uids)}


class Personal:
    """Anna's personal book at the server, as another device of hers sees it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def _entered(self) -> tuple[Principal, Book]:
        principal = self._services.authentication.enter("acme~anna", "right", Face.CARDDAV).principal
        book = self._services.addressbooks.book(principal, "personal")
        assert book
        return principal, book

    def put(self, uid: str, body: bytes) -> None:
        self._services.addressbooks.put(*self._entered(), f"{uid}.vcf", body, Preconditions())

    def delete(self, uid: str) -> None:
        self._services.addressbooks.delete(*self._entered(), f"{uid}.vcf", Preconditions())

    def cards(self) -> dict[str, bytes]:
        return {row.uid: row.text.encode() for row in self._services.addressbooks.texts(*self._entered())}


@pytest.fixture
def personal(services: Services) -> Personal:
    acme = add_network(services, "acme")
    add_user(services, acme, "anna", password="right", display_name="Anna")
    return Personal(services)


@pytest.fixture
def client(tmp_path: Path, settings: Settings, personal: Personal, server: Servers) -> Vdirsyncer:
    """vdirsyncer with the folder `personal`."""
    started = Vdirsyncer(tmp_path, server(settings).url)
    started("discover")
    return started


def files(client: Vdirsyncer) -> dict[str, bytes]:
    """UID → bytes of the client's files; vdirsyncer names them after the UID."""
    return {path.stem: path.read_bytes() for path in (client.books / "personal").glob("*.vcf")}


def test_cards_of_both_sides_arrive_byte_for_byte(client: Vdirsyncer, personal: Personal) -> None:
    """Hundred odd cards of each side are on both after one sync; changes and deletions of both follow."""
    here, there = odd_cards("here"), odd_cards("there")
    for uid, body in here.items():
        (client.books / "personal" / f"{uid}.vcf").write_bytes(body)
    for uid, body in there.items():
        personal.put(uid, body)
    client("sync")
    everything = here | there
    assert files(client) == everything
    assert personal.cards() == everything
    assert "Copying" not in client("sync")

    for number in range(10):
        changed, gone = f"here-{number}", f"here-{number + 20}"
        everything[changed] = card(changed, "changed at the server").encode()
        personal.put(changed, everything[changed])
        personal.delete(gone)
        del everything[gone]
        changed, gone = f"there-{number}", f"there-{number + 20}"
        everything[changed] = card(changed, "changed in the folder").encode()
        (client.books / "personal" / f"{changed}.vcf").write_bytes(everything[changed])
        (client.books / "personal" / f"{gone}.vcf").unlink()
        del everything[gone]
    client("sync")
    assert files(client) == everything
    assert personal.cards() == everything


@pytest.mark.parametrize("winner", ["a", "b"])
def test_conflicts_are_seen(client: Vdirsyncer, personal: Personal, winner: str, tmp_path: Path) -> None:
    """A card changed on both sides is overwritten on neither until somebody decides; then the loser takes the other."""
    file = client.books / "personal" / "both.vcf"
    file.write_bytes(card("both").encode())
    client("sync")
    here, there = card("both", "in the folder").encode(), card("both", "at the server").encode()
    file.write_bytes(here)
    personal.put("both", there)
    with pytest.raises(AssertionError, match="conflict"):
        client("sync")
    assert (file.read_bytes(), personal.cards()) == (here, {"both": there})

    config = tmp_path / "config"
    decision = f'[pair books]\nconflict_resolution = "{winner} wins"'
    config.write_text(config.read_text().replace("[pair books]", decision))
    client("sync")
    won = here if winner == "a" else there
    assert (file.read_bytes(), personal.cards()) == (won, {"both": won})
