"""`carddav-msg completion`, and what a shell gets from it."""

from __future__ import annotations

import pytest
from click.shell_completion import BashComplete

from carddav_msg.cli import commands
from carddav_msg.settings import PREFIX
from tests.cli.conftest import Command


def offered(line: str) -> list[str]:
    """What is offered for the last word of a command line."""
    *before, last = line.split(" ")
    complete = BashComplete(commands, {}, "carddav-msg", "_CARDDAV_MSG_COMPLETE")
    return [item.value for item in complete.get_completions(before, last)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(command: Command, shell: str) -> None:
    """Each shell gets a script that calls the command."""
    assert "_CARDDAV_MSG_COMPLETE" in command.ok("completion", shell)


def test_unknown_shell(command: Command) -> None:
    """A shell that is not known is a mistake in the use of the command."""
    assert "powershell" in command.fails("completion", "powershell", code=2)


def test_names_come_from_the_directory(acme: Command) -> None:
    """Networks, users of the network before, and its books are offered."""
    acme.ok("user", "add", "acme", "Antonia", "--display-name", "A", "--no-password")
    acme.ok("book", "add", "acme", "team")
    assert offered("network show ") == ["acme"]
    assert offered("user show acme an") == ["anna", "Antonia"]
    assert offered("user show acme anna") == ["anna"]
    assert offered("user show acme x") == []
    assert offered("book members acme ") == ["team"]
    assert offered("user show nope ") == []


def test_problems_offer_nothing(unprepared: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database, and with settings that don't load, nothing is offered and nothing is made."""
    assert offered("user show acme ") == []
    assert offered("book members acme ") == []
    monkeypatch.setenv(f"{PREFIX}PORT", "many")
    assert offered("network show ") == []
