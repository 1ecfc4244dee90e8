"""Isolation: every route, every resource and every command, with the credentials of two networks and of two views.

The house is mirrored: both networks have users of the same names, books of the same slugs and cards of the same hrefs,
each with a mark of its own that nobody else may be shown. What may be asked is not written down here: the URL map, a
crawl of the DAV tree as each principal, and the tree of commands say it.

Existence is kept, too: for what belongs to others, status and body are those of what does not exist, and so is the work
behind them, counted in statements and password hashes instead of time.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import click
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from carddav_msg.cli import commands
from carddav_msg.dav.lane import ALLOW
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.settings import Settings
from carddav_msg.web import ROUTES, create_app
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user
from tests.cli import reference
from tests.cli.conftest import Command, command  # noqa: F401  # a fixture
from tests.dav.clients import CR, D, Dav, Reply, vcard
from tests.profiles import SOAK

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

NETWORKS = ("acme", "globex")
NAMES = ("anna", "bert", "boss")
NOWHERE = "nothere"


def mark(network: str, name: str) -> str:
    """The text that stands for a user's data: in names, notes and numbers."""
    return f"Mark-{network}-{name}-Z"


@dataclass(frozen=True)
class Somebody:
    """A principal of the house. Anna sees everyone, Bert the view `sales`, where the boss is not."""

    network: str
    name: str

    @property
    def login(self) -> str:
        return f"{self.network}~{self.name}"

    @property
    def password(self) -> str:
        return f"password of {self.login}"

    def may_see(self, text: str) -> set[str]:
        """The marks in a text that this principal must not see."""
        return {found for found in re.findall(r"Mark-\w+-\w+-Z", text) if found not in self._marks()}

    def _marks(self) -> set[str]:
        names = {"anna", "suppliers"} | ({"boss", "bert", "board"} if self.name != "bert" else {"bert"})
        names |= {f"personal{self.name}"}
        if self.name == "anna":
            names -= {"board"}
        return {mark(self.network, name) for name in names}


EVERYBODY = [Somebody(network, name) for network in NETWORKS for name in NAMES]


