"""`carddav-msg grant`."""

from __future__ import annotations

from tests.cli.conftest import Command


def test_add_list_and_remove(acme: Command) -> None:
    """Roles are given for the user's network, another one or all, listed where they count, and taken."""
    acme.ok("network", "add", "beta")
    acme.ok("grant", "add", "acme", "Anna", "admin")
    acme.ok("grant", "add", "acme", "anna", "support", "--on", "BETA")
    acme.ok("grant", "add", "acme", "anna", "operator", "--all-networks")
    listed = [(grant["role"], grant["scope"]) for grant in acme.json("grant", "list")]
    assert listed == [("admin", "acme"), ("operator", "*"), ("support", "beta")]
    assert {grant["role"] for grant in acme.json("grant", "list", "beta")} == {"support", "operator"}
    assert "acme~anna  operator  all networks" in acme.ok("grant", "list")
    acme.ok("grant", "remove", "acme", "anna", "admin", "--yes")
    acme.ok("grant", "remove", "acme", "anna", "support", "--on", "beta", stdin="y\n")
    acme.ok("grant", "remove", "acme", "anna", "operator", "--all-networks", "--yes")
    assert acme.json("grant", "list") == []


def test_add_refuses(acme: Command) -> None:
    """A grant that is there, a role that does not exist, scopes that contradict each other."""
    acme.ok("grant", "add", "acme", "anna", "admin")
    assert "'anna' is admin of the network 'acme' already." in acme.fails("grant", "add", "acme", "anna", "admin")
    assert "emperor" in acme.fails("grant", "add", "acme", "anna", "emperor", code=2)
    both = ("--on", "acme", "--all-networks")
    assert "exclude each other" in acme.fails("grant", "add", "acme", "anna", "admin", *both, code=2)


def test_list_of_an_unknown_network(command: Command) -> None:
    """The sentence names the network."""
    assert "no network 'nope'" in command.fails("grant", "list", "nope")


def test_remove_refuses(acme: Command) -> None:
    """A grant that nobody gave can't be taken, and a no takes nothing."""
    assert "no such grant" in acme.fails("grant", "remove", "acme", "anna", "admin", "--yes")
    acme.ok("grant", "add", "acme", "anna", "admin")
    assert "Nothing was changed." in acme.fails("grant", "remove", "acme", "anna", "admin", stdin="n\n")
    assert len(acme.json("grant", "list")) == 1
