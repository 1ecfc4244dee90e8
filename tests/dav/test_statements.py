"""How many statements the database runs for what phones ask: the unit of speed."""

from __future__ import annotations

import pytest

from tests.builders import somebody_writes
from tests.dav.clients import CR, CS, D, vcard
from tests.dav.conftest import House


@pytest.fixture
def counted(statements: list[str], house: House) -> House:
    """The house with three cards in Anna's book and a remembered password; the count begins at nothing."""
    for name in "abc":
        house.anna.put(f"{house.personal}{name}.vcf", vcard(uid=name))
    somebody_writes(house.services)
    statements.clear()
    return house


def _ran(counted: House, statements: list[str]) -> list[str]:
    """The verbs that ran since the last look, without those of the connection itself. The next request comes after a
    change: without one it would read no door.
    """
    verbs = [statement.split()[0].upper() for statement in statements]
    somebody_writes(counted.services)
    statements.clear()
    return [verb for verb in verbs if verb != "PRAGMA"]


def test_a_poll_is_one_statement(counted: House, statements: list[str]) -> None:
    """PROPFIND Depth 0 of tag and token: who it is and the state of the book in one row."""
    assert counted.anna.propfind(counted.personal, CS + "getctag", D + "sync-token").status == 207
    assert _ran(counted, statements) == ["SELECT"]


def test_nothing_is_read_until_somebody_writes(counted: House, statements: list[str]) -> None:
    """SQLite tells that nothing changed: the door is as it was, and so is the answer."""
    polled = counted.anna.propfind(counted.personal, CS + "getctag")
    statements.clear()
    assert counted.anna.propfind(counted.personal, CS + "getctag").body == polled.body
    assert _ran(counted, statements) == []
    assert counted.anna.propfind(counted.personal, CS + "getctag").body == polled.body
    assert _ran(counted, statements) == ["SELECT"]
    counted.anna.put(f"{counted.personal}d.vcf", vcard(uid="d"))
    assert counted.anna.propfind(counted.personal, CS + "getctag").body != polled.body


def test_a_sync_without_changes_is_one_statement(counted: House, statements: list[str]) -> None:
    """The door tells already that nothing has changed."""
    token = counted.anna.sync(counted.personal).xml.findtext(D + "sync-token") or ""
    _ran(counted, statements)
    counted.anna.sync(counted.personal, token)
    assert _ran(counted, statements) == ["SELECT"]


def test_a_page_of_changes_is_one_more(counted: House, statements: list[str]) -> None:
    """Listing and sync read a page of rows with one statement."""
    counted.anna.sync(counted.personal)
    assert _ran(counted, statements) == ["SELECT"] * 2
    counted.anna.propfind(counted.personal, D + "getetag", depth="1")
    assert _ran(counted, statements) == ["SELECT"] * 2
    counted.anna.sync(counted.personal, "", CR + "address-data")
    assert _ran(counted, statements) == ["SELECT"] * 3


def test_a_multiget_and_a_get_are_two(counted: House, statements: list[str]) -> None:
    """All named cards come with one statement."""
    counted.anna.multiget(counted.personal, [f"{counted.personal}{name}.vcf" for name in "abcd"])
    assert _ran(counted, statements) == ["SELECT"] * 2
    counted.anna("GET", counted.personal + "a.vcf")
    assert _ran(counted, statements) == ["SELECT"] * 2
    counted.anna.propfind(counted.personal + "a.vcf", D + "getetag")
    assert _ran(counted, statements) == ["SELECT"] * 2


def test_a_query_is_two(counted: House, statements: list[str]) -> None:
    """The door and the cards; when names are searched also these, but not again for the next letter that is typed."""
    text = '<CR:prop-filter name="FN"><CR:text-match>{}</CR:text-match></CR:prop-filter>'
    for filters, count in (("", 2), (text.format("ad"), 3), (text.format("ada"), 2)):
        assert len(counted.anna.query(counted.personal, filters).members) == 3
        assert _ran(counted, statements) == ["SELECT"] * count


def test_a_home_with_its_books_is_two(counted: House, statements: list[str]) -> None:
    """All books of a home come with one statement."""
    counted.anna.propfind(counted.home, D + "displayname", depth="1")
    assert _ran(counted, statements) == ["SELECT"] * 2


def test_a_refusal_reads_no_cards(counted: House, statements: list[str]) -> None:
    """A foreign path costs one look-up of names, since it may be an old one; bad XML costs what a poll costs."""
    counted.anna.propfind("/dav/acme~bob/personal/", D + "getetag")
    assert _ran(counted, statements) == ["SELECT"] * 2
    counted.anna("PROPFIND", counted.personal, "<a")
    assert _ran(counted, statements) == ["SELECT"]


def test_the_statements_of_a_write(counted: House, statements: list[str]) -> None:
    """A new card, the same bytes again, a changed card, a deletion: what each costs."""
    ran = {}
    for name, card in (("new", vcard(uid="n")), ("same", vcard(uid="n")), ("changed", vcard("New", uid="n"))):
        counted.anna.put(counted.personal + "n.vcf", card)
        ran[name] = len(_ran(counted, statements))
    counted.anna("DELETE", counted.personal + "n.vcf")
    ran["deleted"] = len(_ran(counted, statements))
    assert ran == {"new": 12, "same": 6, "changed": 10, "deleted": 13}
