"""Cards follow a change of the way they are rendered, while others read and write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.user import Number
from carddav_msg.errors import Superseded
from carddav_msg.publishing import rebuilding, renderer
from carddav_msg.publishing.cards import put_card
from carddav_msg.services.importing.report import Silent
from carddav_msg.settings import Settings
from tests.builders import add_network, add_users, new_user

USERS = 5
PATIENCE = 60.0


class Killed(BaseException):
    """The end of a process, for this one."""


class Progress(Silent):
    """Does something after each page."""

    def __init__(self, after_page: Callable[[], object]) -> None:
        self.totals: list[int | None] = []
        self.done = 0
        self._after_page = after_page

    def step(self, name: str, total: int | None) -> None:
        self.totals.append(total)

    def advance(self, count: int) -> None:
        self.done += count
        self._after_page()


@dataclass
class House:
    """A network of an old server, with a shared book in which one card stands for a user, and a new server's services.

    The new one names the property of the Network ID differently: every card with a messaging identity changes.
    """

    old: Services
    new: Services
    book: Book
    row: int

    def put(self, services: Services, href: str, *lines: str, name: str = "X") -> None:
        body = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{href}", f"FN:{name}", *lines, "END:VCARD", ""])
        services.directory.transact(
            lambda tx: put_card(
                tx, services.renderer, self.book, href, body.encode(), Preconditions(), max_size=100_000
            )
        )

    def cards(self, services: Services) -> dict[str, tuple[int, str]]:
        """All cards of the network's books by name, with the number of the last change."""
        viewer = services.directory.users(self.row, "", 1)[0].id
        return {
            card.href: (seq, card.text)
            for book in services.directory.home(viewer)
            for seq, card in services.directory.texts(book.id, 0, 1000)
        }


