"""What all routes have in common, the photos, health and the front page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from carddav_msg import bootstrap
from carddav_msg.credentials import keyring
from carddav_msg.settings import Settings
from carddav_msg.web import create_app
from tests.web.conftest import People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DOCS = Path(__file__).parent.parent.parent / "docs"
PIXEL = b"\x89PNG\r\n\x1a\n not much of a picture"


def test_every_route_is_documented(app: Flask) -> None:
    """docs/http-api.md has a heading for each route and no others, with its methods."""
    text = (DOCS / "http-api.md").read_text(encoding="utf-8")
    documented = re.findall(r"^## ([A-Z, ]+) `(/[^`]*)`", text, re.MULTILINE)
    routes = [
        (", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.rule)
        for rule in app.url_map.iter_rules()
    ]
    assert sorted(documented) == sorted(routes)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/auth", "/contacts", "/nothing", "/avatars/x"])
def test_security_headers_are_everywhere(client: FlaskClient, path: str) -> None:
    """No sniffing, no framing, no scripts, no referrer; answers are not stored unless they say so."""
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", ["/auth/", "/contacts/", "/provisioning/", "/provisioning/refresh/"])
def test_a_slash_at_the_end_is_no_redirect(client: FlaskClient, people: People, path: str) -> None:
    """A template with a slash too many works; a redirect would repeat the query."""
    sent = {"username": "bert", "password": "bert's password"}
    assert client.get(path, query_string=sent).status_code == 200


def test_front_page_says_what_runs_here(client: FlaskClient, settings: Settings) -> None:
    """A person learns the name and the faces, and nothing of the installation."""
    answer = client.get("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    body = answer.get_data(as_text=True)
    for shown in ("carddav-msg", "/dav/", "/contacts", "/provisioning", "/auth"):
        assert shown in body
    assert settings.database_url not in body


def test_photo_is_served_for_long(services: Services, client: FlaskClient) -> None:
    """A stored photo comes with its type and may be kept for a year; with its tag nothing is sent again."""
    with services.directory.write() as transaction:
        digest = transaction.save_photo("image/png", PIXEL)
    answer = client.get(f"/avatars/{digest}")
    assert (answer.status_code, answer.data, answer.headers["Content-Type"]) == (200, PIXEL, "image/png")
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    again = client.get(f"/avatars/{digest}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_what_is_no_image_is_served_as_bytes(services: Services, client: FlaskClient) -> None:
    """SVG and HTML under the avatars' address can't run in a browser."""
    with services.directory.write() as transaction:
        digest = transaction.save_photo("image/svg+xml", b"<svg onload='alert(1)'/>")
    assert client.get(f"/avatars/{digest}").headers["Content-Type"] == "application/octet-stream"


def test_health_is_about_the_process(settings: Settings, tmp_path: Path) -> None:
    """/healthz is fine while the database is away; /readyz is not, and says why."""
    services = bootstrap.build(replace(settings, database_url=f"sqlite:///{tmp_path}/empty.db"))
    client = create_app(services).test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").get_json()) == (200, {"status": "ok"})
    answer = client.get("/readyz")
    services.close()
    assert answer.status_code == 503
    assert answer.get_json()["ready"] is False
    assert len(answer.get_json()["problems"]) == 1


def test_ready_when_schema_and_keys_fit(services: Services, client: FlaskClient) -> None:
    """With the right schema and keys there are no problems."""
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"ready": True, "problems": []})


def test_not_ready_with_other_keys(settings: Settings, services: Services) -> None:
    """A keys file that lacks a key of the database is named, key by key."""
    assert bootstrap.check(services) == []
    other = bootstrap.build(replace(settings, keys=keyring.dump(keyring.generate())))
    answer = create_app(other).test_client().get("/readyz")
    other.close()
    assert answer.status_code == 503
    problems = answer.get_json()["problems"]
    assert len(problems) == len(services.keyring.keys)
    assert all("is missing" in problem for problem in problems)
