"""The document of the commands, and the shape of the commands themselves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from carddav_msg import __version__
from carddav_msg.cli import commands
from tests.cli import reference
from tests.cli.conftest import Command
from tests.servers import environment

COMMANDS = """
allowlist test, audit export, audit list, book add, book allow-delete, book list, book members, book remove, book share,
book show, book unshare, card history, card restore, completion, config show, doctor, export networks, export users,
grant add, grant list, grant remove, import networks, import users, keys check, keys init, keys lost, keys retire,
keys rotate, migrate, network add, network list, network remove, network set, network show, portal, rebuild, restored,
serve, user add, user codes, user devices, user disable, user enable, user list, user passwd, user qr, user remove,
user revoke, user set, user show, user timeline, user unrevoke, view add, view list, view preview, view remove,
view set, view show, why
"""


def test_the_commands_are_these() -> None:
    """A command comes or goes on purpose only: scripts of operators call them."""
    found = [path.removeprefix("carddav-msg ") for path, _ in reference.tree(commands, "carddav-msg")]
    assert found == [name.strip() for name in COMMANDS.replace("\n", " ").split(",")]


def test_the_document_is_current() -> None:
    """`docs/cli.md` lists every command and option; `python -m tests.cli.reference` writes it."""
    assert reference.FILE.read_text("utf-8") == reference.document()


@pytest.mark.parametrize("path", [path for path, _ in reference.tree(commands, "carddav-msg")])
def test_every_command_has_help(unprepared: Command, path: str) -> None:
    """Help needs neither settings nor a database and says what the command does."""
    words = path.split()[1:]
    shown = unprepared.ok(*words, "--help")
    assert shown.startswith(f"Usage: carddav-msg {' '.join(words)}")
    assert len(shown.split("\n\n")[1].strip()) > 10


def test_what_reads_for_scripts_has_json() -> None:
    """Every list, show, check and members command writes JSON on request."""
    for path, command in reference.tree(commands, "carddav-msg"):
        if path.split()[-1] in ("list", "show", "check", "members"):
            assert "--json" in [name for param in command.params for name in param.opts], path


def test_version(unprepared: Command) -> None:
    """`--version` names the program and its version."""
    assert unprepared.ok("--version").strip() == f"carddav-msg, version {__version__}"


def test_help_is_quick() -> None:
    """What only some commands need is not imported for the others: no database, no rich, no granian for `--help`."""
    program = (
        "import sys; from carddav_msg.cli import commands; commands(['--help'], standalone_mode=False);"
        "heavy = {'sqlalchemy', 'alembic', 'rich', 'granian', 'phonenumbers', 'radicale', 'flask', 'passlib'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(None), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_is_no_error(acme: Command) -> None:
    """A reader that has seen enough (`| head`) ends the command without a complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    environ = {**os.environ, "PYTHONPATH": environment(None)["PYTHONPATH"]}
    arguments = [sys.executable, "-m", "carddav_msg", "export", "users"]
    done = subprocess.run(arguments, env=environ, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
