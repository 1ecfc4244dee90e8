"""The documentation of imports against the code."""

from __future__ import annotations

import re
from pathlib import Path

from carddav_msg.cli.importing import import_group
from carddav_msg.services.importing import columns, networks

DOCUMENT = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")


def documented(heading: str) -> set[str]:
    """The columns in the table of a section."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([a-z_]+)`", " ".join(cells)))


def test_every_column_is_documented() -> None:
    """The tables name exactly the columns that are known."""
    assert documented("Users") == set(columns.KNOWN)
    assert documented("Networks") == set(networks.COLUMNS)


def test_every_option_is_documented() -> None:
    """The document names every option of the commands."""
    for command in import_group.commands.values():
        for option in command.params:
            for name in option.opts:
                assert not name.startswith("--") or name in DOCUMENT