@dataclass
class House:
    """The server with both networks, and what is counted while it answers."""

    services: Services
    application: Any
    statements: list[str] = field(default_factory=list)

    def client(self, who: Somebody) -> Dav:
        return Dav(self.application, who.login, who.password)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement on connections made from now on."""
    run: list[str] = []

    def connected(connection: Any, _: object) -> None:
        connection.set_trace_callback(run.append)

    event.listen(Pool, "connect", connected)
    yield run
    event.remove(Pool, "connect", connected)


@pytest.fixture
def house(statements: list[str], services: Services) -> House:
    house = House(services, mount(services), statements)
    for network in NETWORKS:
        _furnish(services, add_network(services, network, cloud_ids=(f"{network.upper()}APP", "SHARED")))
    for who in EVERYBODY:
        card = vcard(mark(who.network, f"personal{who.name}"), uid="same")
        assert house.client(who).put(f"/dav/{quote(who.login, safe='~')}/personal/same.vcf", card).status == 201
    for network in NETWORKS:
        for book, writer in (("suppliers", "anna"), ("board", "boss")):
            card = vcard(mark(network, book), uid=f"same-{book}")
            assert (
                house.client(Somebody(network, writer)).put(f"/dav/{network}~{writer}/{book}/same.vcf", card).status
                == 201
            )
    return house


def _furnish(services: Services, network: Network) -> None:
    services.administration.views.add(network.network_id, "sales", View(departments=frozenset({"Sales"})))
    for name in NAMES:
        add_user(
            services,
            network,
            name,
            password=Somebody(network.network_id, name).password,
            display_name=mark(network.network_id, name),
            department="Board" if name == "boss" else "Sales",
            sip_username=f"S-{name}",
            sip_password=f"sip of {network.network_id}~{name}",
        )
    services.administration.users.change(network.network_id, "bert", lambda old: old, view="sales")
    shared = Book(0, network.id, BookKind.SHARED, "suppliers", "Suppliers", 0, "", 1, 0, 0)
    board = Book(0, network.id, BookKind.SHARED, "board", "Board", 0, "", 1, 0, 0)

    def work(transaction: Any) -> None:
        transaction.add_book(shared, everyone="write")
        stored = transaction.add_book(board, everyone="")
        (boss,) = [user for user in transaction.users_after(network.id, 0, 10) if user.cloud_username == "boss"]
        transaction.save_member(stored.id, boss.id, "write")

    services.directory.transact(work)


# --- the web faces ---------------------------------------------------------------------------------------------------

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
        type(house.services.passwords), "verify", lambda self, *given: hashes.append("") or verify(self, *given)
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


# --- the DAV tree ----------------------------------------------------------------------------------------------------

_PROPFIND = '<propfind xmlns="DAV:"><allprop/></propfind>'
_SYNC = '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'
_QUERY = (
    '<CR:addressbook-query xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">'
    "<prop><getetag/><CR:address-data/></prop><CR:filter/></CR:addressbook-query>"
)
_PATCH = '<propertyupdate xmlns="DAV:"><set><prop><displayname>taken over</displayname></prop></set></propertyupdate>'


def _multiget(*hrefs: str) -> str:
    named = "".join(f"<href>{href}</href>" for href in hrefs)
    return (
        '<CR:addressbook-multiget xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">'
        f"<prop><getetag/><CR:address-data/></prop>{named}</CR:addressbook-multiget>"
    )


def requests(href: str, own: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """(method, path, body, headers): everything that the server lets be asked of an address, and `own` as its goal."""
    yield "PROPFIND", href, _PROPFIND, {"depth": "0"}
    yield "PROPFIND", href, _PROPFIND, {"depth": "1"}
    for body in (_SYNC, _QUERY, _multiget(href), "<x/>"):
        yield "REPORT", href, body, {"depth": "1"}
    yield "REPORT", own, _multiget(href), {"depth": "1"}
    yield "PROPPATCH", href, _PATCH, {}
    yield "MOVE", href, "", {"destination": f"{own}moved.vcf"}
    yield "MOVE", f"{own}same.vcf", "", {"destination": href, "overwrite": "T"}
    yield "PUT", href, vcard("Intruder", uid="intruder"), {"content_type": "text/vcard"}
    yield "PUT", href, vcard("Intruder", uid="intruder"), {"content_type": "text/vcard", "if_none_match": "*"}
    for method in ("GET", "HEAD", "OPTIONS", "MKCOL", "DELETE", "COPY", "LOCK"):
        yield method, href, "", {}


def crawl(client: Dav) -> dict[str, str]:
    """Every href that a principal is led to from the root, with what PROPFIND and GET say of it."""
    found: dict[str, str] = {}
    waiting = ["/dav/"]
    while waiting:
        href = waiting.pop()
        if href in found:
            continue
        said = client("PROPFIND", href, _PROPFIND, depth="1")
        assert said.status == 207, (href, said.status)
        got = client("GET", href)
        found[href] = said.body.decode() + (got.body.decode() if got.status == 200 else "")
        waiting += [element.text or "" for element in said.xml.iter(D + "href") if element.text not in found]
        waiting = [href for href in waiting if href.startswith("/dav/")]
    return found


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


@pytest.mark.parametrize("who", [Somebody("acme", "bert"), Somebody("globex", "anna")], ids=lambda who: who.login)
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
                house.statements.clear()
                reply = client(method, path, body, **headers)
                counts.append([statement.split()[0] for statement in house.statements])
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
    said = house.client(anna)("REPORT", own, _multiget("/dav/globex~anna/personal/same.vcf", f"{own}q.vcf"), depth="1")
    assert {member.gone for member in said.members.values()} == {True}
    assert CR + "address-data" not in said.body.decode()


# --- the command -----------------------------------------------------------------------------------------------------

READING = (
    "list",
    "codes",
    "devices",
    "show",
    "members",
    "export",
    "preview",
    "check",
    "history",
    "timeline",
    "portal",
    "why",
    "blocked",
)
WHOLE = {
    "audit",
    "completion",
    "config",
    "doctor",
    "keys",
    "migrate",
    "rebuild",
    "restored",
    "serve",
    "allowlist",
}
"""Commands about the whole installation; whoever may run them owns both networks."""


def _commands() -> Iterator[tuple[list[str], click.Command]]:
    for path, found in reference.tree(commands, ""):
        words = path.split()
        arguments = [param.name for param in found.params if isinstance(param, click.Argument)]
        if "network" in arguments and words[0] not in WHOLE:
            yield words, found


@pytest.mark.parametrize("words", [words for words, _ in _commands()], ids=" ".join)
def test_commands_that_read_show_one_network(house: House, command: Command, words: list[str]) -> None:  # noqa: F811
    """A command that reads a network shows that one; a command that names a user finds only the network's own."""
    found = next(found for path, found in _commands() if path == words)
    arguments = [str(param.name) for param in found.params if isinstance(param, click.Argument) and param.required]
    if words[-1] in READING:
        values = {
            "network": "acme",
            "username": "anna",
            "viewer": "anna",
            "target": "boss",
            "book": "suppliers",
            "name": "anna",
            "view": "sales",
            "href": "same.vcf",
        }
        shown = command(*words, *(values[name] for name in arguments))
        assert "Mark-globex" not in shown.output
        assert shown.exit_code == 0, shown.output
    if "username" in arguments and words[-1] not in ("add",):
        add_user(house.services, house.services.administration.networks.find("globex"), "gina")
        before = json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True)
        outcomes = []
        for name in ("gina", "gone"):
            given = {
                "network": "acme",
                "username": name,
                "book": "suppliers",
                "role": "admin",
                "access": "read",
                "view": "sales",
            }
            options = [
                option
                for option, value in (("--yes", 1), ("--display-name", 0), ("--no-password", 0))
                if value and option in _options(found)
            ]
            result = command(*words, *(given.get(argument, name) for argument in arguments), *options, *_needed(words))
            outcomes.append((result.exit_code, result.output.replace(name, "NAME")))
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][0] != 0
        assert json.dumps(crawl(house.client(Somebody("globex", "anna"))), sort_keys=True) == before


def _options(found: click.Command) -> set[str]:
    return {name for param in found.params for name in param.opts}


def _needed(words: list[str]) -> list[str]:
    """What a command wants to be told before it looks for the user."""
    return {"user set": ["--listed"], "user passwd": ["--no-password"], "user qr": []}.get(" ".join(words), [])


def test_commands_have_been_found() -> None:
    """The tree has commands about users, books and views of a network."""
    found = {" ".join(words) for words, _ in _commands()}
    assert {"user show", "user set", "book list", "network show", "user timeline"} <= found


def test_exports_of_one_network(house: House, command: Command, settings: Settings) -> None:  # noqa: F811
    """An export of one network has nothing of the other."""
    shown = command.ok("export", "users", "acme")
    assert mark("acme", "anna") in shown
    assert "globex" not in shown
