"""`doctor` on the command line, against a started server."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carddav_msg.settings import PREFIX, Settings
from tests.certificates import authority, certificate
from tests.cli.conftest import Command
from tests.fronts import nginx
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


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "": ({}, ""),
    "it ends soon": ({"days": 5.5}, "Renew it"),
    "it has ended": ({"days": -1}, "Renew it"),
    "nobody signed it": ({"issuer": None}, "Get one from an authority that phones know"),
    "another host": ({"host": "other.example.com"}, "Get one for this host name"),
    "an unknown authority": ({}, "--ca"),
}


@pytest.mark.parametrize("by", ["--ca", "SSL_CERT_FILE"])
@pytest.mark.parametrize("fault", FAULTS)
def test_certificates_are_examined(
    acme: Command,
    settings: Settings,
    server: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    by: str,
) -> None:
    """Behind a real TLS front: what phones would not accept is the one finding, with its fix; all else is examined."""
    changes, fix = FAULTS[fault]
    issuer = authority()
    shown = certificate(tmp_path / "tls", **{"host": "localhost", "issuer": issuer, **changes})
    known = certificate(tmp_path / "other", "localhost", issuer=authority()) if "authority" in fault else shown
    trusted = (
        known.authority if changes.get("issuer", issuer) else certificate(tmp_path / "more", "localhost").authority
    )
    running = server(settings, trusted_proxies=("127.0.0.1",), workers=1)
    with nginx(tmp_path / "nginx", int(running.url.rpartition(":")[2]), shown) as front:
        url = f"https://localhost:{front.secure}"
        monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", url)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted) if by == "SSL_CERT_FILE" else "")
        result = acme(
            "doctor", "--url", url, "--network", "acme", "--json", *(["--ca", str(trusted)] if by == "--ca" else [])
        )
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert findings["TLS"]["ok"] is not bool(fault)
    assert fix in findings["TLS"]["fix"]
    if fault in ("", "it ends soon"):
        assert findings["well-known"]["ok"]
        assert findings["refusal"]["ok"]
        assert findings["flow: simple"]["ok"]
    else:
        assert list(findings) == ["TLS"]
        assert "not accepted" in findings["TLS"]["text"]
    assert result.exit_code == 1, "the server was not told its public URL"


def test_what_is_no_certificate(acme: Command, tmp_path: Path) -> None:
    """A file with something else is a usage error that names it."""
    other = tmp_path / "other.pem"
    other.write_text("nothing")
    result = acme("doctor", "--url", "https://localhost", "--ca", str(other))
    assert result.exit_code == 2
    assert "no certificate in PEM form" in result.output


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
