"""`carddav-msg network`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


def test_add_and_show(command: Command) -> None:
    """A network is added with all its options, normalised, and shown with them."""
    said = command.ok(
        *("network", "add", "Acme", "--name", "Acme Corp", "--sip-host", "SIP.acme.example:5061"),
        *("--domain", "b.example", "--domain", "A.example", "--cloud-id", "acme*", "--country", "us"),
        *("--auto-link", "--link-extensions", "--staff", "--omit-network-id", "--set-node", "transport=tls+sip:"),
    )
    assert "Added the network Acme" in said
    assert (
        command.json("network", "show", "acme").items()
        >= {
            "network_id": "Acme",
            "name": "Acme Corp",
            "effective_id": "Acme",
            "sip_host": "sip.acme.example:5061",
            "domains": ["a.example", "b.example"],
            "cloud_ids": ["ACME"],
            "country": "US",
            "single_tenant": False,
            "staff": True,
            "auto_link": True,
            "link_extensions": True,
            "omit_network_id": True,
            "account": {"transport": "tls+sip:"},
        }.items()
    )
    shown = command.ok("network", "show", "acme")
    assert "Cloud IDs:" in shown
    assert "Account node transport:" in shown


def test_add_says_what_a_single_tenant_network_is_on_the_wire(command: Command) -> None:
    """The effective Network ID, the one that chat depends on, is told at once."""
    assert "on the wire is SOLO." in command.ok("network", "add", "solo", "--single-tenant", "--cloud-id", "Solo")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a b",), "is not a Network ID"),
        (("ACME",), "There is a network 'acme' already."),
        (("x", "--single-tenant"), "exactly one Cloud ID"),
        (("x", "--single-tenant", "--cloud-id", "ACME1"), "shared with nobody"),
        (("x", "--sip-host", "a b"), "is not a host name"),
        (("x", "--country", "Utopia"), "two-letter country code"),
        (("x", "--set-node", "networkID=evil"), "comes from each user"),
        (("x", "--set-node", "1=2"), "is not a name of an XML element"),
    ],
)
def test_add_refuses(acme: Command, arguments: tuple[str, ...], sentence: str) -> None:
    """What breaks a rule is refused with a sentence, and nothing is stored."""
    assert sentence in acme.fails("network", "add", *arguments)
    assert len(acme.json("network", "list")) == 1


def test_add_names_a_node_that_is_no_pair(acme: Command) -> None:
    """A node without a value is a mistake in the use of the command."""
    assert "'transport' is not NAME=VALUE" in acme.fails("network", "add", "x", "--set-node", "transport", code=2)


def test_list(acme: Command) -> None:
    """All networks are listed, for people and for scripts."""
    acme.ok("network", "add", "Beta")
    assert [network["network_id"] for network in acme.json("network", "list")] == ["acme", "Beta"]
    header, *lines = acme.ok("network", "list").splitlines()
    assert header.split("  ")[0] == "Network ID"
    assert [line.split()[0] for line in lines] == ["acme", "Beta"]


def test_list_of_nothing(command: Command) -> None:
    """Without networks, scripts get an empty list and people learn what to do."""
    assert command.json("network", "list") == []
    result = command("network", "list")
    assert result.stdout == ""
    assert "network add" in result.stderr


def test_list_needs_a_schema(unprepared: Command) -> None:
    """On a new machine every command says what to do first."""
    assert "carddav-msg keys init" in unprepared.fails("network", "list")
    unprepared.ok("keys", "init")
    assert "carddav-msg migrate" in unprepared.fails("network", "list")


def test_show_of_an_unknown_network(command: Command) -> None:
    """The sentence names the network and where to look."""
    assert "no network 'nope'; `carddav-msg network list`" in command.fails("network", "show", "nope")


def test_set_changes_what_is_named_only(acme: Command) -> None:
    """Options that are not given leave their fields; '' empties; lists are replaced; nodes come and go."""
    acme.ok("network", "set", "acme", "--set-node", "a=1", "--set-node", "b=2", "--auto-link")
    acme.ok("network", "set", "acme", "--sip-host", "", "--cloud-id", "X", "--cloud-id", "Y", "--unset-node", "a")
    shown = acme.json("network", "show", "acme")
    assert (shown["name"], shown["sip_host"], shown["cloud_ids"]) == ("Acme", "", ["X", "Y"])
    assert (shown["auto_link"], shown["account"]) == (True, {"b": "2"})
    acme.ok("network", "set", "acme", "--no-auto-link", "--cloud-id", "")
    shown = acme.json("network", "show", "acme")
    assert (shown["auto_link"], shown["cloud_ids"]) == (False, [])


def test_set_of_a_network_id_keeps_the_old_one_working(acme: Command) -> None:
    """A renamed network is found by its old name too, and shown by its new one."""
    assert "on the wire is Umbrella." in acme.ok("network", "set", "acme", "--network-id", "Umbrella")
    assert acme.json("network", "show", "acme")["network_id"] == "Umbrella"
    assert acme.json("user", "show", "acme", "anna")["messaging_identity"]["network_id"] == "Umbrella"


def test_set_needs_something_to_change(acme: Command) -> None:
    """Without options, the command says so instead of doing nothing."""
    assert "Nothing to change" in acme.fails("network", "set", "acme", code=2)


def test_remove_asks(acme: Command) -> None:
    """A network goes with its users only after a yes; a no and silence keep it."""
    assert "Nothing was changed." in acme.fails("network", "remove", "acme", stdin="n\n")
    assert "Give --yes" in acme.fails("network", "remove", "acme")
    assert "with all its users" in acme.ok("network", "remove", "acme", stdin="y\n")
    assert acme.json("network", "list") == []


def test_remove_without_asking(acme: Command) -> None:
    """--yes alone does not remove a network that has users."""
    assert "--with-users" in acme.fails("network", "remove", "acme", "--yes")
    acme.ok("network", "remove", "acme", "--yes", "--with-users")
    acme.fails("network", "remove", "acme", "--yes")


def test_fields_of_a_source(acme: Command) -> None:
    """Named with the fields it feeds; '' takes them away; what no field is called is refused."""
    acme.ok("network", "set", "acme", "--source-name", "HR", "--source-owned", "title", "--source-owned", "numbers")
    shown = acme.json("network", "show", "acme")
    assert (shown["source_name"], shown["source_owned"]) == ("HR", ["numbers", "title"])
    assert "numbers, title" in acme.ok("network", "show", "acme")
    acme.ok("network", "set", "acme", "--source-owned", "")
    assert acme.json("network", "show", "acme")["source_owned"] == []
    assert "is not one of" in acme.fails("network", "set", "acme", "--source-owned", "password", code=2)
