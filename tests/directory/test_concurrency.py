"""Writers that meet: each thread has services and connections of its own, as another server process would have.

Whatever the order in which they come, no card keeps the identity of a disabled user, no write that was answered is
lost, and nobody waits for ever.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.dav.guard import Guard
from carddav_msg.errors import Unavailable
from carddav_msg.services.authentication import Face
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.databases import Databases
from tests.dav.clients import Dav, Engine, Reply, vcard
from tests.plugins.webdav import Answer, over_http
from tests.profiles import examples
from tests.servers import Servers

PATIENCE = float(examples(ci=180, soak=3600))
ROUNDS = examples(ci=5, soak=300)
CARD = "/dav/acme~anna/team/card.vcf"
PAIR = ("X-CLOUD-USERNAME:ben", "X-NETWORK-ID:acme")
SYNC = (
    '<sync-collection xmlns="DAV:"><sync-token>{}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>'
    "</sync-collection>"
)
LISTING = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
WRITERS = ("One", "Two", "Three")


@dataclass
class Peer:
    """A server process of its own, but for the process; `dav` writes through it as Anna."""

    services: Services
    dav: Dav

    def put(self, path: str, body: str, **headers: str) -> Callable[[], Reply]:
        """A PUT that is still to be sent."""
        return partial(self.dav.put, path, body, **headers)

    def delete(self, path: str, **headers: str) -> Callable[[], Reply]:
        """A DELETE that is still to be sent."""
        return partial(self.dav, "DELETE", path, **headers)


@dataclass
class Place:
    """Several peers of one database, with a shared book `team` that Anna writes."""

    peers: list[Peer]

    @property
    def first(self) -> Peer:
        return self.peers[0]

    def text(self, path: str = CARD) -> str:
        """The card as it is served now, empty when there is none."""
        reply = self.first.dav("GET", path)
        return reply.body.decode() if reply.status == 200 else ""


@pytest.fixture
def place(any_settings: Settings) -> Iterator[Place]:
    """Four peers at one database."""
    with contextlib.ExitStack() as end:
        peers = []
        for _ in range(4):
            services = bootstrap.build(replace(any_settings, deletion_guard_cards=100_000))
            end.callback(services.close)
            guard = Guard(
                services.authentication, services.addressbooks, Engine(), prefix="/dav", max_body_size=1_000_000
            )
            peers.append(Peer(services, Dav(guard, "acme~anna", "right")))
        acme = add_network(peers[0].services, "acme")
        for name in ("anna", "ben", "carl"):
            add_user(peers[0].services, acme, name, password="right", display_name=name.title())
        peers[0].services.administration.books.add("acme", "team", everyone="write")
        yield Place(peers)


def at_once(*works: Callable[[], object]) -> list[object]:
    """Does all of it at the same moment, and returns what came of each; whoever waits too long has met a deadlock."""
    start = threading.Barrier(len(works))

    def begun(work: Callable[[], object]) -> object:
        start.wait(PATIENCE)
        return work()

    pool = ThreadPoolExecutor(len(works))
    try:
        futures = [pool.submit(begun, work) for work in works]
        return [future.result(PATIENCE) for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def change_user(services: Services, name: str, **changes: Any) -> None:
    services.administration.users.change("acme", name, lambda user: replace(user, **changes))


def rename(services: Services, old: str, new: str) -> None:
    services.administration.networks.change(old, lambda network: replace(network, network_id=new))


def card(name: str, *lines: str) -> str:
    return vcard(name, "the-card", *lines)


def statuses(replies: list[object]) -> list[int]:
    return [reply.status for reply in replies if isinstance(reply, Reply)]


def insisting(send: Callable[[], Reply]) -> int:
    """The status of a request that is sent again as long as the server says that it is busy."""
    while (reply := send()).status == 503:
        assert int(reply.headers["Retry-After"])
    return reply.status


def test_put_while_the_user_is_disabled(place: Place) -> None:
    """A card that stands for Ben, or begins to, is written while he is disabled, and while he is enabled again."""
    for count in range(ROUNDS):
        path, uid = CARD.replace("card", f"card-{count}"), f"uid-{count}"
        stands = bool(count % 2)
        if stands:
            assert place.first.dav.put(path, vcard("Start", uid, *PAIR)).status == 201
        _, *replies = at_once(
            partial(change_user, place.first.services, "ben", enabled=False),
            *(peer.put(path, vcard(name, uid, *PAIR)) for peer, name in zip(place.peers[1:], WRITERS, strict=True)),
        )
        # 403: Ben was disabled before the card stood for him.
        assert set(statuses(replies)) <= ({204} if stands else {201, 204, 403})
        stored = [vcard(name, uid) for name, status in zip(WRITERS, statuses(replies), strict=True) if status != 403]
        assert place.text(path) in (stored or [""])
        last = place.peers[1].put(path, vcard("Last", uid))
        _, reply = at_once(partial(change_user, place.first.services, "ben", enabled=True), last)
        assert statuses([reply]) == [204 if stored else 201]
        assert place.text(path) == vcard("Last", uid, *(PAIR if stored else ()))


def test_one_of_several_writers_wins(place: Place) -> None:
    """Of writers who compare with the same state exactly one succeeds, and what it wrote is there."""
    etag = place.first.dav.put(CARD, card("Start")).headers["ETag"]
    for count in range(ROUNDS):
        bodies = [card(f"Writer {number}, round {count}") for number in range(4)]
        replies = at_once(
            *(peer.put(CARD, body, if_match=etag) for peer, body in zip(place.peers, bodies, strict=True))
        )
        assert sorted(statuses(replies)) == [204, 412, 412, 412]
        assert place.text() == bodies[statuses(replies).index(204)]
        etag = next(reply.headers["ETag"] for reply in replies if isinstance(reply, Reply) and reply.status == 204)


def test_one_of_several_creators_wins(place: Place) -> None:
    """With If-None-Match one creates the card; without, one creates it and the others overwrite."""
    for count in range(ROUNDS):
        condition = {} if count % 2 else {"if_none_match": "*"}
        bodies = [card(f"Writer {number}, round {count}") for number in range(4)]
        replies = at_once(*(peer.put(CARD, body, **condition) for peer, body in zip(place.peers, bodies, strict=True)))
        others = 204 if count % 2 else 412
        assert sorted(statuses(replies)) == [201, others, others, others]
        assert place.text() in bodies
        assert count % 2 or place.text() == bodies[statuses(replies).index(201)]
        assert place.first.dav("DELETE", CARD).status == 204


def test_one_uid_is_one_card(place: Place) -> None:
    """Two clients store a card with the same UID under two names: one is told of the other's."""
    paths = [CARD, CARD.replace("card.vcf", "other.vcf")]
    for count in range(ROUNDS):
        body = vcard("Same", f"uid-{count}")
        replies = at_once(*(peer.put(path, body) for peer, path in zip(place.peers[:2], paths, strict=True)))
        assert sorted(statuses(replies)) == [201, 403]
        assert sorted(place.first.dav("DELETE", path).status for path in paths) == [204, 404]


