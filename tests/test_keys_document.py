"""`docs/keys.md`: its commands are run as they are written, in the order of its sections."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from carddav_msg import bootstrap
from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command
from tests.servers import ROOT, environment

BLOCKS = re.findall(r"<!-- run: (\w+) -->\n```\n(.*?)```", (ROOT / "docs" / "keys.md").read_text("utf-8"), re.DOTALL)


def run(command: Command, name: str, **words: str) -> None:
    """Runs the commands of a block; words in capitals stand for what `keys check` shows."""
    (block,) = [text for title, text in BLOCKS if title == name]
    for line in block.strip().splitlines():
        program, *arguments = shlex.split(line)
        assert program == "carddav-msg"
        command.ok(*(words.get(argument, argument) for argument in arguments))


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command in a folder with the user file, over a directory with anna and her SIP password."""
    for name, value in environment(settings).items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    command = Command()
    command.ok("network", "add", "acme")
    (tmp_path / "users.csv").write_text(
        "network_id,cloud_username,display_name,sip_username,sip_password\nacme,anna,Anna,s1,sip-anna\n"
    )
    command.ok("import", "users", "users.csv")
    return command


def sip_password(settings: Settings) -> str | None:
    """Anna's SIP password as a server that has just been started reads it."""
    services = bootstrap.build(settings)
    try:
        assert bootstrap.check(services) == []
        _, user = services.administration.users.find("acme", "anna")
        found = services.directory.with_secrets(user.id)
        sealed = found.credentials.sip_password if found else None
        return None if sealed is None else services.keyring.decrypt(sealed, user.uid)
    finally:
        services.close()


def test_every_command_is_run() -> None:
    """A block that nobody runs would be a promise that nobody keeps."""
    assert [title for title, _ in BLOCKS] == ["rotation", "retirement", "loss", "reimport"]
    assert (ROOT / "docs" / "keys.md").read_text("utf-8").count("```\n") == 2 * len(BLOCKS)


def test_rotation(command: Command, settings: Settings) -> None:
    """Rotate, retire the three old keys: SIP passwords are still there, and the old keys are out of use."""
    old = {key["purpose"]: key["key_id"] for key in command.json("keys", "check")["keys"]}
    run(command, "rotation")
    assert sip_password(settings) == "sip-anna"
    run(
        command,
        "retirement",
        SIP_KEY=old["sip"],
        DEVICE_KEY=old["device"],
        MEMORY_KEY=old["memory"],
    )
    assert sip_password(settings) == "sip-anna"
    assert not set(old.values()) & {k["key_id"] for k in command.json("keys", "check")["keys"] if not k["retired"]}


def test_loss(command: Command, settings: Settings) -> None:
    """The file is gone: give it up, import the SIP passwords again, and all is well."""
    Path(settings.keys_file).unlink()
    run(command, "loss")
    assert sip_password(settings) is None
    run(command, "reimport")
    assert sip_password(settings) == "sip-anna"
