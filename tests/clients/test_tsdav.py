"""tsdav, the CardDAV client of browser and node programs, against the real server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.required import missing, program
from tests.servers import Servers

SOURCE = Path(__file__).parent / "tsdav"
NAMES = ["one.vcf", "two & three.vcf", "čtyři.vcf"]


@pytest.fixture(scope="session")
def tsdav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tsdav and what it needs, exactly as the lock file says."""
    program("node")
    npm = program("npm")
    folder = tmp_path_factory.mktemp("tsdav")
    for name in ("package.json", "package-lock.json", "session.mjs"):
        shutil.copy2(SOURCE / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        missing(f"npm can't install tsdav:\n{done.stdout}{done.stderr}")
    return folder


@pytest.fixture
def seen(tsdav: Path, settings: Settings, services: Services, server: Servers) -> dict[str, Any]:
    """What a session of Anna saw, whose colleague is Ben."""
    acme = add_network(services, "acme", name="Acme")
    for name in ("anna", "ben"):
        add_user(services, acme, name, password="right", display_name=name.title())
    services.administration.books.add("acme", "suppliers", title="Suppliers", everyone="read")
    command = [program("node"), "session.mjs", server(settings).url + "/", "acme~anna", "right"]
    done = subprocess.run(command, cwd=tsdav, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    session: dict[str, Any] = json.loads(done.stdout)
    return session


def card(uid: str, name: str) -> str:
    """A card of the session as tsdav tells it: it trims every text that it reads."""
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\nNOTE:a, raw; comma <&> é\r\nEND:VCARD"
    )


def test_a_session(seen: dict[str, Any]) -> None:
    """Discovery from the server's URL, listing, creating, updating, deleting and syncing."""
    home = "/dav/acme~anna/"
    assert {book["path"]: book["displayName"] for book in seen["books"]} == {
        f"{home}directory/": "Acme",
        f"{home}personal/": "Personal",
        f"{home}suppliers/": "Suppliers",
    }
    assert all("syncCollection" in book["reports"] for book in seen["books"])
    assert len(seen["directory"]) == 2
    assert sum("X-CLOUD-USERNAME:ben" in text for text in seen["directory"].values()) == 1

    first = {name: card(f"uid-{number}", f"Card {number}") for number, name in enumerate(NAMES)}
    assert (seen["created"], seen["createdAgain"], seen["listed"]) == ([201, 201, 201], 412, first)
    assert (seen["updated"], seen["updatedTooLate"], seen["deletedTooLate"]) == (204, 412, 412)

    initial, changes, nothing = seen["syncs"]
    first[NAMES[0]] = card("uid-0", "Changed")
    last = {NAMES[0]: first[NAMES[0]], NAMES[2]: card("uid-2", "Changed too"), "new.vcf": card("uid-new", "New")}
    assert (initial["created"], initial["updated"], initial["deleted"]) == (first, {}, {})
    assert (changes["created"], changes["updated"]) == (
        {"new.vcf": last["new.vcf"]},
        {NAMES[2]: last[NAMES[2]]},
    )
    assert (seen["deleted"], changes["deleted"]) == (204, {NAMES[1]: ""})
    assert (nothing["created"], nothing["updated"], nothing["deleted"]) == ({}, {}, {})
    assert nothing["syncToken"] == changes["syncToken"] != initial["syncToken"]
    assert seen["mirror"] == last
    assert seen["dirty"]
    assert "403" in seen["badToken"]


def test_the_lock_file_names_no_host() -> None:
    """It says what is installed by its digest; from where is the installation's own business."""
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in packages)
