"""Metrics: what they count, over all worker processes, and that no label tells of a user."""

from __future__ import annotations

import base64
import http.client
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.servers import PATIENCE, Server, Servers, environment, free_port

PASSWORD = "Canary-metrics-1"
PROPFIND = b'<propfind xmlns="DAV:"><prop><sync-token/></prop></propfind>'
SYNC = b'<sync-collection xmlns="DAV:"><sync-token>%s</sync-token><sync-level>1</sync-level><prop/></sync-collection>'


def ask(
    server: Server,
    method: str,
    path: str,
    password: str = PASSWORD,
    body: bytes | None = None,
    login: str = "acme~anna",
) -> str:
    """The body of an answer, also of a refusal."""
    basic = base64.b64encode(f"{login}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Depth": "0"}
    if body:
        headers["Content-Type"] = "application/xml"
    request = urllib.request.Request(server.url + path, body, headers, method=method)  # noqa: S310  # our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # the same
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def scraped(port: int) -> dict[str, float]:
    """The samples, once there are any."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
                return {
                    name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"
                }
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_all_processes_count_together(server: Servers, settings: Settings, services: Services) -> None:
    """Requests by face, outcome and reason, latency, syncs, throttling, the hash queue; from two workers."""
    add_user(services, add_network(services, "acme"), "anna", password=PASSWORD)
    port = free_port()
    running = server(replace(settings, metrics_port=port, throttle_pair=2, throttle_user=4), workers=2)
    for _ in range(20):
        ask(running, "GET", "/contacts")
    book = "/dav/acme~anna/directory/"
    answer = ask(running, "REPORT", book, body=SYNC % b"")
    token = re.search(r"<(?:\w+:)?sync-token>([^<]+)<", answer)
    assert token is not None
    for _ in range(4):  # answered from memory in part
        ask(running, "REPORT", book, body=SYNC % token[1].encode())
    ask(running, "PROPFIND", book, body=PROPFIND)
    ask(running, "GET", f"/nothing/{PASSWORD}?password={PASSWORD}")
    for n in range(3):
        ask(running, "GET", "/contacts", f"wrong-{n}")
    for n in range(8):
        ask(running, "GET", "/contacts", f"wrong-{n}", login="acme~nobody")
    samples = scraped(port)

    def total(name: str, *labels: str) -> float:
        return sum(v for k, v in samples.items() if k.startswith(name) and all(label in k for label in labels))

    assert total("carddav_msg_requests_total", 'face="contacts"', 'outcome="2xx"') == 20
    assert total("carddav_msg_requests_total", 'face="contacts"', 'reason="password"', 'outcome="refused"') >= 1
    throttled = total("carddav_msg_requests_total", 'face="contacts"', 'outcome="throttled"')
    assert throttled == total("carddav_msg_throttled_total", 'face="contacts"') >= 4
    assert total("carddav_msg_requests_total", 'face="other"', 'outcome="4xx"', 'reason="not found"') == 1
    assert total("carddav_msg_request_seconds_count", 'face="carddav"') == 6
    assert samples['carddav_msg_syncs_total{face="carddav",kind="full"}'] == 1
    assert samples['carddav_msg_syncs_total{face="carddav",kind="delta"}'] == 4
    assert samples['carddav_msg_syncs_total{face="contacts",kind="full"}'] == 20
    assert samples["carddav_msg_hash_queue"] == 0
    assert not [name for name in samples if "anna" in name or "acme" in name or PASSWORD in name]
    running.stop()
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)
    except OSError:
        return
    raise AssertionError("the process that serves metrics outlives the server")


def test_what_a_killed_worker_had_running_is_forgotten(server: Servers, settings: Settings) -> None:
    """A hash that never ends, here that for a name nobody has, does not stay in the queue for ever."""
    port = free_port()
    running = server(replace(settings, metrics_port=port, argon2_memory=65_536, argon2_time=60), workers=1)

    def queue() -> float:
        return sum(value for name, value in scraped(port).items() if name.startswith("carddav_msg_hash_queue"))

    def wait_for(least: float, most: float) -> None:
        until = time.monotonic() + PATIENCE
        while not least <= queue() <= most:
            assert time.monotonic() < until
            time.sleep(0.02)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, running, "GET", "/contacts", f"wrong-{n}") for n in range(4)]
        wait_for(1, 4)
        for child in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text("ascii").split():
            if b"serve-metrics" not in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
        for one in asked:
            with suppress(OSError, http.client.HTTPException):
                one.result()
    wait_for(0, 0)


def test_without_a_port_nothing_is_counted(services: Services) -> None:
    """The library is not even imported, so a poll pays nothing."""
    code = (
        "import sys; from carddav_msg.wsgi import create_application; create_application();"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=environment(services.settings), check=False).returncode == 0
