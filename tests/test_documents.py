"""The documents say what the code does: settings file, links, examples of configuration, honest boxes."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from carddav_msg import settings as product_settings
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.settings import PREFIX, Settings
from tests import settings_file
from tests.servers import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*.md")])


def test_settings_file_is_current() -> None:
    """`config/carddav-msg.toml` lists every setting, text and default; `python -m tests.settings_file` writes it."""
    assert settings_file.FILE.read_text("utf-8") == settings_file.text()


def test_settings_file_gives_the_defaults(tmp_path: Path) -> None:
    """The file as it is, and with every line uncommented, loads to the default settings."""
    text = settings_file.FILE.read_text("utf-8")
    uncommented = tmp_path / "all.toml"
    uncommented.write_text(re.sub(r"(?m)^# (\w+ = )", r"\1", text), "utf-8")
    assert len(tomllib.loads(uncommented.read_text("utf-8"))) == len(fields(Settings))
    for path in (settings_file.FILE, uncommented):
        assert product_settings.load(path, {}) == Settings()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_in_documents_exist(path: Path) -> None:
    """A CARDDAV_MSG_* variable that a document names is one that the program (or its tests) knows."""
    known = {PREFIX + item.name.upper() for item in fields(Settings)}
    known |= {f"{name}_FILE" for name in known} | {product_settings.CONFIG_VARIABLE}
    known |= {PREFIX, f"{PREFIX}SOAK", f"{PREFIX}REQUIRE_POSTGRESQL"}
    assert set(re.findall(rf"{PREFIX}[A-Z0-9_]*", path.read_text("utf-8"))) - known == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each link to a file of the repository names one that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile", "carddav-msg.service", "compose.yaml"])
def test_examples_name_existing_settings(name: str) -> None:
    """The examples for other programs use settings that exist."""
    known = {PREFIX + item.name.upper() for item in fields(Settings)} | {product_settings.CONFIG_VARIABLE}
    assert set(re.findall(rf"{PREFIX}[A-Z0-9_]+", (ROOT / "config" / name).read_text("utf-8"))) <= known


def test_each_question_to_the_vendor_has_a_setting_and_a_test() -> None:
    """Each open behaviour says what we do, how to change it with settings that exist, and how to find out."""
    text = (ROOT / "docs" / "vendor-questions.md").read_text("utf-8")
    settings = {item.name for kind in (Settings, Network, User) for item in fields(kind)}
    questions = re.split(r"(?m)^## \d+\. ", text)[1:]
    assert len(questions) >= 10
    for question in questions:
        parts = dict(re.findall(r"(?ms)^\* \*\*(We do|Setting|Test)\*\*: (.*?)(?=^\* \*\*|\Z)", question))
        assert set(parts) == {"We do", "Setting", "Test"}, question
        named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", parts["Setting"]))
        assert named <= settings, question
        options = re.findall(r"--([a-z-]+)", parts["Setting"])
        words = ("none is needed", "template in the portal")
        assert named or options or any(word in parts["Setting"] for word in words), question


def test_rfc_boxes_are_honest() -> None:
    """A ticked box of `docs/rfc6352.md` names a test that exists; an unticked one names none."""
    lines = re.findall(r"(?m)^- \[([ x])\] (.*(?:\n  .*)*)", (ROOT / "docs" / "rfc6352.md").read_text("utf-8"))
    assert len(lines) > 30
    for ticked, line in lines:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
        assert bool(tests) == (ticked == "x"), line
        for file, test in tests:
            assert f"def {test}(" in (ROOT / file).read_text("utf-8"), line
