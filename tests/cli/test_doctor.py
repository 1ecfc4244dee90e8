"""`doctor` on the command line, against a started server."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command
from tests.servers import Servers, environment, free_port


def test_a_started_server_is_examined(
    acme: Command, settings: Settings, server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound server is found sound, with exit code 0, and every user was compared; steps are told on stderr."""
    acme.ok("user", "set", "acme", "anna", "--sip-username", "S1")
    url = f"http://127.0.0.1:{(port := free_port())}"
    environ = environment(replace(settings, port=port, public_url=url, workers=1))
    server.process([sys.executable, "-m", "carddav_msg", "serve"], environ, url).wait()
    monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", url)
    result = acme("doctor", "--url", url)
    assert result.exit_code == 0, result.output
    assert "flow: external provisioning" in result.stdout
    assert "agree for 1 users" in result.stdout
    assert "Comparing the users of acme" in result.stderr


def test_findings_are_told_to_scripts(acme: Command, settings: Settings, server: Servers) -> None:
    """A server that is asked at another address than its own: JSON with a fix for each finding, and exit code 1."""
    found = acme("doctor", "--url", server(settings).url, "--network", "acme", "--json")
    assert found.exit_code == 1
    wrong = [finding for finding in json.loads(found.stdout) if not finding["ok"]]
    assert [finding["check"] for finding in wrong] == ["public_url", "provisioning"]
    assert all(finding["fix"] for finding in wrong)


def test_nobody_there(acme: Command) -> None:
    """Without a server there is one finding, and exit code 1."""
    result = acme("doctor", "--url", f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == 1
    assert "Start the server" in result.stdout


def test_what_is_no_url(acme: Command) -> None:
    """A host name alone, or a path, is a usage error."""
    for url in ("contacts.example.com", "https://contacts.example.com/dav"):
        assert acme("doctor", "--url", url).exit_code == 2
