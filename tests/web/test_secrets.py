"""Canary secrets, right and wrong, through every web face: in no log record, body or traceback, at any level."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from flask.testing import FlaskClient

from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.web.conftest import Lines

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

RIGHT = "Kanarie&=%+\"'<>ä|7"
SIP = "Sip-Kanarie #2"
WRONG = "Falsch]]>{canary}$2b$"
FACES = ["/auth", "/provisioning", "/provisioning/refresh", "/contacts"]


def _spellings(secret: str) -> set[str]:
    """The secret as the formats of requests, logs and answers would write it."""
    shown = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], ascii(secret)[1:-1]}
    return shown | {quote(secret), quote(secret, ""), quote_plus(secret)}


def _ways(client: FlaskClient, face: str, login: str, secret: str) -> list[Any]:
    """One attempt in every way that a secret can come, and in some that are refused."""
    pair = {"username": login, "password": secret}
    basic = base64.b64encode(f"{login}:{secret}".encode()).decode()
    return [
        client.get(face, query_string=pair),
        client.get(face, query_string={"cloud_username": login, "cloud_password": secret, "cloud_id": "ACMEAPP"}),
        client.post(face, data=pair),
        client.post(face, json=pair, headers={"Accept": "application/json"}),
        client.get(face, headers={"Authorization": f"Basic {basic}"}),
        client.get(face, query_string=pair | {"cloud_password": "x"}),
        client.get(face, query_string={"username": secret[:1] + "\x07", "password": secret}),
        client.post(face, data=json.dumps(pair)[:-1], content_type="application/json"),
        client.post(face, data=json.dumps(pair), content_type="text/plain"),
        client.put(face, query_string=pair),
        client.get(f"{face}/nothing", query_string=pair),
        client.post(face, json={"username": login, "password": [secret]}),
    ]


@pytest.mark.parametrize("face", FACES)
def test_no_secret_gets_out(
    services: Services, client: FlaskClient, lines: Lines, caplog: pytest.LogCaptureFixture, face: str
) -> None:
    """Neither of our own lines and records nor of the answers holds a secret; the account alone has its own two."""
    acme = add_network(services, cloud_ids=("ACMEAPP",), sip_host="sip.example.com")
    user = add_user(services, acme, "anna", password=RIGHT, sip_username="S1", sip_password=SIP)
    with services.directory.write() as transaction:
        hashed = transaction.credentials([user.id])[user.id].password_hash
    with caplog.at_level(logging.DEBUG):
        answers = [answer for secret in (RIGHT, SIP, WRONG) for answer in _ways(client, face, "anna", secret)]
        answers += _ways(client, face, "nobody", RIGHT)
        account = client.post("/provisioning", data={"username": "anna", "password": RIGHT}).get_data(as_text=True)
        device = account.partition("<cloud_password>")[2].partition("<")[0]
        answers += _ways(client, face, "anna", device)
    assert {answer.status_code for answer in answers} >= {200, 400, 404, 405}
    logged = lines.text + "\n".join(record.getMessage() for record in caplog.records)
    assert "acme~anna" in logged
    for secret in (RIGHT, SIP, WRONG, device, hashed):
        for spelling in _spellings(secret):
            assert spelling not in logged
    for answer in answers:
        body = answer.get_data(as_text=True)
        provisioned = answer.status_code == 200 and face.startswith("/provisioning")
        for secret in (RIGHT, WRONG, hashed, *(() if provisioned else (SIP, device))):
            assert not any(spelling in body for spelling in _spellings(secret))
        assert not any(spelling in str(answer.headers) for spelling in _spellings(RIGHT))


@pytest.mark.parametrize("face", FACES)
def test_no_secret_is_in_a_traceback(services: Services, lines: Lines, face: str) -> None:
    """An error that carries the password in its text is logged without it, in every way that it can be spelled."""
    add_user(services, add_network(services), "anna", password=RIGHT)

    class Faulty:
        def enter(self, login: str, secret: str, *_: Any, **__: Any) -> Any:
            raise ValueError(f"{secret} {secret!r} {json.dumps(secret)} ?password={quote(secret)} {quote_plus(secret)}")

    client = create_app(replace(services, authentication=Faulty())).test_client()  # type: ignore[arg-type]
    answer = client.post(face, data={"username": "anna", "password": RIGHT})
    assert answer.status_code == (503 if face == "/provisioning/refresh" else 500)
    assert "Traceback" in lines.text
    for spelling in _spellings(RIGHT):
        assert spelling not in lines.text
        assert spelling not in answer.get_data(as_text=True)
