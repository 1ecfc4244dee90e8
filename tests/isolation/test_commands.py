"""The command: what reads one network shows that one, and finds nobody of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from carddav_msg.cli import commands
from carddav_msg.domain.contact import View
from carddav_msg.settings import Settings
from tests.builders import add_user
from tests.cli import reference
from tests.cli.conftest import Command, command  # noqa: F401  # a fixture
from tests.isolation.house import House, Somebody, mark
from tests.isolation.tree import crawl

READING = (
    "list",
    "codes",
    "devices",
    "show",
    "members",
    "export",
    "preview",
    "check",
    "history",
    "timeline",
    "portal",
    "why",
    "blocked",
)
WHOLE = {
    "audit",
    "completion",
    "config",
    "doctor",
    "keys",
    "migrate",
    "rebuild",
    "restored",
    "serve",
    "allowlist",
}
"""Commands about the whole installation; whoever may run them owns both networks."""


VALUES = {
    "network": "acme",
    "username": "anna",
    "viewer": "anna",
    "target": "boss",
    "book": "suppliers",
    "name": "anna",
    "view": "sales",
    "href": "same.vcf",
    "card": "same.vcf",
}
"""Of acme, for the arguments of commands."""


def _commands() -> Iterator[tuple[list[str], click.Command]]:
    for path, found in reference.tree(commands, ""):
        words = path.split()
        arguments = [param.name for param in found.params if isinstance(param, click.Argument)]
        if "network" in arguments and words[0] not in WHOLE:
            yield words, found


@pytest.mark.parametrize("words", [words for words, _ in _commands()], ids=" ".join)
def test_commands_that_read_show_one_network(house: House, command: Command, words: list[str]) -> None:  # noqa: F811
    """A command that reads a network shows that one; a command that names a user finds only the network's own."""
    found = next(found for path, found in _commands() if path == words)
    arguments = [str(param.name) for param in found.params if isinstance(param, click.Argument)]
    if words[-1] in READING:
        shown = command(*words, *(VALUES[name] for name in arguments))
        assert "Mark-globex" not in shown.output
        assert shown.exit_code == 0, shown.output
    for named in {"username", "book", "view"}.intersection(arguments):
        if words[-1] != "add":
            _refuses_what_is_of_the_other(house, command, words, found, named)


def _refuses_what_is_of_the_other(
    house: House,
    command: Command,  # noqa: F811
    words: list[str],
    found: click.Command,
    named: str,
) -> None:
    """A name of the other network is as good as one of nothing, and nothing there changes."""
    administration = house.services.administration
    match named:
        case "username":
            add_user(house.services, administration.networks.find("globex"), "gina")
        case "book":
            administration.books.add("globex", "gina")
        case "view":
            administration.views.add("globex", "gina", View())
    before = json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True)
    outcomes = []
    for name in ("gina", "gone"):
        given = VALUES | {"role": "admin", "access": "read", "version": "1", named: name}
        arguments = [given.get(str(param.name), name) for param in found.params if isinstance(param, click.Argument)]
        yes = ["--yes"] if "--yes" in _options(found) else []
        result = command(*words, *arguments, *yes, *_needed(words))
        outcomes.append((result.exit_code, result.output.replace(name, "NAME")))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 1, outcomes[0]
    assert json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True) == before


def _options(found: click.Command) -> set[str]:
    return {name for param in found.params for name in param.opts}


def _needed(words: list[str]) -> list[str]:
    """What a command wants to be told before it looks."""
    return {
        "user set": ["--listed"],
        "user passwd": ["--no-password"],
        "user unrevoke": ["--device", "phone"],
        "book allow-delete": ["--for", "1m"],
        "view set": ["--department", "Sales"],
    }.get(" ".join(words), [])


def test_commands_have_been_found() -> None:
    """The tree has commands about users, books and views of a network."""
    found = {" ".join(words) for words, _ in _commands()}
    assert {"user show", "user set", "book list", "network show", "user timeline"} <= found


def test_exports_of_one_network(house: House, command: Command, settings: Settings) -> None:  # noqa: F811
    """An export of one network has nothing of the other."""
    shown = command.ok("export", "users", "acme")
    assert mark("acme", "anna") in shown
    assert "globex" not in shown