def test_delete_and_put(place: Place) -> None:
    """A deletion that compares does not take away what was written meanwhile, and the sync says how it ended."""
    for count in range(ROUNDS):
        etag = place.first.dav.put(CARD, card(f"Start {count}")).headers["ETag"]
        token = place.first.dav.sync("/dav/acme~anna/team/").xml.findtext("{DAV:}sync-token") or ""
        body = card(f"Written {count}")
        compares = {"if_match": etag} if count % 2 else {}
        outcome = statuses(at_once(place.peers[0].delete(CARD, **compares), place.peers[1].put(CARD, body)))
        text = place.text()
        # Deleted first and then created, or overwritten first and then deleted (by who does not compare).
        assert outcome in ([204, 201], [412, 204] if compares else [204, 204])
        assert text == ("" if outcome == [204, 204] else body)
        members = place.first.dav.sync("/dav/acme~anna/team/", token).members
        assert {href: member.gone for href, member in members.items()} == {CARD: not text}


def test_rename_of_the_network_and_put(place: Place) -> None:
    """A card that stands for Ben says the network's new name, whichever was first."""
    place.first.dav.put(CARD, card("Start", *PAIR))
    assert "\r\n".join(PAIR) in place.text()
    names = ["acme", "globex"]
    for count in range(ROUNDS):
        replies = at_once(
            partial(rename, place.first.services, *names),
            place.peers[1].put(CARD, card(f"One {count}", *PAIR)),
            place.peers[2].put(CARD, card(f"Two {count}")),
        )
        names.reverse()
        assert statuses(replies) == [204, 204]
        assert f"X-CLOUD-USERNAME:ben\r\nX-NETWORK-ID:{names[0]}\r\nEND" in place.text()
        assert place.text().count("X-NETWORK-ID") == 1


