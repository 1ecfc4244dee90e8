"""The shipped nginx and Caddy configurations, in front of the real server: canaries of queries are in no log."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.credentials import device
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.fronts import Front, broken, caddy, nginx
from tests.processes import port_of, replaced, workers_of
from tests.servers import Servers, free_port
from tests.test_canary import leaks, requests

CANARY = "Canary-front-7Qz!&é"
MakeFront = Callable[[Path, int], AbstractContextManager[Front]]


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def front_of(request: pytest.FixtureRequest) -> MakeFront:
    """Starts a front in a folder, for the server at a port."""
    made: MakeFront = request.param
    return made


def assert_nothing_leaked(front: Front, routes: int) -> str:
    """The logs have lines, of the right routes, and no canary; returns the log of requests. A front writes a line after
    it has sent the answer.
    """
    until = time.monotonic() + 20
    while (logs := front.written())[front.requests].count("\n") < routes and time.monotonic() < until:
        time.sleep(0.05)
    for name, text in logs.items():
        assert leaks(text, (CANARY,)) == [], name
        assert "cloud_username" not in text, name
    assert logs[front.requests].count("\n") >= routes
    assert front.route.format("/auth") in logs[front.requests]
    return logs[front.requests]


def test_no_query_is_in_a_log_of_the_proxy(
    front_of: MakeFront, tmp_path: Path, server: Servers, settings: Settings, services: Services
) -> None:
    """Right and wrong secrets in every place of a request, over https; and over http, which takes none of them."""
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.example.com")
    add_user(services, acme, "anna", password=CANARY)
    running = server(settings, trusted_proxies=("127.0.0.1",), access_log=True, log_level="debug", throttle_pair=10_000)
    statuses = set()
    count = 0
    with front_of(tmp_path / "front", port_of(running)) as front:
        for method, path, headers, body in requests(CANARY):
            status, text = front.ask(method, path, headers, body)
            statuses.add(status)
            if status >= 300:
                assert leaks(text, (CANARY,)) == [], (method, path)
            status, text = front.ask(method, path, headers, body, plain=True)
            assert status == 403, "no redirect would repeat a query, or let it be sent in the clear again"
            count += 2
        assert statuses >= {200, 207, 400, 401, 403}
        assert_nothing_leaked(front, count)
    output = running.stop()
    assert leaks(output, (CANARY,)) == []
    assert re.search(r"carddav_msg\.access: GET /auth\?username=\S+ \d+ \S+ client=127\.0\.0\.1", output)


def test_what_the_server_learns_of_the_proxy(
    front_of: MakeFront, tmp_path: Path, server: Servers, settings: Settings, services: Services
) -> None:
    """It believes the front that the client used https, and that passes on nothing that the client made up."""
    add_user(services, add_network(services, "acme"), "anna", password=CANARY)
    running = server(settings, trusted_proxies=("127.0.0.1",))
    forged = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=http"}
    with front_of(tmp_path / "front", port_of(running)) as front:
        status, text = front.ask("GET", "/auth?username=anna&password=wrong", forged)
        assert status == 401
        assert "strict-transport-security: max-age=31536000" in text.lower()
        assert front.ask("GET", "/.well-known/carddav", {}, plain=True)[0] == 301
        for name in ("X_Forwarded_For", "x_forwarded_for", "X_Forwarded-For", "X-Forwarded_For"):
            assert front.ask("GET", f"/auth?username=anna&password={name}", {name: "6.6.6.6"})[0] == 401
    log = running.stop()
    assert log.count("sign-in refused: client=127.0.0.1 ") == 5
    assert "6.6.6.6" not in log


def test_a_reload_behind_the_proxy_fails_no_request(
    front_of: MakeFront, tmp_path: Path, server: Servers, settings: Settings, services: Services
) -> None:
    """Proxies keep connections, and don't ask again with a POST that may have arrived: each has to be answered."""
    anna = add_user(services, add_network(services, "acme"), "anna")
    phones_own = device.issue(services.keyring, anna.id, anna.session_epoch, "phone")  # nothing to hash
    running = server(settings, trusted_proxies=("127.0.0.1",), workers=2, threads=8)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ended = threading.Event()

    def phone(front: Front) -> Counter[int]:
        statuses: Counter[int] = Counter()
        while not ended.is_set():
            statuses[front.ask("POST", "/contacts", form, f"username=acme~anna&password={phones_own}")[0]] += 1
        return statuses

    with front_of(tmp_path / "front", port_of(running)) as front, ThreadPoolExecutor(6) as pool:
        phones = [pool.submit(phone, front) for _ in range(6)]
        try:
            for _ in range(2):
                before = workers_of(running.pid)
                os.kill(running.pid, signal.SIGHUP)
                replaced(running, before)
        finally:
            ended.set()
        statuses = sum((done.result() for done in phones), Counter())
    assert statuses.keys() == {200}
    assert statuses[200] > 20


@pytest.mark.parametrize("fault", ["stopped", "slow", "resetting"])
def test_no_query_is_in_a_log_when_the_server_fails(front_of: MakeFront, tmp_path: Path, fault: str) -> None:
    """A front says much of a server that is away, and by default the request line with it."""
    plain = CANARY.encode().hex()
    asked = [
        ("GET", f"{path}?cloud_username=anna&cloud_password={plain}", dict[str, str](), "")
        for path in ("/auth", "/provisioning", "/contacts", "/nothing")
    ]
    asked += [one for one in requests(CANARY) if one[0] in ("GET", "POST")]
    upstream = free_port()
    with (
        broken(upstream, slow=fault == "slow") if fault != "stopped" else nullcontext(),
        front_of(tmp_path / "front", upstream) as front,
    ):
        asked = asked[: 12 if fault == "slow" else 200]
        for method, path, headers, body in asked:
            status, _ = front.ask(method, path, headers, body)
            assert status in (502, 504)
        log = assert_nothing_leaked(front, len(asked))
        assert plain not in "".join(front.written().values())
        assert front.status.format(504 if fault == "slow" else 502) in log
