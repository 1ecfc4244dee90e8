"""sync-collection with a limit (RFC 6578 §3.6): whatever changes between the parts, nothing is lost or left over."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carddav_msg.bootstrap import Services
from tests.builders import forget_deletions
from tests.dav.clients import CR, D, Dav, Reply, vcard
from tests.dav.conftest import House, build
from tests.profiles import examples


@dataclass
class Phone:
    """A client with a copy of the book: href → etag; `gone` are the cards that it was told to delete."""

    client: Dav
    book: str
    token: str = ""
    cards: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def ask(self, limit: int, *props: str) -> bool:
        """One request; True when there is more to come."""
        reply = self.client.sync(self.book, self.token, D + "getetag", *props, limit=limit)
        members = reply.members
        more = self.book in members and members.pop(self.book).truncated
        assert not limit or len(members) <= limit
        assert not more or members, "a part without a change never ends"
        for href, member in members.items():
            if member.gone:
                self.gone.append(href)
                self.cards.pop(href, None)
            else:
                self.cards[href] = member.text(D + "getetag")
        self.token = _token(reply)
        return more


def _token(reply: Reply) -> str:
    return reply.xml.findtext(D + "sync-token") or ""


def _on_server(house: House) -> dict[str, str]:
    members = house.anna.propfind(house.personal, D + "getetag", depth="1").members
    return {href: member.text(D + "getetag") for href, member in members.items() if href != house.personal}


def test_a_first_sync_comes_in_parts(house: House) -> None:
    """Each part has the token of its last row; the last part has the token of the book."""
    for number in range(7):
        house.anna.put(f"{house.personal}{number}.vcf", vcard(uid=str(number)))
    house.anna("DELETE", house.personal + "0.vcf")
    phone = Phone(house.anna, house.personal)
    assert [phone.ask(2, CR + "address-data") for _ in range(3)] == [True, True, False]
    assert phone.cards == _on_server(house)
    assert phone.gone == []
    book = house.anna.propfind(house.personal, D + "sync-token").members[house.personal]
    assert phone.token == book.text(D + "sync-token")


def test_exactly_as_many_as_asked_is_all(house: House) -> None:
    """507 is for more than the limit, not for as many."""
    for number in range(3):
        house.anna.put(f"{house.personal}{number}.vcf", vcard(uid=str(number)))
    assert Phone(house.anna, house.personal).ask(3) is False
    reply = house.anna.sync(house.personal, "", limit=2)
    (truncated,) = [r for r in reply.xml.findall(D + "response") if r.findtext(D + "href") == house.personal]
    assert truncated.findtext(D + "status") == "HTTP/1.1 507 Insufficient Storage"
    assert truncated.find(f"{D}error/{D}number-of-matches-within-limits") is not None


def test_what_is_deleted_between_the_parts_of_a_first_sync_is_told(house: House) -> None:
    """Deletions from before the sync began are no news, those from since then are."""
    for number in range(6):
        house.anna.put(f"{house.personal}{number}.vcf", vcard(uid=str(number)))
    house.anna("DELETE", house.personal + "5.vcf")
    phone = Phone(house.anna, house.personal)
    assert phone.ask(2)
    house.anna("DELETE", house.personal + "0.vcf")
    house.anna.put(house.personal + "1.vcf", vcard("New", uid="1"))
    house.anna.put(house.personal + "6.vcf", vcard("New", uid="6"))
    while phone.ask(2):
        pass
    assert phone.cards == _on_server(house)
    assert phone.gone == [house.personal + "0.vcf"]


def test_only_the_beginning_of_a_first_sync_is_compared_with_what_was_pruned(house: House) -> None:
    """A token of an unfinished sync has a low number, and is not too old for that."""
    for number in range(4):
        house.anna.put(f"{house.personal}{number}.vcf", vcard(uid=str(number)))
    house.anna("DELETE", house.personal + "3.vcf")
    phone = Phone(house.anna, house.personal)
    assert phone.ask(1)
    old = Phone(house.anna, house.personal, _earlier(phone.token))
    forget_deletions(house.services)
    assert house.anna.sync(house.personal, old.token).condition == D + "valid-sync-token"
    while phone.ask(1):
        pass
    assert phone.cards == _on_server(house)


def _earlier(token: str) -> str:
    """The same state as that of a sync that was complete."""
    return token.rpartition(".")[0]


_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 7)),
        st.tuples(st.just("delete"), st.integers(0, 7)),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 7), st.integers(0, 7))),
        st.tuples(st.just("ask"), st.tuples(st.integers(0, 2), st.integers(1, 4))),
        st.tuples(st.just("prune"), st.none()),
    ),
    max_size=30,
)


@pytest.mark.parametrize("page_size", [2, 1000])
def test_phones_end_in_the_state_of_the_server(any_services: Services, page_size: int) -> None:
    """Edits, deletions, moves and prunings between the parts of three phones' syncs: all have exactly the server's."""
    house = build(any_services)
    house.services.addressbooks._page_size = page_size
    numbers = itertools.count()

    def put(name: int) -> None:
        card = f"{house.personal}{name}.vcf"
        known = house.anna("GET", card)
        uid = known.body.split(b"UID:")[1].split(b"\r\n")[0].decode() if known.status == 200 else None
        assert house.anna.put(card, vcard(f"Name {next(numbers)}", uid or f"u{next(numbers)}")).status < 300

    @settings(max_examples=examples(ci=12, soak=1000))
    @given(_OPERATIONS)
    def agree(operations: list[tuple[str, Any]]) -> None:
        for name in range(0, 8, 2):
            put(name)
        phones = [Phone(house.anna, house.personal) for _ in range(3)]
        for kind, what in operations:
            if kind == "put":
                put(what)
            elif kind == "delete":
                house.anna("DELETE", f"{house.personal}{what}.vcf")
            elif kind == "move":
                source, target = (f"{house.personal}{name}.vcf" for name in what)
                house.anna("MOVE", source, destination=target)
            elif kind == "prune":
                forget_deletions(house.services)
            else:
                _ask(phones[what[0]], what[1])
        for phone in phones:
            assert any(not _ask(phone, 2) for _ in range(100)), "the sync never ends"
            assert phone.cards == _on_server(house)

    agree()


def _ask(phone: Phone, limit: int) -> bool:
    """A part; a phone whose token is too old begins anew, as clients do."""
    reply = phone.client.sync(phone.book, phone.token, limit=1)
    if reply.status == 403:
        assert reply.condition == D + "valid-sync-token"
        phone.token = ""
        phone.cards.clear()
    return phone.ask(limit)
