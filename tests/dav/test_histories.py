"""Two CardDAV clients, and whatever may happen to them: both end in exactly the server's state, and nothing is lost.

What the server must hold is computed from the writes that it accepted (`Expected`); the clients only know what
they were answered. Between the pages of a sync's answer somebody else may write.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.dav.guard import Guard
from carddav_msg.domain.access import Principal
from carddav_msg.domain.user import Profile
from carddav_msg.publishing.deletion_guard import DeletionGuard
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.authentication import Face
from tests.builders import add_network, add_user, forget_deletions
from tests.copies import PostgresqlCopies, SqliteCopies
from tests.databases import Databases, quick_folder
from tests.dav.clients import CR, D, Dav, Engine, Reply, vcard
from tests.dav.conftest import SECRET, House
from tests.dav.device import DATA, ETAG, TOKEN, Device, path_of
from tests.dav.expected import Card, Expected, pair_lines, without_pair
from tests.dav.steps import BOOKS, EDITS, HREFS, NETWORK_IDS, STEPS, Edit, Edits, Event, Sync
from tests.profiles import examples


class Interrupted:
    """The directory, with something that happens before the second page of an answer is read."""

    def __init__(self, directory: Any) -> None:
        self._directory = directory
        self.pages = 0
        self.meanwhile: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._directory, name)

    def changes(self, *asked: Any) -> Any:
        self.pages += 1
        if self.pages == 2 and self.meanwhile:
            work, self.meanwhile = self.meanwhile, None
            work()
        return self._directory.changes(*asked)


class Histories(RuleBasedStateMachine):
    """Anna's two devices, at a network where Ben comes and goes."""

    services: Services
    copies: SqliteCopies | PostgresqlCopies

    def __init__(self) -> None:
        super().__init__()
        self.put_back("empty")
        acme = add_network(self.services, "acme")
        for name in ("anna", "ben", "carl"):
            add_user(self.services, acme, name, password="right", display_name=name.title())
        self.services.administration.books.add("acme", "team", everyone="write")
        self.services.addressbooks.create_book(self.principal, "friends", "Friends", "", "")
        self.directory = Interrupted(self.services.directory)
        unguarded = DeletionGuard(cards=100_000, percent=100)
        books = AddressBooks(self.directory, self.services.renderer, unguarded, page_size=2, max_card_size=100_000)
        self.engine = Engine()
        guard = Guard(self.services.authentication, books, self.engine, prefix="/dav", max_body_size=1_000_000)
        self.devices = [Device(BOOKS, Dav(guard, "acme~anna", "right")) for _ in range(2)]
        self.expected = Expected()
        self.stale: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.times = [0]
        self.count = 0
        self.saved: Expected | None = None

    def put_back(self, name: str) -> None:
        """The database as it once was. Without a connection the services are as good as started anew."""
        self.services.close()
        self.copies.put_back(name)

    @property
    def principal(self) -> Principal:
        return self.services.authentication.enter("acme~anna", "right", Face.CARDDAV).principal

    @initialize(edits=st.lists(EDITS, min_size=5, max_size=12))
    def begin(self, edits: list[Edit]) -> None:
        """There are cards already."""
        self.go_on(Edits(0, edits))

    @rule(step=STEPS)
    def go_on(self, step: Edits | Sync | Event) -> None:
        match step:
            case Edits(device, edits):
                for edit in edits:
                    self.carry_out(self.devices[device], edit)
            case Sync(device, book, limit, inline, meanwhile):
                self.directory.pages = 0
                if meanwhile is not None:
                    self.directory.meanwhile = lambda: self.carry_out(self.devices[1 - device], meanwhile)
                self.devices[device].sync(book, limit, inline)
                self.directory.meanwhile = None
            case Event(name, which):
                self.happen(name, which)

    def settle(self) -> None:
        """Both devices sync to the end."""
        assert not self.engine.seen, "the lane has left something to the engine"
        for book in reversed(BOOKS):
            truth = self.truth(book)
            if book != "directory":
                assert {name: body for name, (_, body) in truth.items()} == self.expected.served(book)
            for device in self.devices:
                device.finish(book)
                assert device.books[book].cards == truth, book
        people = {re.search(r"\r\nFN:(.*)\r\n", body.decode())[1]: body.decode() for _, body in truth.values()}  # type: ignore[index]
        assert set(people) == {"Anna", "Carl"} | ({"Ben"} if self.expected.ben_enabled else set())
        for name, text in people.items():
            assert pair_lines(name.lower(), self.expected.network_id) in text

    def truth(self, book: str) -> dict[str, tuple[str, bytes]]:
        """The cards that a stranger to this history sees: a listing, then a GET of each."""
        dav = self.devices[0].dav
        hrefs = set(dav.propfind(path_of(book), ETAG, depth="1").members) - {path_of(book)}
        found = {}
        for href in hrefs:
            reply = dav("GET", path_of(book, href.rpartition("/")[2]))
            assert reply.status == 200
            found[href.rpartition("/")[2]] = (reply.headers["ETag"], reply.body)
        return found

    def carry_out(self, device: Device, edit: Edit) -> None:
        """Sends an edit, compares the answer with what must come of it, and notes what is so from now on."""
        known = device.books[edit.book].cards.get(edit.href)
        headers, seen = self.compared(known, edit)
        now = self.expected.served(edit.book).get(edit.href)
        holds = (now is None) if "if_none_match" in headers else (not headers or (now is not None and now == seen))
        place = path_of(edit.book, edit.href)
        if edit.action == "delete":
            reply = device.dav("DELETE", place, **headers)
            assert reply.status == (412 if not holds else 404 if now is None else 204), reply.body
            if reply.status == 204:
                del self.expected.books[edit.book][edit.href]
                device.books[edit.book].cards.pop(edit.href, None)
            return
        body, uid = self.body(known, edit)
        reply = device.dav.put(place, body, **headers)
        if not holds:
            assert reply.status == 412, (reply.status, reply.body)
        elif uid and self.expected.uid_conflict(edit.book, edit.href, uid):
            assert (reply.status, reply.condition) == (403, CR + "no-uid-conflict"), reply.body
        else:
            self.stored(device, edit, body, uid, reply)

    def compared(self, known: tuple[str, bytes] | None, edit: Edit) -> tuple[dict[str, str], bytes]:
        """The headers of an edit, and the bytes that it compares with."""
        if edit.basis == "none":
            return {}, b""
        if edit.basis == "stale":
            etag, seen = self.stale.get((edit.book, edit.href), ('"never"', b""))
            return {"if_match": etag}, seen
        if edit.basis == "known" and known:
            return {"if_match": known[0]}, known[1]
        return {"if_none_match": "*"}, b""

    def body(self, known: tuple[str, bytes] | None, edit: Edit) -> tuple[str, str]:
        """A card that was never written before (or, `again`, the one that is known), and its UID."""
        old = known[1].decode() if known else ""
        if edit.action == "again" and known:
            return old, re.search(r"\r\nUID:(.*)\r\n", old)[1]  # type: ignore[index]
        self.count += 1
        place = HREFS.index(edit.href)
        uid = {"own": f"uid-{place}", "another's": f"uid-{(place + 1) % len(HREFS)}"}.get(edit.uid, "")
        pair = {
            "known": "".join(old.splitlines(keepends=True)[-3:-1]) if "X-CLOUD" in old else "",
            "right": pair_lines("ben", self.expected.network_id),
            "old": pair_lines("ben", NETWORK_IDS[place % len(NETWORK_IDS)]),
            "forged": pair_lines("mallory", "acme"),
            "none": "",
        }[edit.pair]
        lines = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"FN:Card {self.count}",
            "NOTE:a, b;\r\n\tc",
            *([f"UID:{uid}"] * bool(uid)),
        ]
        return "\r\n".join([*lines, f"{pair}END:VCARD", ""]), uid

    def stored(self, device: Device, edit: Edit, body: str, uid: str, reply: Reply) -> None:
        """What must come of a card that nothing speaks against but, perhaps, its identity."""
        cards = self.expected.books[edit.book]
        old = cards.get(edit.href)
        linked = old is not None and old.linked
        carried = "".join(line for line in body.splitlines(keepends=True) if line.startswith(("X-CLOUD", "X-NETWORK")))
        if carried and not (linked and carried.startswith("X-CLOUD-USERNAME:ben\r\n")):
            if carried == self.expected.pair:
                linked = True
            elif edit.book == "team" and reply.status == 403:
                # Refused, unless the card once carried it: the answer is the server's, the identity is not given.
                assert reply.condition == D + "need-privileges"
                return
        assert reply.status == (204 if old else 201), (reply.status, reply.body)
        card = Card(uid, without_pair(body), linked)
        got = device.dav("GET", path_of(edit.book, edit.href))
        if not uid:
            found = re.search(r"UID:(.*)\r\n", got.body.decode())
            assert found
            card = Card(found[1], without_pair(got.body.decode()), linked)
            assert card.text.replace(found[0], "") == without_pair(body)
            assert old is None or old.uid == card.uid
        cards[edit.href] = card
        assert got.body == card.served(self.expected.pair)
        assert ("ETag" in reply.headers) == (got.body == body.encode())
        assert reply.headers.get("ETag") in (None, got.headers["ETag"])
        mirror = device.books[edit.book].cards
        if edit.href in mirror:
            self.stale[edit.book, edit.href] = mirror[edit.href]
        mirror[edit.href] = (got.headers["ETag"], got.body)

    # -- administration --

    def happen(self, event: str, which: int) -> None:
        match event:
            case "ben":
                self.change_user("ben", enabled=not self.expected.ben_enabled)
                self.expected.ben_enabled = not self.expected.ben_enabled
            case "carl":
                self.count += 1
                self.change_user("carl", profile=Profile("Carl", title=f"Title {self.count}"))
            case "rename":
                self.rename(NETWORK_IDS[which % len(NETWORK_IDS)])
            case "remake":
                self.remake_a_book()
            case "prune":
                self.prune(self.times[which] if which < len(self.times) else None)
            case "back up":
                self.copies.save("backup")
                self.saved = copy.deepcopy(self.expected)
            case "restore" if self.saved is not None:
                self.put_back("backup")
                self.services.administration.restored()
                self.expected = copy.deepcopy(self.saved)
            case "settle":
                self.settle()

    def change_user(self, name: str, **changes: Any) -> None:
        users = self.services.administration.users
        users.change(self.expected.network_id, name, lambda user: replace(user, **changes))

    def rename(self, network_id: str) -> None:
        networks = self.services.administration.networks
        networks.change(self.expected.network_id, lambda network: replace(network, network_id=network_id))
        self.expected.network_id = network_id

    def remake_a_book(self) -> None:
        """Anna deletes a book of hers, and makes one of the same name."""
        books = self.services.addressbooks
        (friends,) = [book for book in books.home(self.principal) if book.slug == "friends"]
        books.delete_book(self.principal, friends)
        books.create_book(self.principal, "friends", "Friends", "", "")
        self.expected.books["friends"] = {}

    def prune(self, before: int | None) -> None:
        """Deletions are forgotten: all of them, or those before an earlier pruning."""
        self.times.append(self.services.directory.transact(lambda transaction: transaction.now))
        forget_deletions(self.services, before)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.settle()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_clients_end_in_the_servers_state(kind: str, databases: Databases) -> None:
    """Edits, cut syncs, conflicts, identities that come and go, prunings and restores, in any order."""
    with ExitStack() as end:
        folder = Path(end.enter_context(quick_folder()))
        sqlite = kind == "sqlite"
        url = databases.sqlite(folder) if sqlite else end.enter_context(databases.postgresql())
        copies = (SqliteCopies if sqlite else PostgresqlCopies)(url)
        copies.save("empty")
        services = end.enter_context(closing(bootstrap.build(databases.settings(folder, url))))
        machine = type("Histories", (Histories,), {"services": services, "copies": copies})
        counts = {"max_examples": examples(ci=10, soak=1000), "stateful_step_count": examples(ci=25, soak=50)}
        run_state_machine_as_test(machine, settings=hypothesis_settings(**counts))


def test_initial_answer_lists_no_deletions(house: House) -> None:
    """A card that is deleted while a first sync with texts is sent is left out, and gone in the next one (§3.4)."""
    directory = Interrupted(house.services.directory)
    guard = DeletionGuard(cards=20, percent=20)
    books = AddressBooks(directory, house.services.renderer, guard, page_size=2, max_card_size=100_000)
    anna = Dav(
        Guard(house.services.authentication, books, Engine(), prefix="/dav", max_body_size=100_000), "acme~anna", SECRET
    )
    paths = [f"{house.personal}{name}.vcf" for name in "abc"]
    for path in paths:
        assert anna.put(path, vcard(uid=path)).status == 201
    directory.meanwhile = lambda: anna("DELETE", paths[0])
    first = anna.sync(house.personal, "", ETAG, DATA)
    assert list(first.members) == paths[1:]
    changes = anna.sync(house.personal, first.xml.findtext(TOKEN) or "")
    assert {href: member.gone for href, member in changes.members.items()} == {paths[0]: True}
