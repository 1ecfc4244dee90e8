"""`carddav-msg allowlist test`: what the lists of addresses mean for one."""

from __future__ import annotations

import json

import pytest

from carddav_msg.settings import PREFIX
from tests.cli.conftest import Command


@pytest.fixture
def closed(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A closed installation with a range and an office."""
    monkeypatch.setenv(f"{PREFIX}AUTH_ACCESS", "closed")
    monkeypatch.setenv(f"{PREFIX}AUTH_ALLOWED_SOURCES", "203.0.113.0/24, 2001:db8::/32")
    monkeypatch.setenv(f"{PREFIX}SHARED_SOURCES", "198.51.100.9")
    return command


@pytest.mark.parametrize("address", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1"])
def test_an_address_that_is_listed(closed: Command, address: str) -> None:
    """It is answered, and has no window of its own."""
    facts = closed.json("allowlist", "test", address)
    assert (facts["external_authentication"], facts["address_is_throttled"]) == (True, False)
    assert "203.0.113" in facts["address"] or facts["address"] == "2001:db8::1"


def test_an_address_that_is_not(closed: Command) -> None:
    """The exit code says so to scripts."""
    result = closed("allowlist", "test", "198.51.100.9", "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert (facts["external_authentication"], facts["in_shared_sources"]) == (False, True)
    assert closed("allowlist", "test", "198.51.100.10").exit_code == 1


def test_open_answers_everybody(command: Command) -> None:
    """The default."""
    assert "yes" in command.ok("allowlist", "test", "198.51.100.10")


def test_what_is_no_address_is_a_usage_error(command: Command) -> None:
    """With a sentence."""
    assert "is no IP address" in command.fails("allowlist", "test", "example.com", code=2)


def test_wrong_lists_are_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting and the text."""
    monkeypatch.setenv(f"{PREFIX}AUTH_ALLOWED_SOURCES", "203.0.113.1/24")
    assert "auth_allowed_sources: '203.0.113.1/24'" in command.fails("allowlist", "test", "192.0.2.1")
