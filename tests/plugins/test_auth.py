"""Tests of the auth plugin: logins, names of the principal, and what costs no time."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client

from carddav_msg.services.authentication import Face
from tests.plugins.installation import PASSWORD, engine
from tests.plugins.webdav import Dav, propfind, wsgi

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

WHO = propfind("D:current-user-principal")


@pytest.mark.parametrize("login", ["acme~anna", "ACME~Anna"])
def test_every_spelling_of_a_login_leads_to_the_canonical_principal(dav_of: Callable[..., Dav], login: str) -> None:
    """The principal is named `NETWORK~cloud_username` in the stored spelling."""
    answer = dav_of(login)("PROPFIND", "/", WHO)
    assert answer.prop("/", "D:current-user-principal") == "D:href(/acme~anna/)"


def test_answers_repeat_the_spelling_of_the_path(dav: Dav) -> None:
    """A client that was configured with a path in another case finds its own hrefs in the answers."""
    answer = dav("PROPFIND", "/ACME~Anna/", WHO, depth="1")
    assert answer.prop("/ACME~Anna/", "D:current-user-principal") == "D:href(/ACME~Anna/)"
    assert "/ACME~Anna/personal/" in answer.responses


@pytest.mark.parametrize(("login", "password"), [("acme~anna", "wrong"), ("acme~nobody", PASSWORD), ("x", PASSWORD)])
def test_rejected_logins_are_asked_again(dav_of: Callable[..., Dav], login: str, password: str) -> None:
    """A wrong password and an unknown user get the same 401 with a challenge."""
    answer = dav_of(login, password)("PROPFIND", "/", WHO)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="carddav-msg"'


def test_nobody_waits_for_a_refusal(dav_of: Callable[..., Dav]) -> None:
    """Neither Radicale's delay nor its equal-time sleep holds a worker, also after one slow refusal."""
    started = time.monotonic()
    for _ in range(5):
        assert dav_of("acme~anna", "wrong")("PROPFIND", "/acme~anna/", WHO).status == 401
    assert time.monotonic() - started < 1


def test_anonymous_requests_are_challenged(filled: Services) -> None:
    """Without credentials there is a challenge, and nothing of the directory."""
    client = Client(engine(filled))
    with client.open("/acme~anna/", method="PROPFIND", data=WHO) as answer:
        assert (answer.status_code, "anna" in answer.text) == (401, False)


def test_the_visitor_of_a_guard_is_trusted(filled: Services) -> None:
    """Behind a guard the engine needs no credentials, and calls the user as the guard says the path does."""
    visitor = filled.authentication.enter("acme~anna", PASSWORD, Face.CARDDAV)
    client = Client(engine(filled, visitor_key="visitor", segment_key="segment"))
    environ = {"visitor": visitor, "segment": "Acme~anna"}
    with client.open("/Acme~anna/", method="PROPFIND", data=WHO, environ_overrides=environ) as answer:
        assert answer.status_code == 207
        assert "/Acme~anna/" in answer.text


def test_a_client_cannot_pose_as_the_visitor_of_a_guard(filled: Services) -> None:
    """What a client sends as a header never is the visitor."""
    client = Client(engine(filled, visitor_key="visitor", segment_key="segment"))
    forged = {"visitor": "acme~anna", "segment": "acme~anna"}
    for sent in ({"headers": forged}, {"environ_overrides": forged}):
        with client.open("/acme~anna/", method="PROPFIND", data=WHO, **sent) as answer:
            assert answer.status_code == 401


def test_one_request_leaves_nothing_to_the_next(filled: Services) -> None:
    """On the same thread, an anonymous request after a signed-in one is anonymous."""
    application = engine(filled)
    assert wsgi(application, "acme~anna", PASSWORD)("PROPFIND", "/acme~anna/", WHO).status == 207
    with Client(application).open("/acme~anna/", method="PROPFIND", data=WHO) as answer:
        assert answer.status_code == 401


def test_passwords_are_in_no_log(dav_of: Callable[..., Dav], caplog: pytest.LogCaptureFixture) -> None:
    """Right or wrong, plain or as base64, at the lowest level."""
    caplog.set_level(1)
    dav_of("acme~anna")("PROPFIND", "/", WHO)
    dav_of("acme~anna", "canary-wrong")("PROPFIND", "/", WHO)
    assert "Successful login" in caplog.text
    for secret in (PASSWORD, "canary-wrong"):
        assert secret not in caplog.text
        assert base64.b64encode(f"acme~anna:{secret}".encode()).decode() not in caplog.text
