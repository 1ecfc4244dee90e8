"""Answers of 304 that are repeated: never one that a look at the request would not give."""

from __future__ import annotations

import base64
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from carddav_msg.credentials import device
from carddav_msg.domain.observations import Outcome
from carddav_msg.errors import Unavailable
from carddav_msg.metrics import PLAIN_HTTP
from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.changes import ACTS
from tests.web.conftest import Lines
from tests.web.test_contacts import later

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.user import User

SECRET = "annas-Password"  # spelled so wherever it is sent
LOGIN = "acme~anna"
FORM = "application/x-www-form-urlencoded"
Poll = Callable[..., TestResponse]

EXPECTED: dict[str, tuple[int, int]] = {
    "nothing": (304, 304),
    "disabled": (401, 401),
    "renamed": (200, 200),
    "another password": (304, 401),
    "password and sessions ended": (401, 401),
    "phone revoked": (401, 304),
    "all phones revoked": (401, 304),
    "removed": (401, 401),
}
"""What the phone and the typed password get afterwards."""


def filled(services: Services, **settings: Any) -> Services:
    """Anna, with a phone, and bert; contacts are asked when all changes are settled."""
    acme = add_network(services, cloud_ids=("ACMEAPP",))
    anna = add_user(services, acme, "anna", password=SECRET)
    add_user(services, acme, "bert")
    key = services.keyring.current("device").key_id
    services.directory.transact(lambda tx: tx.seen_device(anna.id, "phone", anna.session_epoch, key))
    return later(services, **settings)


def anna_of(services: Services) -> User:
    """Anna as she is stored."""
    acme = services.directory.network("acme")
    anna = acme and services.directory.user(acme.id, "anna")
    assert anna is not None
    return anna


def credential(services: Services, name: str = "phone") -> str:
    """What a phone of anna's sends."""
    anna = anna_of(services)
    return device.issue(services.keyring, anna.id, anna.session_epoch, name)


def query(client: FlaskClient, secret: str, headers: dict[str, str], login: str = LOGIN, **more: str) -> TestResponse:
    """Credentials in the query."""
    return client.get("/contacts", query_string={"username": login, "password": secret, **more}, headers=headers)


def form(client: FlaskClient, secret: str, headers: dict[str, str], login: str = LOGIN, **more: str) -> TestResponse:
    """Credentials in the body."""
    return client.post("/contacts", data={"username": login, "password": secret, **more}, headers=headers)


def basic(client: FlaskClient, secret: str, headers: dict[str, str], login: str = LOGIN, **more: str) -> TestResponse:
    """Credentials as HTTP has them."""
    encoded = base64.b64encode(f"{login}:{secret}".encode()).decode()
    return client.get("/contacts", query_string=more, headers={"Authorization": f"Basic {encoded}", **headers})


WAYS: tuple[Poll, ...] = (query, form, basic)


def told(client: FlaskClient, secret: str, way: Poll = query) -> dict[str, str]:
    """The header with which this caller has been told "unchanged" twice."""
    headers = {"If-None-Match": way(client, secret, {}).headers["ETag"]}
    assert [way(client, secret, headers).status_code for _ in range(2)] == [304, 304]
    return headers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("act", ACTS)
def test_what_an_admin_does_counts_from_the_next_request_on(any_services: Services, act: str, way: Poll) -> None:
    """For a phone and for a typed password that were answered from memory before: as an app that has none answers."""
    services = filled(any_services)
    client = create_app(services).test_client()
    secrets = (credential(services), SECRET)
    held = [told(client, secret, way) for secret in secrets]
    ACTS[act](services)
    for _ in range(2):
        fresh = create_app(services).test_client()
        remembered = [way(client, secret, headers) for secret, headers in zip(secrets, held, strict=True)]
        asked = [way(fresh, secret, headers) for secret, headers in zip(secrets, held, strict=True)]
        for mine, other in zip(remembered, asked, strict=True):
            assert (mine.status_code, mine.data, sorted(mine.headers)) == (
                other.status_code,
                other.data,
                sorted(other.headers),
            )
        assert tuple(answer.status_code for answer in remembered) == EXPECTED[act]


