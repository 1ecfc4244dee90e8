"""Tests of the rights plugin: the letters, and what they come to in the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from radicale import config

from carddav_msg.services.authentication import Face
from radicale_carddav_msg import visit
from radicale_carddav_msg.rights import Rights
from tests.plugins.installation import CARD, PASSWORD
from tests.plugins.webdav import Dav, mkcol, propfind, proppatch

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PRIVILEGES = propfind("D:current-user-privilege-set")


@pytest.mark.parametrize(
    ("path", "letters"),
    [
        ("/", "R"),
        ("/acme~anna/", "RW"),
        ("/acme~anna/directory/", "r"),
        ("/acme~anna/notices/", "r"),
        ("/acme~anna/team/", "rwl"),
        ("/acme~anna/personal/", "rw"),
        ("/acme~anna/extra/", "rwD"),
        ("/acme~anna/secret/", "rw"),
        ("/acme~anna/team/card.vcf", ""),
        ("/acme~bob/", ""),
        ("/acme~bob/team/", ""),
        ("/other~zoe/personal/", ""),
    ],
)
def test_letters(filled: Services, path: str, letters: str) -> None:
    """Lower case for books, `l` where properties are fixed, `D` where the book may be deleted.

    A book that the user may not read is as one that does not exist: its name is free (`rw`).
    """
    visitor = filled.authentication.enter("acme~anna", PASSWORD, Face.CARDDAV)
    filled.addressbooks.create_book(visitor.principal, "extra", "", "", "")
    visit.begin(visit.Visit(filled.authentication, filled.addressbooks)).let_in(visitor, "acme~anna")
    try:
        assert Rights(config.load()).authorization("acme~anna", set(), path) == letters
        assert Rights(config.load()).authorization("", set(), path) == ""
        assert Rights(config.load()).authorization("acme~bob", set(), path) == ""
    finally:
        visit.end()


@pytest.mark.parametrize("book", ["directory", "notices"])
def test_read_only_books_refuse_every_change(dav: Dav, book: str) -> None:
    """403 for storing, deleting and PROPPATCH; the book is as before."""
    path = f"/acme~anna/{book}/"
    before = dav("PROPFIND", path, propfind("D:getetag", "D:displayname"), depth="1").responses
    assert dav("PUT", path + "new.vcf", CARD).status == 403
    for href in [href for href in before if href != path] or [path + "none.vcf"]:
        assert dav("DELETE", href).status == 403
    assert dav("DELETE", path).status == 403
    assert dav("PROPPATCH", path, proppatch(D__displayname="Mine")).status == 403
    assert dav("PROPFIND", path, propfind("D:getetag", "D:displayname"), depth="1").responses == before


def test_homes_of_others_are_closed(dav: Dav) -> None:
    """Neither read nor written, neither in the network nor beyond."""
    for home in ("/acme~bob/", "/other~zoe/", "/nobody/"):
        for path in (home, home + "personal/", home + "personal/card.vcf"):
            assert dav("PROPFIND", path, PRIVILEGES).status == 403
            assert dav("GET", path).status == 403
            assert dav("PUT", path, CARD).status == 403
        assert dav("MKCOL", home + "new/", mkcol()).status == 403


def test_a_book_that_is_not_shared_does_not_exist(dav: Dav, dav_of: Callable[..., Dav]) -> None:
    """For a user who is no member the book is not there; for a member it is."""
    assert dav("PROPFIND", "/acme~anna/secret/", PRIVILEGES).status == 404
    assert dav_of("acme~bob")("PUT", "/acme~bob/secret/card.vcf", CARD).status == 201
    assert dav("GET", "/acme~anna/secret/card.vcf").status == 404


def test_clients_are_shown_which_books_are_read_only(dav: Dav) -> None:
    """No `write` without the right to write: DAVx5, Thunderbird and Apple show the book as read-only."""
    answer = dav("PROPFIND", "/acme~anna/", PRIVILEGES, depth="1")

    def writable(slug: str) -> bool:
        return "D:write(" in answer.prop(f"/acme~anna/{slug}/", "D:current-user-privilege-set")

    assert [writable(slug) for slug in ("directory", "notices", "team", "personal")] == [False, False, True, True]


def test_a_home_takes_books_and_nothing_else(dav: Dav) -> None:
    """No cards, no plain collections, no calendars; it can't be deleted or renamed."""
    assert dav("PUT", "/acme~anna/card.vcf", CARD).status == 403
    assert dav("MKCOL", "/acme~anna/plain/").status == 403
    calendar = "<D:resourcetype><D:collection/><C:calendar xmlns:C='urn:ietf:params:xml:ns:caldav'/></D:resourcetype>"
    body = f'<D:mkcol xmlns:D="DAV:"><D:set><D:prop>{calendar}</D:prop></D:set></D:mkcol>'
    assert dav("MKCOL", "/acme~anna/calendar/", body).status == 403
    assert dav("MKCALENDAR", "/acme~anna/calendar/").status == 403
    assert dav("MKCOL", "/acme~anna/personal/below/", mkcol()).status == 403
    assert dav("DELETE", "/acme~anna/").status == 403
    assert dav("PROPPATCH", "/acme~anna/", proppatch(D__displayname="Me")).status == 403
    assert dav("PROPFIND", "/acme~anna/", PRIVILEGES, depth="1").responses.keys() == {
        "/acme~anna/",
        "/acme~anna/directory/",
        "/acme~anna/notices/",
        "/acme~anna/team/",
        "/acme~anna/personal/",
    }
