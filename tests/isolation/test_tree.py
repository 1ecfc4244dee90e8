"""The DAV tree: everybody crawls it, and asks everything of the addresses of others."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest

from carddav_msg.dav.lane import ALLOW
from tests.builders import somebody_writes
from tests.dav.clients import CR, D, Dav, Reply, vcard
from tests.isolation.house import EVERYBODY, NETWORKS, NOWHERE, House, Somebody, mark
from tests.isolation.tree import crawl, multiget, requests, searched
from tests.profiles import SOAK


def test_the_methods_are_all_asked() -> None:
    """Every method that the server allows is among the requests."""
    asked = {method for method, *_ in requests("/dav/a/", "/dav/b/")}
    assert asked >= set(ALLOW[1].split(", "))


def test_the_tree_of_each_principal_has_only_ones_own(house: House) -> None:
    """Crawled from the root, a principal meets its own data and none of another network, view or member's book."""
    for who in EVERYBODY:
        tree = crawl(house.client(who))
        assert len(tree) > 5
        assert who.may_see("".join(tree.values())) == set()
        assert {
            href for href in tree if href != "/dav/" and not unquote(href).startswith(f"/dav/{who.login}/")
        } == set()


def test_each_principal_finds_only_who_is_in_its_view(house: House) -> None:
    """A search for everybody gives those whom the directory shows, and nobody of another network."""
    for who in EVERYBODY:
        said = searched(house.client(who))
        seen = {name for name in ("anna", "bert", "boss") if mark(who.network, name) in said}
        assert seen == ({"anna", "bert"} if who.name == "bert" else {"anna", "bert", "boss"})
        assert who.may_see(said) == set()
        assert said.count("<href>/dav/") == said.count(f"<href>/dav/{who.network}~") == len(seen)


def _nobodys(href: str, who: Somebody) -> list[str]:
    """Addresses like this one that nobody has: where it leaves what the principal has, other names."""
    parts = href.strip("/").split("/")
    end = "/" if href.endswith("/") else ""
    if unquote(parts[1]) == who.login:
        return ["/" + "/".join([*parts[:-1], "q" * len(parts[-1])]) + end]
    network, _, name = unquote(parts[1]).partition("~")
    principals = [f"{network}~{'q' * len(name)}", *([f"{NOWHERE}~{name}"] if len(parts) < 4 else [])]
    return ["/" + "/".join([parts[0], principal, *parts[2:]]) + end for principal in principals]


def _shape(reply: Reply, href: str) -> tuple[int, str]:
    """Status and body, without the spelling of what was asked and of the collections that it is in."""
    body = reply.body.decode()
    parts = href.strip("/").split("/")
    for depth in range(len(parts), 1, -1):
        path = "/" + "/".join(parts[:depth])
        for spelling in (path, unquote(path), quote(unquote(path), safe="/")):
            body = body.replace(f"{spelling}/", f"<{depth}>").replace(spelling, f"<{depth}>")
    return reply.status, re.sub(r"data:,[^<]+", "TOKEN", body)


def _foreign(house: House, who: Somebody) -> list[str]:
    """Addresses of others: as they have them, and the same books and cards looked for in the principal's own home."""
    own = crawl(house.client(who))
    theirs = {href for other in EVERYBODY for href in crawl(house.client(other)) if href not in own}
    home = f"/dav/{quote(who.login, safe='~')}"
    inside = {home + "/" + href.strip("/").split("/", 2)[2] for href in theirs if href.count("/") > 3}
    granted = {f"{home}/{network}~{book}/" for network in NETWORKS for book in ("directory", "suppliers", "board")}
    known = {path for href in own for path in (href, href.rstrip("/"), f"{href}/")}
    found = sorted((theirs | inside | granted) - known)
    if SOAK:
        return found
    # Of each book one card, and of the six homes three: the rest is alike.
    first = {(*href.strip("/").split("/")[:3], href.count("/")): href for href in found}
    return [href for href in first.values() if "anna" not in href or who.login in unquote(href)]


ONE_IN_EACH = [Somebody("acme", "bert"), Somebody("globex", "anna")]


@pytest.mark.parametrize("who", EVERYBODY if SOAK else ONE_IN_EACH, ids=lambda who: who.login)
def test_what_is_anothers_is_like_what_does_not_exist(house: House, who: Somebody) -> None:
    """Every method and report on every address of others: the answer and the work of an address that nobody has."""
    client = house.client(who)
    own = f"/dav/{quote(who.login, safe='~')}/personal/"
    before = {other: crawl(house.client(other)) for other in EVERYBODY if other != who}
    compared = 0
    for href, nobodys in [(theirs, none) for theirs in _foreign(house, who) for none in _nobodys(theirs, who)]:
        for theirs, none in zip(requests(href, own), requests(nobodys, own), strict=True):
            answers, counts = [], []
            for asked, (method, path, body, headers) in ((href, theirs), (nobodys, none)):
                somebody_writes(house.services)
                house.statements.clear()
                reply = client(method, path, body, **headers)
                # Without those of a connection that is new.
                counts.append([one.split()[0] for one in house.statements if not one.startswith("PRAGMA")])
                assert who.may_see(reply.body.decode()) == set(), (method, path)
                answers.append(_shape(reply, asked))
                _undo(who, client, method, path, reply)
            assert answers[0] == answers[1], (theirs[:2], answers)
            assert counts[0] == counts[1], theirs[:2]
            compared += 1
    assert compared > 200
    after = {other: crawl(house.client(other)) for other in EVERYBODY if other != who}
    assert {other.login: _differ(before[other], after[other]) for other in before} == {o.login: [] for o in before}


def _differ(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [href for href in sorted(before.keys() | after.keys()) if before.get(href) != after.get(href)]


def _undo(who: Somebody, client: Dav, method: str, path: str, reply: Reply) -> None:
    """What a principal made in its own home is taken away again: the next address is to find the same house."""
    if method in ("PUT", "MKCOL") and reply.status == 201:
        assert client("DELETE", path).status in (200, 204)
    if method == "MOVE" and reply.status in (201, 204):
        card = vcard(mark(who.network, f"personal{who.name}"), uid="same")
        own = f"/dav/{quote(who.login, safe='~')}/personal/"
        for gone in (f"{own}moved.vcf", reply.headers.get("Location", "")):
            if gone:
                client("DELETE", gone)
        client.put(f"{own}same.vcf", card)


def test_tokens_and_hrefs_of_others_are_worth_nothing(house: House) -> None:
    """In a report on one's own book a foreign token is like a made-up one, and a foreign href like a lost one."""
    anna, other = Somebody("acme", "anna"), Somebody("globex", "anna")
    own = "/dav/acme~anna/personal/"
    foreign = house.client(other).sync("/dav/globex~anna/personal/").xml.findtext(D + "sync-token") or ""
    book = foreign.removeprefix("data:,1/").split(".")[0]
    made_up = foreign.replace(f"/{book}.", "/999999.")
    assert len({_shape(house.client(anna).sync(own, token), own) for token in (foreign, made_up)}) == 1
    said = house.client(anna)("REPORT", own, multiget("/dav/globex~anna/personal/same.vcf", f"{own}q.vcf"), depth="1")
    assert {member.gone for member in said.members.values()} == {True}
    assert CR + "address-data" not in said.body.decode()
