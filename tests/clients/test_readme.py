"""The README's first steps, done as it says, on the sample that `make run` imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.required import program
from tests.servers import ROOT, Servers, environment, free_port

SAMPLE = ROOT / "carddav_msg" / "sample"


def try_it() -> str:
    """The part of the README that `make run` prints."""
    match = re.search(r"<!-- try it -->\n```\n(.*?)```\n<!-- tried -->", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert match
    return match[1]


CURL_LINES = [line for line in try_it().splitlines() if line.startswith("curl ")]


@pytest.fixture
def answers(tmp_path: Path, server: Servers) -> list[tuple[int, str]]:
    """(status, body) of each curl line, run by a shell as written, at a server that `make run` would have set up."""
    program("curl")
    port = free_port()
    environ = environment(None) | {"CARDDAV_MSG_ARGON2_MEMORY": "8", "CARDDAV_MSG_ARGON2_TIME": "1"}
    command = [sys.executable, "-m", "carddav_msg"]
    for arguments in (
        ["keys", "init"],
        ["migrate"],
        ["import", "networks", str(SAMPLE / "networks.csv")],
        ["import", "users", str(SAMPLE / "users.csv")],
    ):
        done = subprocess.run(
            [*command, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    url = f"http://127.0.0.1:{port}"
    serve = [*command, "serve", "--port", str(port)]
    server.process(serve, environ, url, cwd=tmp_path).wait()
    # curl itself is told where 127.0.0.1:8080 is today: the lines stay as written.
    curlrc = f'connect-to = "127.0.0.1:8080:127.0.0.1:{port}"\nsilent\nshow-error\nwrite-out = "\\n%{{http_code}}"\n'
    (tmp_path / ".curlrc").write_text(curlrc)
    shell = {"PATH": os.environ["PATH"], "CURL_HOME": str(tmp_path), "HOME": str(tmp_path)}
    results = []
    for line in CURL_LINES:
        done = subprocess.run(["sh", "-c", line], env=shell, capture_output=True, text=True, check=True)
        body, _, status = done.stdout.rpartition("\n")
        results.append((int(status), body))
    return results


def test_curl_lines_do_what_they_say(answers: list[tuple[int, str]]) -> None:
    """Account, contacts, address book, authentication, a refusal, and a healthy server: one line each."""
    assert [status for status, _ in answers[:4] + answers[5:]] == [200, 200, 207, 200, 200]
    account, contacts, cards, admitted, refused, _ = [body for _, body in answers]
    nodes = {node.tag: node.text for node in ElementTree.fromstring(account)}
    assert (nodes["cloud_username"], nodes["networkId"], nodes["host"]) == ("anna", "aurora", "sip.aurora.example.com")
    names = {contact["displayName"]: contact.get("cloudUsername") for contact in json.loads(contacts)["contacts"]}
    assert names == {"Ben Carter": "ben.carter", "Chloé Dubois": "chloe@aurora.example.com"}
    assert cards.count(".vcf") == 3
    assert [number.text for number in ElementTree.fromstring(admitted).iter("number")] == ["+15550102001"]
    assert answers[4][0] in (401, 403)
    assert ElementTree.fromstring(refused).tag == "error"


def test_make_run_prints_the_same() -> None:
    """`make run` takes the lines it prints from the README, and imports the sample that is shipped."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "/<!-- try it -->/,/<!-- tried -->/p' README.md" in makefile
    for name in ("networks", "users"):
        assert f"import {name} carddav_msg/sample/{name}.csv" in makefile
        assert (SAMPLE / f"{name}.csv").exists()
    assert len(CURL_LINES) == 6