def test_sign_in_while_the_network_is_renamed(place: Place) -> None:
    """Who signs in with an old name of the network is never refused, however often it gets a new one meanwhile."""
    names = ["acme", *(f"network-{count}" for count in range(examples(ci=20, soak=300)))]
    done = threading.Event()

    def rename_all() -> None:
        try:
            for old, new in pairwise(names):
                rename(place.first.services, old, new)
        finally:
            done.set()

    def sign_in(dav: Dav) -> set[int]:
        answers = {dav.propfind("/dav/acme~anna/team/", "{DAV:}getetag").status}
        while not done.is_set():
            answers.add(dav.propfind("/dav/acme~anna/team/", "{DAV:}getetag").status)
        return answers

    _, *answers = at_once(rename_all, *(partial(sign_in, peer.dav) for peer in place.peers[1:3]))
    assert answers == [{207}, {207}]


def test_writers_of_many_books_and_users(place: Place) -> None:
    """Cards of several books, users, moves and identities at once: everybody gets through, if need be by asking again.

    SQLite has no queue for writers: on a busy machine one may wait too long, and is told so (503).
    """
    books = ["/dav/acme~anna/team/", "/dav/acme~anna/personal/"]

    def write(dav: Dav, own: int) -> set[int]:
        answers = set()
        for count in range(ROUNDS):
            here, there = (books[(own + count + more) % 2] + f"{own}-{count}.vcf" for more in range(2))
            answers.add(insisting(partial(dav.put, here, vcard("Ben", f"{own}-{count}", *PAIR))))
            if count % 3 == 0:
                answers.add(insisting(partial(dav, "MOVE", here, destination=there)))
        return answers

    def administer() -> None:
        for count in range(ROUNDS):
            for name in ("ben", "carl"):
                change(name, bool(count % 2))
        change("ben", False)

    def change(name: str, enabled: bool) -> None:
        try:
            change_user(place.peers[3].services, name, enabled=enabled)
        except Unavailable:
            change(name, enabled)

    *answers, _ = at_once(*(partial(write, peer.dav, own) for own, peer in enumerate(place.peers[:3])), administer)
    # 404: there is nothing to move after a refusal, 403.
    assert all(isinstance(found, set) and found <= {201, 204, 403, 404} for found in answers)
    for book in books:
        assert b"X-CLOUD-USERNAME" not in place.first.dav("GET", book).body


def test_a_personal_book_is_not_removed_while_its_cards_are_linked(databases: Databases, tmp_path: Path) -> None:
    """Its removal waits for who has locked the network. SQLite has one writer at a time anyway."""
    with contextlib.ExitStack() as end:
        settings = databases.settings(tmp_path, end.enter_context(databases.postgresql()))
        services = end.enter_context(contextlib.closing(bootstrap.build(settings)))
        add_user(services, add_network(services, "acme"), "anna", password="right")
        anna = services.authentication.enter("acme~anna", "right", Face.CARDDAV).principal
        book = services.addressbooks.create_book(anna, "friends", "Friends", "", "")
        pool = end.enter_context(ThreadPoolExecutor(1))
        with services.directory.write() as transaction:
            transaction.lock_network(book.network, exclusive=True)
            removal = pool.submit(services.addressbooks.delete_book, anna, book)
            while not (removal.done() or somebody_waits(settings)):
                pass
            assert not removal.done()
            transaction.take_numbers(book.id, 1)
        removal.result(PATIENCE)
        assert "friends" not in [found.slug for found in services.addressbooks.home(anna)]


