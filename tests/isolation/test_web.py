"""The web faces: every route with the credentials of everybody and hints of every network."""

from __future__ import annotations

import hashlib
import itertools
import re
from base64 import b64decode
from typing import Any

import pytest

from carddav_msg.web import ROUTES, create_app
from carddav_msg.web.avatars import PHOTO
from tests.dav.clients import basic
from tests.isolation.house import EVERYBODY, NETWORKS, NOWHERE, House, Somebody, photo
from tests.isolation.tree import crawl

ASKED = [route for route in ROUTES if route.parameters and "POST" in route.methods]
SAME_FOR_ALL = [route for route in ROUTES if not route.parameters]


def authorization(who: Somebody) -> dict[str, str]:
    """The header with which a principal asks."""
    return {"Authorization": basic(f"{who.login}:{who.password}")}


def test_every_route_is_covered() -> None:
    """Each is asked by one of the tests below."""
    assert [route for route in ROUTES if route not in ASKED and route not in SAME_FOR_ALL] == [PHOTO]


@pytest.mark.parametrize("route", SAME_FOR_ALL, ids=lambda route: route.path)
def test_what_takes_nothing_tells_everybody_the_same(house: House, route: Any) -> None:
    """Credentials and hints of whomever change nothing of the answer, which has nobody's mark."""
    client = create_app(house.services).test_client()
    without = client.get(route.path)
    assert without.status_code == 200
    for who, hinted in itertools.product(EVERYBODY, NETWORKS):
        sent = {"username": who.login, "password": who.password, "cloud_id": f"{hinted.upper()}APP", "host": hinted}
        answer = client.get(route.path, query_string=sent, headers=authorization(who))
        assert (answer.status_code, answer.get_data()) == (200, without.get_data())
    assert "Mark-" not in without.get_data(as_text=True)


def test_photos_are_told_to_those_who_may_see_them(house: House) -> None:
    """The address of a photo is all that it takes, so nobody gets one of others, or can make one of what they know."""
    client = create_app(house.services).test_client()
    shown: dict[Somebody, set[str]] = {}
    for who in EVERYBODY:
        contacts = client.post("/contacts", data={"username": who.login, "password": who.password})
        shown[who] = set(re.findall(r"/avatars/([\w-]+)", contacts.get_data(as_text=True)))
        cards = "".join(crawl(house.client(who)).values()).replace("\r\n ", "")  # unfolded
        in_cards = {b64decode(text) for text in re.findall("PHOTO;ENCODING=b;TYPE=PNG:(.+)", cards)}
        fetched = {client.get(f"/avatars/{digest}").get_data() for digest in shown[who]}
        assert fetched == in_cards - {photo(who.network, who.name)}
        assert who.may_see(b"".join(in_cards).decode("latin-1")) == set()
    assert len(set.union(*shown.values())) == len(EVERYBODY)
    nothing = client.get("/avatars/" + "0" * 40)
    assert nothing.status_code == 404
    for who, other in itertools.product(EVERYBODY, EVERYBODY):
        body = photo(other.network, other.name)
        made = {make(body).hexdigest() for make in (hashlib.sha256, hashlib.sha1, hashlib.md5, hashlib.blake2b)}
        made |= {f"{int(digest, 16) + step:040x}" for digest in shown[who] for step in (-1, 1)}
        for guess in made | {text[:40] for text in made}:
            answer = client.get(f"/avatars/{guess}", headers=authorization(who))
            assert (answer.status_code, answer.get_data()) == (404, nothing.get_data())


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