@pytest.fixture
def house(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Pages of two rows, so that there are some."""
    monkeypatch.setattr(rebuilding, "PAGE", 2)
    with ExitStack() as end:
        built = [bootstrap.build(replace(any_settings, network_id_property=name)) for name in ("X-OLD", "X-NEW")]
        for services in built:
            end.callback(services.close)
        old, new = built
        assert old.administration.announce()
        acme = add_network(old, "acme", country="DE", auto_link=True)
        numbers = (Number("work", "+493012345", e164="+493012345"),)
        add_users(old, acme, [new_user(f"user{number}", numbers=numbers[number:]) for number in range(USERS)])
        book = Book(0, acme.id, BookKind.SHARED, "team", "team", 0, "", 1, 0, 0)
        house = House(old, new, old.directory.transact(lambda tx: tx.add_book(book, everyone="write")), acme.id)
        house.put(old, "user0.vcf", "TEL:030 12345")
        for number in range(3):
            house.put(old, f"plain{number}.vcf")
        yield house


def render(services: Services, progress: Silent | None = None, *, everything: bool = False) -> int:
    return services.administration.rebuild(progress or Silent(), everything=everything)


def test_only_what_differs_is_numbered_anew(house: House) -> None:
    """Cards with an identity change once; those without keep their bytes and numbers; then there is nothing to do."""
    before = house.cards(house.old)
    assert render(house.new) == 0
    assert house.new.administration.announce()
    assert house.new.administration.outdated()
    progress = Progress(lambda: None)
    assert render(house.new, progress) == USERS + 1
    assert progress.totals == [progress.done] == [USERS + 4]
    after = house.cards(house.new)
    for href, (number, text) in after.items():
        if href.startswith("plain"):
            assert (number, text) == before[href]
        else:
            assert number > before[href][0]
            assert "X-NEW:acme" in text
    assert not house.new.administration.outdated()
    assert render(house.new) == render(house.new, everything=True) == 0
    assert house.cards(house.new) == after


def test_links_by_keys_stay(house: House) -> None:
    """Match keys are there at every moment: a card written between two pages is linked, and so it is afterwards."""
    house.new.administration.announce()
    render(house.new, Progress(lambda: house.put(house.new, "later.vcf", "TEL:+49 30 12345")))
    assert "X-NEW:acme" in house.cards(house.new)["later.vcf"][1]
    house.put(house.new, "last.vcf", "TEL:+49 30 12345")
    assert "X-NEW:acme" in house.cards(house.new)["last.vcf"][1]


def test_an_older_process_writes_until_the_network_is_begun(house: House) -> None:
    """It changes no card of a network that a newer one renders, reads on, and does not render."""
    other = add_network(house.old, "later")
    house.new.administration.announce()
    house.put(house.old, "early.vcf")
    refused: list[bool] = []

    def write_everywhere() -> None:
        house.put(house.new, "plain0.vcf", name="Written meanwhile")
        with pytest.raises(Superseded):
            house.put(house.old, "plain1.vcf", name="Written by the old one")
        refused.append(True)

    render(house.new, Progress(write_everywhere))
    assert len(refused) > USERS // 2
    texts = house.cards(house.old)
    assert "Written meanwhile" in texts["plain0.vcf"][1]
    assert "Written by" not in texts["plain1.vcf"][1]
    assert house.old.administration.announce() is False
    assert render(house.old) == 0
    with pytest.raises(Superseded):
        add_users(house.old, other, [new_user("late")])


def test_a_network_of_an_older_process_is_done_at_the_next_start(house: House) -> None:
    """What an old process adds while a new one is at work is not forgotten."""
    house.new.administration.announce()
    render(house.new)
    add_users(house.old, add_network(house.old, "later"), [new_user("late")])
    assert house.new.administration.outdated()
    assert render(house.new) == 1


def test_a_killed_one_is_resumed(house: House) -> None:
    """Pages that were done stay done, and no card gets a second number."""
    before = house.cards(house.old)
    house.new.administration.announce()
    pages: list[int] = []

    def kill() -> None:
        pages.append(1)
        if len(pages) == 2:
            raise Killed

    with pytest.raises(Killed):
        render(house.new, Progress(kill))
    half = house.cards(house.new)
    done = {href for href in half if half[href] != before[href]}
    assert len(done) == 4
    assert house.new.administration.outdated()
    assert render(house.new) == USERS + 1 - len(done)
    after = house.cards(house.new)
    assert {href for href in done if after[href] != half[href]} == set()


def test_one_at_a_time(house: House) -> None:
    """A second process waits for the first, and has nothing left to do."""
    house.new.administration.announce()
    second: list[Any] = []
    waiting = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def start_another() -> None:
            if not second:
                second.append(pool.submit(render, house.new, Progress(waiting.set)))

        assert render(house.new, Progress(start_another)) == USERS + 1
        assert second[0].result(PATIENCE) == 0
    assert not waiting.is_set()


def test_settings_that_were_replaced_come_back_on_purpose_only(house: House) -> None:
    """A server that was left over does not undo the change; an operator can."""
    house.new.administration.announce()
    render(house.new)
    assert house.old.administration.announce() is False
    assert render(house.old) == 0
    assert render(house.old, everything=True) >= USERS
    assert "X-OLD:acme" in house.cards(house.old)["user0.vcf"][1]
    house.put(house.old, "plain0.vcf", name="Again")
    with pytest.raises(Superseded):
        house.put(house.new, "plain0.vcf")


def test_older_code_with_settings_of_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its settings, an older release neither comes into force nor writes what a newer one has rendered."""
    monkeypatch.setattr(renderer, "RENDER_VERSION", renderer.RENDER_VERSION + 1)
    with ExitStack() as end:
        release = bootstrap.build(house.new.settings)
        end.callback(release.close)
        house.put(release, "plain0.vcf")  # not announced yet: nobody is in its way
        assert release.administration.announce()
        assert render(release) == USERS + 1
        assert house.new.administration.announce() is False
        with pytest.raises(Superseded):
            house.put(house.new, "plain0.vcf")
