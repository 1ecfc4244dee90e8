"""Long answers are written once for all readers of a state, and are what each would get alone."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from carddav_msg.dav import keptpages
from tests.dav.clients import CR, D, propfind, vcard
from tests.dav.conftest import House

COUNT = 400


@pytest.fixture
def large(house: House) -> str:
    """A shared book whose listing is long enough to be kept; its path without the principal."""
    book = house.shared_book("large", "write")
    for number in range(COUNT):
        house.anna.put(f"{book}{number:04}-{'x' * 60}.vcf", vcard(f"Card {number}", uid=str(number)))
    return "large/"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A number for each text that was begun."""
    begun: list[int] = []
    new = keptpages._new_text
    monkeypatch.setattr(keptpages, "_new_text", lambda: (begun.append(1), new())[1])
    return begun


def _all(house: House, login: str, path: str) -> list[Any]:
    client = house.client(login)
    home = f"/dav/{login}/{path}"
    listed = client("PROPFIND", home, propfind(D + "getetag"), depth="1")
    synced = client.sync(home)
    loaded = client.sync(home, "", D + "getetag", CR + "address-data")
    got = client.multiget(
        home, [href for href in listed.members if href.endswith(".vcf")], D + "getetag", CR + "address-data"
    )
    return [(reply.status, reply.body.replace(home.encode(), b"@")) for reply in (listed, synced, loaded, got)]


def test_readers_share_a_text_each_with_own_addresses(house: House, large: str, written: list[int]) -> None:
    """Two readers of four long answers: four texts, which differ in nothing but the home."""
    first = _all(house, "acme~anna", large)
    assert len(written) == 4
    assert all(status == 207 and body.count(b"<response>") >= COUNT for status, body in first)
    assert _all(house, "acme~bob", large) == first == _all(house, "acme~anna", large)
    assert len(written) == 4


def test_a_change_makes_a_new_text(house: House, large: str, written: list[int]) -> None:
    """The state is part of what a text is found by."""
    before = _all(house, "acme~anna", large)
    house.client("acme~bob").put(f"/dav/acme~bob/{large}new.vcf", vcard("New", uid="new"))
    after = _all(house, "acme~anna", large)
    assert all(b"@new.vcf" in body for _, body in after)
    assert not any(b"@new.vcf" in body for _, body in before)
    assert len(written) == 8


def test_who_may_not_read_gets_nothing_that_is_kept(house: House, large: str) -> None:
    """Rights are asked before."""
    _all(house, "acme~anna", large)
    anna = house.services.directory.user(house.network.id, "anna")
    assert anna is not None
    book = next(book for book in house.services.directory.home(anna.id) if book.slug == "large")
    house.services.directory.transact(lambda tx: tx.save_book(book, everyone=""))
    reply = house.anna("PROPFIND", f"{house.home}{large}", propfind(D + "getetag"), depth="1")
    assert reply.status == 404


def test_a_reader_that_goes_away_leaves_no_half_text(house: House, large: str, written: list[int]) -> None:
    """What was not read to its end is written again by the next one."""
    pages = keptpages.KeptPages()
    asked: Any = type("Asked", (), {"book": type("B", (), {"id": 1, "epoch": 1, "seq": 1}), "href": "/dav/a/"})()
    text: Any = type("Text", (), {"form": ("",)})()
    content = ["\0" + "x" * 70_000] * 3
    half = pages.pages(asked, text, (), iter(content))
    assert next(half).startswith(b"/dav/a/xxx")
    half.close()  # type: ignore[attr-defined]  # a generator
    for _ in range(2):
        whole = b"".join(pages.pages(asked, text, (), iter(content)))
        assert whole == "".join(content).replace("\0", "/dav/a/").encode()
    assert len(written) == 2


def test_without_room_nothing_is_kept_and_all_is_sent(
    house: House, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs time, not answers."""
    before = _all(house, "acme~bob", large)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    house.guard._lane._kept = keptpages.KeptPages()
    monkeypatch.setattr(keptpages.os, "write", full)
    assert [_all(house, "acme~anna", large) for _ in range(2)] == [before] * 2
    assert not house.guard._lane._kept._texts


def test_texts_have_bounds_and_no_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The longest unused goes first, for want of room or of descriptors; the folder stays empty; no text takes all."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pages = keptpages.KeptPages(room=1_200_000)
    asked: Any = type("Asked", (), {"book": type("B", (), {"id": 1, "epoch": 1, "seq": 1}), "href": "/"})()
    text: Any = type("Text", (), {"form": ("",)})()

    def read(which: str, length: int = 150_000) -> bool:
        """Whether it had to be made."""
        fresh = iter(["x" * length])
        assert sum(map(len, pages.pages(asked, text, (which,), fresh))) == length
        return next(fresh, None) is None

    assert all(read(which) for which in "abcdefgh")
    assert not read("a")
    assert read("i")
    assert [read(which) for which in "aib"] == [False, False, True]
    assert read("large", 160_000) is read("large", 160_000) is True
    monkeypatch.setattr(keptpages, "_TEXTS", 3)
    read("j")
    assert len(pages._texts) == 3
    assert not list(tmp_path.iterdir())
