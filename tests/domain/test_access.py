"""The rights table: every kind of book against every kind of principal."""

from __future__ import annotations

import pytest

from carddav_msg.domain.access import Book, BookKind, Grant, Principal, Privilege, privileges

READ, WRITE = Privilege.READ, Privilege.READ | Privilege.WRITE
EDIT = Privilege.READ | Privilege.WRITE_CONTENT
OWN = WRITE | Privilege.WRITE_PROPERTIES


def book(kind: BookKind, *, access: str = "", owner: int = 0, slug: str = "b", network: int = 1) -> Book:
    return Book(7, network, kind, slug, "B", owner, access, 1, 0, 0)


def user(*grants: Grant, plain: bool = False, network: int = 1) -> Principal:
    return Principal(5, network, "acme~u", grants, plain)


@pytest.mark.parametrize(
    ("who", "what", "expected"),
    [
        (user(), book(BookKind.DIRECTORY), READ),
        (user(Grant("admin", 1)), book(BookKind.DIRECTORY), EDIT),
        (user(), book(BookKind.DIRECTORY, network=2), Privilege.NONE),
        (user(), book(BookKind.SHARED), Privilege.NONE),
        (user(), book(BookKind.SHARED, access="read"), READ),
        (user(), book(BookKind.SHARED, access="write"), WRITE),
        (user(), book(BookKind.SHARED, access="write", network=2), Privilege.NONE),
        (user(Grant("admin", 1)), book(BookKind.SHARED), WRITE),
        (user(Grant("admin", None)), book(BookKind.SHARED), WRITE),
        (user(Grant("admin", 2)), book(BookKind.SHARED), Privilege.NONE),
        (user(Grant("operator", 2)), book(BookKind.SHARED, network=2), READ),
        (user(Grant("operator", 2)), book(BookKind.DIRECTORY, network=2), READ),
        (user(Grant("operator", None)), book(BookKind.DIRECTORY, network=2), READ),
        (user(Grant("admin", 2)), book(BookKind.SHARED, network=2), WRITE),
        (user(Grant("admin", 2)), book(BookKind.DIRECTORY, network=2), EDIT),
        (user(Grant("operator", 2), plain=True), book(BookKind.SHARED, network=2), Privilege.NONE),
        (user(Grant("operator", 2)), book(BookKind.PERSONAL, network=2, owner=6), Privilege.NONE),
        (user(Grant("support", 1)), book(BookKind.SHARED), Privilege.NONE),
        (user(Grant("admin", 1), plain=True), book(BookKind.SHARED), Privilege.NONE),
        (user(), book(BookKind.PERSONAL, owner=5, slug="personal"), OWN),
        (user(), book(BookKind.PERSONAL, owner=5), OWN | Privilege.DELETE_BOOK),
        (user(Grant("admin", None)), book(BookKind.PERSONAL, owner=6), Privilege.NONE),
    ],
)
def test_privileges(who: Principal, what: Book, expected: Privilege) -> None:
    """Nobody but the owner reads a personal book; grants count for their scope, and not with a device credential."""
    assert privileges(who, what) == expected