def test_changed_contacts_are_answered_anew(any_services: Services) -> None:
    """An edit, a book that comes, goes or may be read no longer; the tag of before is good where it is the state's."""
    services = filled(any_services)
    client = create_app(services).test_client()
    secret, books = credential(services), services.administration.books
    acme = services.directory.network("acme")
    assert acme is not None
    headers = told(client, secret)
    acts: list[Callable[[], object]] = [
        lambda: add_user(services, acme, "carl"),
        lambda: books.add("acme", "team", everyone="read"),
        lambda: books.share_with_everyone("acme", "team", ""),
    ]
    tags = [headers["If-None-Match"]]
    for act in acts:
        act()
        answer = query(client, secret, headers)
        assert answer.status_code == 200
        headers = {"If-None-Match": answer.headers["ETag"]}
        tags.append(headers["If-None-Match"])
        assert [query(client, secret, headers).status_code for _ in range(2)] == [304, 304]
    assert tags[1] == tags[3]
    assert len(set(tags)) == 3


def test_the_answer_is_repeated_for_the_very_same_request_alone(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is sent otherwise is looked at: another secret, header, address, parameter or way to send them."""
    services = filled(services)
    client = create_app(services).test_client()
    secret = credential(services)
    held = {way: told(client, secret, way) for way in WAYS}
    first = {way: query(client, secret, headers) for way, headers in held.items()}
    monkeypatch.setattr(services.authentication, "enter", None)
    for way, headers in held.items():
        again = way(client, secret, headers)
        assert (again.status_code, again.data) == (304, b"")
        assert list(again.headers) == list(first[way].headers)
        assert way(client, secret + "x", headers).status_code == 500
        assert way(client, secret, headers, login="acme~bert").status_code == 500
        assert way(client, secret, headers, cloud_id="ACMEAPP").status_code == 500
        assert way(client, secret, {**headers, "User-Agent": "other"}).status_code == 500
        assert way(client, secret, {"If-None-Match": '"other"'}).status_code == 500
        assert way(client, secret, {}).status_code == 500
        client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
        assert way(client, secret, headers).status_code == 500
        client.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    sent = {"username": LOGIN, "password": secret}
    assert client.head("/contacts", query_string=sent, headers=held[query]).status_code == 500
    assert client.post("/contacts", query_string=sent, headers=held[query]).status_code == 500
    assert client.post("/contacts", json=sent, headers=held[form]).status_code == 500
    assert client.get("/provisioning", query_string=sent, headers=held[query]).status_code == 500
    body = urlencode(sent).encode()
    assert client.post("/contacts", data=body, content_type=FORM, headers=held[form]).status_code == 304
    assert client.post("/contacts", data=body, content_type="text/plain", headers=held[form]).status_code == 400
    # What failed since has put nothing in the place of what was told.
    assert query(client, secret, held[query]).status_code == 304


def test_a_date_is_as_good_as_a_tag(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not settled is looked at each time: the date that the answer names moves without any change."""
    unsettled = filled(services, seconds=0)
    client = create_app(later(services)).test_client()
    secret = credential(services)
    headers = {"If-Modified-Since": query(client, secret, {}).headers["Last-Modified"]}
    assert query(client, secret, headers).status_code == 304
    young = create_app(unsettled).test_client()
    tagged = told(young, secret)
    monkeypatch.setattr(services.authentication, "enter", None)
    assert query(client, secret, headers).status_code == 304
    assert query(young, secret, tagged).status_code == 500


def test_a_password_is_looked_at_again_when_its_time_is_over(services: Services) -> None:
    """What is remembered of a password ends, and the answers that rest on it with it."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET)
    looked: list[str] = []
    verify = services.passwords.verify
    services.passwords.verify = lambda secret, hashed, **_: (looked.append(secret), verify(secret, hashed))[1]  # type: ignore[method-assign]
    assert query(client, SECRET, headers).status_code == 304
    assert not looked
    services.authentication._memory._clock = lambda: time.monotonic() + 901
    assert query(client, SECRET, headers).status_code == 304
    assert looked == [SECRET]


def test_a_probe_of_doctor_ends(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is good for minutes, whatever was answered before."""
    services = filled(services)
    client = create_app(services).test_client()
    probe = credential(services, device.probe_device(600))
    headers = told(client, probe)
    over = time.time() + 3601
    monkeypatch.setattr("carddav_msg.credentials.device.time.time", lambda: over)
    assert query(client, probe, headers).status_code == 401


def test_each_visit_is_noted_and_warned_of(services: Services, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `why` and the log tell of phones does not depend on what is remembered; a password is in neither."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET)
    counted: list[str] = []
    monkeypatch.setattr("carddav_msg.metrics.sync", lambda face, kind: counted.append(kind))
    anna = anna_of(services)
    services.observations.failure(anna.id, "contacts", "password")  # so that the next success is news
    now = time.monotonic()
    monkeypatch.setattr("carddav_msg.web.queries.time.monotonic", lambda: now + 3601)
    lines.clear()
    with monkeypatch.context() as remembered:
        remembered.setattr(services.authentication, "enter", None)
        assert query(client, SECRET, headers).status_code == 304
    assert counted == ["unchanged"]
    newest = services.observations.of(anna.id)[-1]
    assert (newest.face, newest.outcome, newest.login) == ("contacts", Outcome.SUCCESS, LOGIN)
    assert "passwords come in the query" in lines.text
    assert SECRET not in lines.text
    assert len(kept := [*_held_by(client.application.wsgi_app)]) > 20
    assert not [one for one in kept if SECRET in str(one)]


def _held_by(remembering: Any) -> Iterator[object]:
    """All that is kept of callers, and what that is made of."""
    found, waiting = set[int](), [*remembering._told._kept.values()]
    while waiting:
        one = waiting.pop()
        if id(one) not in found and not isinstance(one, (type, ModuleType, FunctionType)):
            found.add(id(one))
            yield one
            waiting += gc.get_referents(one)


@pytest.mark.parametrize("choice", ["allow", "warn", "refuse"])
def test_what_a_network_says_of_queries_counts_at_once(services: Services, choice: str) -> None:
    """A phone whose network refuses passwords in queries is told so, also if it was told "unchanged" before."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET)
    services.administration.networks.change("acme", lambda old: replace(old, credentials_in_query=choice))
    expected = 400 if choice == "refuse" else 304
    assert [query(client, SECRET, headers).status_code for _ in range(2)] == [expected, expected]


def test_a_directory_that_is_away_is_503(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is told from memory while nobody can tell whether it is so still."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("The database can't be reached.")

    with monkeypatch.context() as patched:
        patched.setattr(services.directory, "home_door", away)
        answer = query(client, SECRET, headers)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert query(client, SECRET, headers).status_code == 304


def test_what_is_kept_of_a_caller_is_small(services: Services) -> None:
    """However much was sent in headers that nobody reads."""
    services = filled(services)
    client = create_app(services).test_client()
    agent = {"User-Agent": "a" * 50_000, "X-Other": "b" * 50_000}
    headers = {"If-None-Match": query(client, SECRET, agent).headers["ETag"], **agent}
    assert [query(client, SECRET, headers).status_code for _ in range(2)] == [304, 304]
    kept = [one for one in _held_by(client.application.wsgi_app) if isinstance(one, (str, bytes))]
    assert kept
    assert max(map(len, kept)) < 1000


def test_credentials_without_https_are_refused_each_time(services: Services) -> None:
    """Also of a caller who was told "unchanged" by https."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET)
    sent = {"username": LOGIN, "password": SECRET}
    plain = client.get("/contacts", query_string=sent, headers=headers, environ_overrides={PLAIN_HTTP: True})
    assert plain.status_code == 403
    assert query(client, SECRET, headers).status_code == 304


def test_a_body_too_long_to_be_remembered_is_the_faces(services: Services) -> None:
    """It is answered as without a memory, right or wrong."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET, form)
    for secret, expected in ((SECRET, 304), ("wrong", 401), (SECRET, 304)):
        body = f"username={LOGIN}&password={secret}&padding={'x' * 10_000}"
        assert client.post("/contacts", data=body, content_type=FORM, headers=headers).status_code == expected


@pytest.mark.parametrize("way", ["chunked", "HTTP/2"])
def test_a_body_without_a_length_is_the_faces(services: Services, way: str) -> None:
    """A wrong password in it is looked at, also after a right one."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET, form)
    environ: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    if way == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    else:
        environ["SERVER_PROTOCOL"] = way
    for method in ("POST", "GET"):
        for secret, expected in ((SECRET, 304), ("wrong", 401), (SECRET, 304)):
            answer = client.open(
                "/contacts",
                method=method,
                data=f"username={LOGIN}&password={secret}",
                content_type=FORM,
                headers=headers,
                environ_overrides=environ,
            )
            assert answer.status_code == expected


@pytest.mark.parametrize(
    ("length", "expected"), [("100", 400), ("many", 401), ("1" * 12, 413), ("1" * 5000, 401), ("", 401)]
)
def test_a_body_of_a_wrong_length_is_the_faces(services: Services, length: str, expected: int) -> None:
    """Cut off, or of a length that can't be read: as an app that remembers nothing answers."""
    services = filled(services)
    client = create_app(services).test_client()
    headers = told(client, SECRET, form)
    for app in (client, create_app(services).test_client()):
        cut = app.post(
            "/contacts",
            data=f"username={LOGIN}&pass".encode(),
            content_type=FORM,
            headers=headers,
            environ_overrides={"CONTENT_LENGTH": length},
        )
        assert cut.status_code == expected
    assert form(client, SECRET, headers).status_code == 304
