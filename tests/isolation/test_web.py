"""The web faces: every route with the credentials of everybody and hints of every network."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from carddav_msg.web import ROUTES, create_app
from tests.isolation.house import EVERYBODY, NETWORKS, NOWHERE, House

ASKED = [route for route in ROUTES if route.parameters and "POST" in route.methods]


def test_every_route_is_covered() -> None:
    """Routes that take credentials are asked below; all others take nothing that could name somebody."""
    for route in ROUTES:
        assert route in ASKED or {parameter.place for parameter in route.parameters} <= {"path"}


@pytest.mark.parametrize("route", ASKED, ids=lambda route: route.path)
def test_web_faces_show_only_ones_own(house: House, route: Any) -> None:
    """Credentials of each principal with hints of each network: marks of nobody else, whatever is combined."""
    client = create_app(house.services).test_client()
    answered = 0
    for who, hinted, method in itertools.product(EVERYBODY, (*NETWORKS, NOWHERE), route.methods):
        for login in (who.login, who.name, f"{hinted}~{who.name}"):
            sent = {"username": login, "password": who.password, "cloud_id": f"{hinted.upper()}APP", "host": hinted}
            place = {"query_string": sent} if method == "GET" else {"data": sent}
            answer = client.open(route.path, method=method, **place)
            text = answer.get_data(as_text=True)
            assert answer.status_code in (200, 401, 403)
            assert who.may_see(text) == set(), (login, hinted)
            other = NETWORKS[1 - NETWORKS.index(who.network)]
            assert f"sip of {other}" not in text
            assert f"<networkId>{other}" not in text
            answered += answer.status_code == 200
    assert answered >= 2 * len(EVERYBODY)


@pytest.mark.parametrize("route", ASKED, ids=lambda route: route.path)
def test_a_foreign_user_is_like_nobody(house: House, route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right password at the wrong network, an unknown user, an unknown network: one answer, one hash each."""
    client = create_app(house.services).test_client()
    hashes: list[str] = []
    verify = type(house.services.passwords).verify
    monkeypatch.setattr(
        type(house.services.passwords),
        "verify",
        lambda *given, **options: hashes.append("") or verify(*given, **options),
    )
    answers, counts = set(), set()
    for number, login in enumerate(
        ("globex~anna", "globex~nobody", f"{NOWHERE}~anna", "acme~boss", "acme~nobody", "globex~S-anna")
    ):
        hashes.clear()
        # Each with a password of its own: the same wrong one would be remembered for a user who exists.
        answer = client.post(route.path, data={"username": login, "password": f"wrong {number}"})
        answers.add((answer.status_code, answer.get_data()))
        counts.add(len(hashes))
    assert len(answers) == 1
    assert counts == {1}
