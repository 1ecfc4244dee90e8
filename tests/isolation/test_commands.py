"""The command: what reads one network shows that one, and finds nobody of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from carddav_msg.cli import commands
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
    arguments = [str(param.name) for param in found.params if isinstance(param, click.Argument) and param.required]
    if words[-1] in READING:
        values = {
            "network": "acme",
            "username": "anna",
            "viewer": "anna",
            "target": "boss",
            "book": "suppliers",
            "name": "anna",
            "view": "sales",
            "href": "same.vcf",
        }
        shown = command(*words, *(values[name] for name in arguments))
        assert "Mark-globex" not in shown.output
        assert shown.exit_code == 0, shown.output
    if "username" in arguments and words[-1] not in ("add",):
        add_user(house.services, house.services.administration.networks.find("globex"), "gina")
        before = json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True)
        outcomes = []
        for name in ("gina", "gone"):
            given = {
                "network": "acme",
                "username": name,
                "book": "suppliers",
                "role": "admin",
                "access": "read",
                "view": "sales",
            }
            options = [
                option
                for option, value in (("--yes", 1), ("--display-name", 0), ("--no-password", 0))
                if value and option in _options(found)
            ]
            result = command(*words, *(given.get(argument, name) for argument in arguments), *options, *_needed(words))
            outcomes.append((result.exit_code, result.output.replace(name, "NAME")))
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][0] != 0
        assert json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True) == before


def _options(found: click.Command) -> set[str]:
    return {name for param in found.params for name in param.opts}


def _needed(words: list[str]) -> list[str]:
    """What a command wants to be told before it looks for the user."""
    return {"user set": ["--listed"], "user passwd": ["--no-password"], "user qr": []}.get(" ".join(words), [])


def test_commands_have_been_found() -> None:
    """The tree has commands about users, books and views of a network."""
    found = {" ".join(words) for words, _ in _commands()}
    assert {"user show", "user set", "book list", "network show", "user timeline"} <= found


def test_exports_of_one_network(house: House, command: Command, settings: Settings) -> None:  # noqa: F811
    """An export of one network has nothing of the other."""
    shown = command.ok("export", "users", "acme")
    assert mark("acme", "anna") in shown
    assert "globex" not in shown
