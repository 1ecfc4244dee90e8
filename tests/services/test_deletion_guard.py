"""The mass-deletion guard as clients meet it: a client that empties a shared book is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carddav_msg.domain.access import Principal
from carddav_msg.errors import Forbidden
from tests.services.administered import ANY, Acme, vcard

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@pytest.fixture
def acme(any_services: Services) -> Acme:
    return Acme(any_services)


def fill(acme: Acme, principal: Principal, slug: str, count: int) -> None:
    """Cards `0` … in a book."""
    for number in range(count):
        acme.put(principal, slug, str(number), vcard(f"{slug}-{number}"))


def deleted(acme: Acme, principal: Principal, slug: str, hrefs: range) -> int:
    """How many of the cards could be deleted before one was refused."""
    for count, href in enumerate(hrefs):
        try:
            acme.delete(principal, slug, str(href))
        except Forbidden:
            return count
    return len(hrefs)


def test_the_21st_deletion_is_refused(acme: Acme) -> None:
    """20 of 30 cards go; the next is refused with a reason and stays, until an operator allows it."""
    fill(acme, acme.plain, "team", 30)
    assert deleted(acme, acme.plain, "team", range(30)) == 20
    with pytest.raises(Forbidden, match=r"20 of 30 cards of 'team'.*book allow-delete") as refused:
        acme.delete(acme.plain, "team", "20")
    assert refused.value.privilege == "unbind"
    assert acme.text(acme.plain, "team", "20")
    acme.services.administration.books.allow_deletions("acme", "team", 60)
    assert deleted(acme, acme.plain, "team", range(20, 30)) == 10


def test_a_small_part_of_a_large_book_may_go(acme: Acme) -> None:
    """21 of 110 cards are less than 20 %: the 23rd is the first that is more."""
    fill(acme, acme.plain, "team", 110)
    assert deleted(acme, acme.plain, "team", range(110)) == 22


def test_each_user_counts_alone(acme: Acme) -> None:
    """What another one deleted is no sign that this client is mad; an administrator is guarded too."""
    fill(acme, acme.plain, "team", 60)
    assert deleted(acme, acme.admin, "team", range(10)) == 10
    assert deleted(acme, acme.plain, "team", range(10, 60)) == 20
    assert deleted(acme, acme.admin, "team", range(30, 60)) == 10


def test_a_move_out_of_a_book_counts(acme: Acme) -> None:
    """For the others in the book it is the same."""
    fill(acme, acme.plain, "team", 22)
    team, own = acme.book(acme.plain, "team"), acme.book(acme.plain, "personal")

    def move(href: int) -> None:
        acme.services.addressbooks.move(acme.plain, team, str(href), own, str(href), overwrite=False, preconditions=ANY)

    for href in range(20):
        move(href)
    with pytest.raises(Forbidden, match="20 of 22"):
        move(20)


def test_a_personal_book_is_not_guarded(acme: Acme) -> None:
    """It is the owner's own."""
    fill(acme, acme.plain, "personal", 25)
    assert deleted(acme, acme.plain, "personal", range(25)) == 25