def somebody_waits(settings: Settings) -> bool:
    """Whether a connection to this database waits for a lock of another one."""
    with contextlib.closing(create_engine(settings.database_url, poolclass=NullPool).connect()) as connection:
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        return bool(connection.execute(text(waiting)).scalar_one())


def test_no_change_is_hidden_from_who_syncs_meanwhile(any_settings: Settings, server: Servers) -> None:
    """Two worker processes; four clients write cards of one book, another syncs: it ends with what is there."""
    with contextlib.closing(bootstrap.build(any_settings)) as services:
        acme = add_network(services, "acme")
        add_user(services, acme, "anna", password="right", display_name="Anna")
    dav = over_http(server(any_settings, workers=2, threads=4).url, "acme~anna", "right")
    book, etag = "/dav/acme~anna/personal/", "D:getetag"
    written: list[str] = []

    def write(writer: int) -> None:
        for count in range(5 * ROUNDS):
            path = f"{book}{writer}-{count}.vcf"
            assert dav("PUT", path, vcard("New", f"{writer}-{count}"), Content_Type="text/vcard").status == 201
            if count % 3 == 1:
                assert dav("PUT", path, vcard("Changed", f"{writer}-{count}"), Content_Type="text/vcard").status == 204
            if count % 3 == 2:
                assert dav("DELETE", path).status == 204
            else:
                written.append(path)

    seen: dict[str, str] = {}
    token, syncs = "", 0

    def sync() -> None:
        nonlocal token, syncs
        answer = dav("REPORT", book, SYNC.format(token), Content_Type="application/xml")
        assert answer.status == 207
        for path, response in answer.responses.items():
            if response.status == 404:
                seen.pop(path, None)
            else:
                seen[path] = answer.prop(path, etag)
        token, syncs = answer.token, syncs + 1

    ended = threading.Event()

    def sync_on() -> None:
        while not ended.is_set():
            sync()

    def write_all() -> None:
        try:
            at_once(*(partial(write, writer) for writer in range(4)))
        finally:
            ended.set()

    at_once(sync_on, write_all)
    sync()
    listed = dav("PROPFIND", book, LISTING, Depth="1")
    assert seen == {path: listed.prop(path, etag) for path in written}
    assert listed.responses.keys() == {book, *written}
    assert syncs > 5


def test_real_connections(any_settings: Settings, server: Servers) -> None:
    """Two worker processes, many connections: of those who compare with the same state one succeeds at most."""
    with contextlib.closing(bootstrap.build(any_settings)) as services:
        acme = add_network(services, "acme")
        for name in ("anna", "ben"):
            add_user(services, acme, name, password="right", display_name=name.title())
        dav = over_http(server(any_settings, workers=2, threads=4).url, "acme~anna", "right")
        path = "/dav/acme~anna/personal/card.vcf"
        put = partial(dav, "PUT", path, Content_Type="text/vcard")
        etag = put(card("Start", *PAIR)).headers["etag"]
        for count in range(ROUNDS):
            change = partial(change_user, services, "ben", enabled=bool(count % 2))
            bodies = [card(f"Writer {number}, round {count}", *PAIR) for number in range(5)]
            _, *replies = at_once(change, *(partial(put, body, If_Match=etag) for body in bodies))
            answers = [reply.status for reply in replies if isinstance(reply, Answer)]
            # When Ben's change was first, the card is another one for all of them.
            assert sorted(answers) in ([204, 412, 412, 412, 412], [412] * 5)
            got = dav("GET", path)
            assert (b"X-CLOUD-USERNAME" in got.body) == bool(count % 2)
            etag = got.headers["etag"]
