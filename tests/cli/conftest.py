"""Fixtures of the command's tests: the real commands over a real directory, in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carddav_msg.cli import commands
from carddav_msg.settings import PREFIX, Settings
from tests.servers import environment


class Command:
    """`carddav-msg` with the settings of the environment."""

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(commands, arguments, input=stdin, prog_name="carddav-msg")

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """Standard output of a command that succeeds."""
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> Any:
        """What a command answers for scripts."""
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, *arguments: str, stdin: str = "", code: int = 1) -> str:
        """Standard error of a command that fails as it should: with a sentence, never a traceback."""
        result = self(*arguments, stdin=stdin)
        assert isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.stderr
        assert "Error: " in result.stderr
        return result.stderr


@pytest.fixture
def unprepared(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on a machine where nothing was made yet: no keys, no database."""
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'directory.db'}")
    monkeypatch.setenv(f"{PREFIX}KEYS_FILE", str(tmp_path / "new" / "keys.toml"))
    monkeypatch.setenv(f"{PREFIX}ARGON2_MEMORY", "8")
    monkeypatch.setenv(f"{PREFIX}ARGON2_TIME", "1")
    return Command()


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on a migrated database with its keys."""
    for name, value in environment(settings).items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    return Command()


@pytest.fixture
def acme(command: Command) -> Command:
    """The same with a network `acme` and a user `anna`."""
    command.ok("network", "add", "acme", "--name", "Acme", "--sip-host", "sip.acme.example", "--cloud-id", "ACME1")
    command.ok("user", "add", "acme", "anna", "--display-name", "Anna Nováková", "--password-stdin", stdin="secret-a\n")
    return command
