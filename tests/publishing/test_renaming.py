"""A network gets another Network ID: the cards are those that rendering makes, and each is changed once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import Number
from carddav_msg.publishing import renaming
from carddav_msg.publishing.cards import put_card
from carddav_msg.services.importing.report import Silent
from carddav_msg.settings import Settings
from tests.builders import add_network, add_users, new_user

LONG = "network-" + "x" * 56
NAMES = {"cloud_username_aliases": ("X-CLOUDUSERNAME",), "network_id_aliases": ("X-NETWORKID",)}


@dataclass
class House:
    """A network with two views, users of all kinds, and a shared book in which a card stands for one."""

    services: Services
    network: Network

    def rename(self, name: str) -> None:
        network = self.services.directory.networks()[0]
        self.services.administration.networks.change(network.network_id, lambda old: replace(old, network_id=name))

    def cards(self) -> dict[tuple[int, str], tuple[int, str]]:
        """(book, href) → (number of the last change, text) of all cards."""
        directory = self.services.directory
        books = [view.book for view in directory.directory_books(self.network.id)]
        books += [shared.book for shared in directory.shared_books(self.network.id)]
        return {(book, card.href): (seq, card.text) for book in books for seq, card in directory.texts(book, 0, 1000)}

    def fragments(self, book: int) -> str:
        return "".join(fragment for _, _, fragment in self.services.directory.fragments(book, 0, 1000))


@pytest.fixture(params=[{}, NAMES, {"contacts_checksum": True}], ids=["plain", "aliases", "checksum"])
def house(any_settings: Settings, request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """With pages of two cards, so that there are some."""
    monkeypatch.setattr(renaming, "BATCH", 2)
    with contextlib.closing(bootstrap.build(replace(any_settings, **request.param))) as services:
        services.administration.announce()
        acme = add_network(services, "acme", sip_host="sip.acme.example")
        services.administration.views.add("acme", "small", View(hidden=frozenset({"note", "numbers"})))
        number = (Number("work", "+493012345", e164="+493012345"),)
        users = [
            new_user(
                "anna", display_name='Anna "Ä" Nováková', numbers=number, note="networkId: acme\nX-NETWORK-ID:acme"
            ),
            new_user("ben", extra=("X-NETWORK:acme", "REV-ISED:yes"), sip_username="100"),
            new_user("silent", messaging=False),
            new_user("unlisted", listed=False),
            new_user("gone", enabled=False),
            new_user("jürgen@acme.example"),
        ]
        add_users(services, acme, users)
        shared = Book(0, acme.id, BookKind.SHARED, "team", "team", 0, "", 1, 0, 0)
        book = services.directory.transact(lambda tx: tx.add_book(shared, everyone="write"))
        for uid, lines in (("1", ("X-CLOUD-USERNAME:ben", "X-NETWORK-ID:acme")), ("2", ()), ("3", ())):
            body = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", "FN:X", *lines, "END:VCARD", ""]).encode()
            services.directory.transact(
                lambda tx, href=f"{uid}.vcf", body=body: put_card(
                    tx, services.renderer, book, href, body, Preconditions(), max_size=10_000
                )
            )
        yield House(services, acme)


def identity_lines(text: str) -> set[str]:
    unfolded = text.replace("\r\n ", "")
    return {line for line in unfolded.split("\r\n") if line.startswith(("X-NETWORK-ID:", "X-NETWORKID:"))}


def test_a_rename_is_what_rendering_makes(house: House) -> None:
    """All cards with an identity say the new name, those without keep their numbers, and rendering finds no fault."""
    for name in ("globex", LONG, "acme"):
        before = house.cards()
        house.rename(name)
        after = house.cards()
        assert after.keys() == before.keys()
        changed = {key for key in after if after[key] != before[key]}
        assert changed == {key for key in before if "X-CLOUD-USERNAME" in before[key][1]}
        assert len(changed) == 3 + 3 + 1
        assert len({(book, after[book, href][0]) for book, href in changed}) == len(changed)
        for key in changed:
            assert {line.partition(":")[2] for line in identity_lines(after[key][1])} == {name}
        for view in house.services.directory.directory_books(house.network.id):
            assert house.fragments(view.book).count(f'"networkId":"{name}"') == 3
        assert house.services.administration.rebuild(Silent(), everything=True) == 0


def test_a_card_that_looks_otherwise_is_rendered(house: House) -> None:
    """What is stored may come from other settings: then the card is made anew from its user."""
    other = bootstrap.build(replace(house.services.settings, network_id_property="X-TENANT"))
    with contextlib.closing(other):
        other.administration.announce()
        House(other, house.network).rename("globex")
    texts = [text for (_, href), (_, text) in house.cards().items() if "X-CLOUD-USERNAME" in text and len(href) > 10]
    assert len(texts) == 6
    assert all("X-TENANT:globex" in text and "X-NETWORK-ID:globex" not in text for text in texts)
