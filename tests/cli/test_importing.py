"""`carddav-msg import`: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carddav_msg.bootstrap import Services
from carddav_msg.cli import commands
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.servers import environment

DATA = Path(__file__).parents[1] / "data"
ROWS = "network_id,cloud_username,display_name,password\nacme,ann,Ann,pw-canary\nacme,bob,Bob,pw-canary\n"


def run(settings: Settings, *arguments: str, text: str | None = None) -> Result:
    """Runs `carddav-msg import` with these settings."""
    found = CliRunner().invoke(commands, ["import", *arguments], input=text, env=environment(settings))
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def test_networks_and_users(settings: Settings, services: Services) -> None:
    """Networks come from a file, users from standard input; progress goes to stderr, the summary to stdout."""
    networks = run(settings, "networks", str(DATA / "networks.csv"))
    assert (networks.exit_code, networks.stdout) == (0, "4 networks: 4 added, 0 changed, 0 unchanged.\n")
    users = run(settings, "users", "-", text=ROWS)
    assert (users.exit_code, users.stdout) == (0, "2 users: 2 added, 0 changed, 0 unchanged.\n")
    assert users.stderr.splitlines() == ["Reading …", "Comparing …", "Hashing passwords …", "Writing …"]


def test_problems(settings: Settings, services: Services) -> None:
    """Every problem is on a line of its own with the line of the file; nothing is written and the exit code is 1."""
    add_network(services)
    found = run(settings, "users", str(DATA / "users-with-errors.csv"))
    assert (found.exit_code, found.stdout) == (1, "")
    lines = found.stderr.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(23, 32)]
    assert lines[-1] == "9 problems; nothing was written."


def test_rows_left_out(settings: Settings, services: Services) -> None:
    """With `--on-error skip-row` the rest is written, the lines are listed and the exit code is 3, in JSON too."""
    add_network(services)
    arguments = ("users", str(DATA / "users-with-errors.csv"), "--on-error", "skip-row")
    found = run(settings, *arguments)
    assert (found.exit_code, found.stdout) == (3, "20 users: 20 added, 0 changed, 0 unchanged.\n")
    assert found.stderr.splitlines()[-1] == "9 rows left out: line 23, 24, 25, 26, 27, 28, 29, 30, 31."
    again = run(settings, *arguments, "--json")
    report = json.loads(again.stdout)
    assert (again.exit_code, report["written"], report["unchanged"]) == (3, True, 20)
    assert report["skipped"] == list(range(23, 32))
    assert report["problems"][0] == {"line": 23, "field": "cloud_username", "message": "is empty."}


def test_dry_run(settings: Settings, services: Services) -> None:
    """A dry run shows who is added, changed from what to what, and disabled; of secrets only that they change."""
    acme = add_network(services)
    add_user(services, acme, "ann", display_name="Ann", title='Head of\n"Things"', password="old")
    add_user(services, acme, "cid")
    text = ROWS.replace("password", "password,title").replace("canary\nacme,b", "canary,\nacme,b").strip() + ",Lead\n"
    arguments = ("users", "-", "--dry-run", "--set-passwords", "--mode", "mirror", "--max-removals", "1")
    found = run(settings, *arguments, text=text)
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        'change acme~ann: title: "Head of\\n\\"Things\\"" → (empty); password: changed',
        'add acme~bob: "Bob"',
        "disable acme~cid",
        "Dry run, nothing was written: 2 users: 1 added, 1 changed, 0 unchanged, 1 disabled.",
    ]
    found = run(settings, *arguments, "--json", text=text)
    report = json.loads(found.stdout)
    assert report["differences"] == [
        {
            "action": "changed",
            "network_id": "acme",
            "cloud_username": "ann",
            "changes": {"title": {"old": 'Head of\n"Things"', "new": ""}, "password": {"changed": True}},
        },
        {
            "action": "added",
            "network_id": "acme",
            "cloud_username": "bob",
            "changes": {
                "cloud_username": {"old": "", "new": "bob"},
                "display_name": {"old": "", "new": "Bob"},
                "title": {"old": "", "new": "Lead"},
                "password": {"changed": True},
            },
        },
        {"action": "disabled", "network_id": "acme", "cloud_username": "cid", "changes": {}},
    ]
    assert (report["written"], report["added"], report["disabled"]) == (False, 1, 1)
    assert "canary" not in found.output


def test_mirror_refused(settings: Settings, services: Services) -> None:
    """More removals than allowed end the command with the numbers and the exit code 1."""
    acme = add_network(services)
    for name in ("ann", "bob", "cid"):
        add_user(services, acme, name)
    found = run(settings, "users", "-", "--mode", "mirror", text=ROWS)
    assert found.exit_code == 1
    assert "1 of the 3 enabled users" in found.stderr


def test_an_export_changes_nothing(settings: Settings, services: Services) -> None:
    """What is exported can be imported again, and says nothing new."""
    run(settings, "networks", str(DATA / "networks.csv"))
    run(settings, "users", str(DATA / "users-with-errors.csv"), "--on-error", "skip-row")
    for noun, expected in (
        ("networks", "4 networks: 0 added, 0 changed, 4 unchanged."),
        ("users", "20 users: 0 added, 0 changed, 20 unchanged."),
    ):
        exported = CliRunner().invoke(commands, ["export", noun], env=environment(settings))
        assert exported.exit_code == 0
        assert run(settings, noun, "-", text=exported.stdout).stdout == expected + "\n"


@pytest.mark.parametrize("limit", ["many", "200%"])
def test_bad_limit(settings: Settings, limit: str) -> None:
    """A limit that is none is an error of the command line."""
    found = run(settings, "users", "-", "--max-removals", limit, text=ROWS)
    assert (found.exit_code, "max-removals" in found.stderr) == (2, True)


def test_unknown_column(settings: Settings, services: Services) -> None:
    """A column nobody knows is named, with the one it looks like."""
    found = run(settings, "users", "-", text="network_id,cloud_username,dispaly_name\n")
    assert found.exit_code == 1
    assert "line 1: dispaly_name: is no column of an import; did you mean display_name?" in found.stderr


def test_missing_file(settings: Settings) -> None:
    """A file that is not there is named."""
    found = run(settings, "users", "nowhere.csv")
    assert (found.exit_code, "nowhere.csv" in found.stderr) == (2, True)
