"""Through the real server: what only a server does to requests."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.dav.clients import CS, D, propfind, vcard
from tests.dav.conftest import SECRET, House, build
from tests.servers import Server

HEADERS = {"Authorization": "Basic " + base64.b64encode(f"acme~anna:{SECRET}".encode()).decode()}


def test_chunks_raw_paths_and_forged_headers(settings: Settings, server: Callable[..., Server]) -> None:
    """A chunked PUT is kept whole under a name with `%25`, a large one is refused, forged headers change nothing."""
    services = bootstrap.build(settings)
    add_user(services, add_network(services), "anna", password=SECRET)
    services.close()
    running = server(settings)
    with closing(http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=30)) as connection:

        def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
            sent = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent, encode_chunked=True)  # type: ignore[arg-type]  # an iterator
            response = connection.getresponse()
            return response.status, response.read()

        path = "/dav/acme~anna/personal/a%252Fb%20c.vcf"
        card = vcard("x" * 50_000).encode()
        pieces = (card[place : place + 1000] for place in range(0, len(card), 1000))
        assert ask("PUT", path, pieces, Content_Type="text/vcard", Transfer_Encoding="chunked")[0] == 201
        assert ask("GET", path) == (200, card)
        assert ask("PUT", path, iter([b"x" * 5_000_000]), Transfer_Encoding="chunked")[0] == 413
    with closing(http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=30)) as connection:
        forged = {"X-Script-Name": "/evil", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example"}
        for place in ("/dav/acme~anna/personal/", "/dav/acme~anna/"):  # answered by the lane, and by the engine
            status, body = ask("PROPFIND", place, propfind(D + "owner", CS + "getctag"), Depth="1", **forged)
            assert status == 207
            assert b"evil" not in body
    assert SECRET not in running.stop()


@pytest.fixture
def any_house(any_services: Services) -> House:
    """The house on both databases."""
    return build(any_services)


@pytest.mark.parametrize(
    "secret", ["a\0b", "d1.key.AAA.mac", "d1.key." + "A" * 4000 + ".mac", "\ud7ff", "d1.key.77-_.mac"]
)
def test_strange_secrets_are_wrong_on_both_databases(any_house: House, secret: str) -> None:
    """No secret, and no device in one, reaches a database that chokes on it."""
    assert any_house.client("acme~anna", secret).propfind(any_house.personal, D + "getetag").status == 401


def test_a_life_of_a_card_on_both_databases(any_house: House) -> None:
    """PUT, listing, sync, GET, DELETE."""
    anna, path = any_house.anna, any_house.personal + "%C3%BC%2525.vcf"
    token = anna.propfind(any_house.personal, D + "sync-token").members[any_house.personal].text(D + "sync-token")
    assert anna.put(path, vcard()).status == 201
    assert anna("GET", path).body == vcard().encode()
    assert len(anna.sync(any_house.personal, token).members) == 1
    assert len(anna.propfind(any_house.personal, D + "getetag", depth="1").members) == 2
    assert anna("DELETE", path).status == 204
    assert [member.gone for member in anna.sync(any_house.personal, token).members.values()] == [True]
