"""`carddav-msg book`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def team(acme: Command) -> Command:
    """A shared book that nobody may read yet."""
    acme.ok("book", "add", "acme", "team", "--title", "Team", "--description", "Ours")
    return acme


def test_add_and_list(team: Command) -> None:
    """Shared books are listed beside the views of the directory."""
    listed = team.json("book", "list", "acme")
    assert [view["view"] for view in listed["views"]] == ["everyone"]
    shown = {
        "book": "team",
        "title": "Team",
        "description": "Ours",
        "everyone": "",
        "members": 0,
        "cards": 0,
        "mass_deletion_allowed_until": None,
    }
    assert listed["shared"] == [shown]
    assert team.json("book", "show", "acme", "team") == shown
    assert "Title:" in team.ok("book", "show", "acme", "team")
    assert [line.split()[0] for line in team.ok("book", "list", "acme").splitlines()] == ["Book", "directory", "team"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("team", "already"), ("a/b", "make a book's name"), ("directory", "that the server makes")],
)
def test_add_refuses(team: Command, name: str, sentence: str) -> None:
    """Names that are taken, reserved or no URL segment are refused."""
    assert sentence in team.fails("book", "add", "acme", name)


def test_list_of_an_unknown_network(command: Command) -> None:
    """The sentence names the network."""
    assert "no network 'nope'" in command.fails("book", "list", "nope")


def test_share_and_unshare(team: Command) -> None:
    """Members and everyone come, change and go, and a title stays."""
    assert team.ok("book", "share", "acme", "team", "ANNA", "--access", "write").startswith("anna may write")
    team.ok("book", "share", "acme", "team", "--everyone")
    expected = {"everyone": "read", "members": [{"cloud_username": "anna", "access": "write"}]}
    assert team.json("book", "members", "acme", "team") == expected
    assert team.ok("book", "members", "acme", "team").splitlines()[1:] == ["(everyone)  read", "anna        write"]
    team.ok("book", "unshare", "acme", "team", "anna")
    team.ok("book", "unshare", "acme", "team", "--everyone")
    assert team.json("book", "members", "acme", "team") == {"everyone": "", "members": []}
    assert team.json("book", "list", "acme")["shared"][0]["title"] == "Team"


def test_share_refuses(team: Command) -> None:
    """Nobody, somebody and everybody at once, and unknown users and books."""
    assert "--everyone is needed" in team.fails("book", "share", "acme", "team", code=2)
    assert "--everyone is needed" in team.fails("book", "share", "acme", "team", "anna", "--everyone", code=2)
    assert "no user 'nope'" in team.fails("book", "share", "acme", "team", "nope")
    assert "no shared book 'nope'" in team.fails("book", "share", "acme", "nope", "anna")
    assert "not a member" in team.fails("book", "unshare", "acme", "team", "anna")


def test_members_of_an_unknown_book(acme: Command) -> None:
    """The sentence names the book and where to look."""
    assert "no shared book 'nope' in the network 'acme'; `carddav-msg book list" in acme.fails(
        "book", "members", "acme", "nope"
    )


def test_allow_delete(team: Command) -> None:
    """While the mass-deletion guard lets everything pass, list and show say until when."""
    assert team.ok("book", "allow-delete", "acme", "team", "--for", "2h").startswith("Until 20")
    until = team.json("book", "show", "acme", "team")["mass_deletion_allowed_until"]
    assert until in team.ok("book", "list", "acme")
    assert until in team.ok("book", "show", "acme", "team")


@pytest.mark.parametrize(("span", "code"), [("soon", 2), ("0m", 2), ("30", 2), ("8d", 1)])
def test_allow_delete_refuses(team: Command, span: str, code: int) -> None:
    """Spans have a unit and an end."""
    team.fails("book", "allow-delete", "acme", "team", "--for", span, code=code)
    assert team.json("book", "show", "acme", "team")["mass_deletion_allowed_until"] is None


def test_remove_asks(team: Command) -> None:
    """A book goes only after a yes."""
    assert "Nothing was changed." in team.fails("book", "remove", "acme", "team", stdin="n\n")
    team.ok("book", "remove", "acme", "team", "--yes")
    team.fails("book", "remove", "acme", "team", "--yes")
