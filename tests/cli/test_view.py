"""`carddav-msg view`, and `user` with a view."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def sales(acme: Command) -> Command:
    """A view of one department with a user in it, and one user outside."""
    acme.ok("user", "set", "acme", "anna", "--department", "Sales", "--note", "n", "--email", "a@acme.example")
    acme.ok("user", "add", "acme", "bob", "--display-name", "Bob", "--no-password")
    acme.ok("view", "add", "acme", "sales", "--department", "Sales", "--show", "note", "--hide", "emails")
    return acme


def test_add_and_list(sales: Command) -> None:
    """Rules with the numbers of users and cards; what is hidden by default stays hidden unless shown."""
    assert sales.json("view", "list", "acme") == [
        {
            "view": "everyone",
            "departments": [],
            "hidden": ["addresses", "birthday", "note", "private_numbers"],
            "users": 2,
            "cards": 2,
        },
        {
            "view": "sales",
            "departments": ["Sales"],
            "hidden": ["addresses", "birthday", "emails", "private_numbers"],
            "users": 0,
            "cards": 1,
        },
    ]
    assert "everybody" in sales.ok("view", "list", "acme")
    assert sales.json("view", "show", "acme", "SALES")["view"] == "sales"
    assert "Shows:" in sales.ok("view", "show", "acme", "sales")


def test_set(sales: Command) -> None:
    """Only what is named changes; '' is everybody."""
    assert "1 card changed" in sales.ok("view", "set", "acme", "sales", "--department", "")
    assert sales.json("view", "show", "acme", "sales")["cards"] == 2
    assert "1 card changed" in sales.ok("view", "set", "acme", "sales", "--show", "emails")
    assert "emails" not in sales.json("view", "show", "acme", "sales")["hidden"]


def test_users_get_views(sales: Command) -> None:
    """With `user set` and `user add`; `user show` tells."""
    sales.ok("user", "set", "acme", "bob", "--view", "sales")
    assert sales.json("user", "show", "acme", "bob")["view"] == "sales"
    sales.ok("user", "add", "acme", "cid", "--display-name", "Cid", "--no-password", "--view", "sales")
    assert sales.json("view", "show", "acme", "sales")["users"] == 2
    assert "no view 'nope'" in sales.fails("user", "set", "acme", "bob", "--view", "nope")


def test_preview(sales: Command) -> None:
    """The contacts with their fields, as the user sees them, and how many there are."""
    sales.ok("user", "set", "acme", "bob", "--view", "sales")
    (contact,) = sales.json("view", "preview", "acme", "bob")
    assert (contact["cloud_username"], contact["note"], contact["emails"]) == ("anna", "n", [])
    shown = sales("view", "preview", "acme", "bob")
    assert shown.stdout.splitlines()[1].split()[0] == "anna"
    assert "bob has the view sales, with 1 contact." in shown.stderr
    first = sales("view", "preview", "acme", "anna", "--limit", "1")
    assert "with 2 contacts" in first.stderr
    assert "--after anna goes on" in first.stderr
    assert "bob" in sales.ok("view", "preview", "acme", "anna", "--after", "anna")


def test_remove(sales: Command) -> None:
    """Asks; users are moved, or the view stays."""
    sales.ok("user", "set", "acme", "bob", "--view", "sales")
    assert "Nothing was changed" in sales.fails("view", "remove", "acme", "sales", stdin="n\n")
    assert "--move-to" in sales.fails("view", "remove", "acme", "sales", "--yes")
    said = sales.ok("view", "remove", "acme", "sales", "--yes", "--move-to", "everyone")
    assert said == "Removed the view sales; 1 user has the view everyone now.\n"
    assert "only view" in sales.fails("view", "remove", "acme", "everyone", "--yes")


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (("add", "acme", "Sales"), "view 'Sales' already", 1),
        (("add", "acme", "x", "--hide", "name"), "is not one of", 2),
        (("set", "acme", "sales", "--hide", "note", "--show", "note"), "exclude each other: note", 2),
        (("set", "acme", "sales"), "Nothing to change", 2),
        (("set", "acme", "nope", "--hide", "note"), "no view 'nope'", 1),
        (("preview", "acme", "nope"), "no user 'nope'", 1),
    ],
)
def test_refusals(sales: Command, arguments: tuple[str, ...], sentence: str, code: int) -> None:
    """What can't be is said, and nothing changes."""
    before = sales.json("view", "list", "acme")
    assert sentence in sales.fails("view", *arguments, code=code)
    assert sales.json("view", "list", "acme") == before
