"""Reads the four faces as their callers do, and compares what they say of each user.

Nothing here is shared with the code that renders: JSON and XML are read by the standard library, vCards by a reader of
its own. A user is known again on every face by what is never changed in a test: the display name, and a verified number
that nobody else has.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

Pair = tuple[str, str]
Tamper = Callable[[str, int, bytes], tuple[int, bytes]]
"""Changes (status, body) of an answer of the face `contacts`, `carddav`, `provisioning` or `authentication`."""

_PROPFIND = b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'


@dataclass
class Person:
    """What a test knows of a user: `network_id` is the one on the wire, `login_network` the one in logins."""

    display_name: str
    verified_number: str
    login_network: str
    network_id: str
    cloud_username: str
    password: str
    cloud_id: str
    enabled: bool = True
    listed: bool = True
    messaging: bool = True

    @property
    def login(self) -> str:
        return f"{self.login_network}~{self.cloud_username}"

    @property
    def pair(self) -> Pair | None:
        return (self.cloud_username, self.network_id) if self.enabled and self.messaging else None


@dataclass
class Admitted:
    """An answer of External Authentication to one pair of credentials."""

    credentials: str
    status: int
    numbers: list[str]


@dataclass
class Seen:
    """What the faces say of one person; `contacts` is None when nobody else can look."""

    contacts: list[Pair | None] | None = None
    cards: list[Pair | None] = field(default_factory=list)
    account: dict[str, str] | None = None
    admitted: list[Admitted] = field(default_factory=list)


class Faces:
    """The four faces of an application, asked through a werkzeug client; `tamper` may change answers on their way."""

    def __init__(self, client: Any, tamper: Tamper = lambda face, status, body: (status, body)) -> None:
        self._client = client
        self._tamper = tamper

    def observe(self, people: Sequence[Person]) -> dict[str, Seen]:
        """What is said of each person (by display name); each network is seen by one who may sign in."""
        seen = {person.display_name: Seen() for person in people}
        for network in sorted({person.login_network for person in people}):
            viewers = [person for person in people if person.login_network == network and person.enabled][:2]
            told = [self.contacts(viewer) for viewer in viewers]
            for person in people:
                # A viewer's own entry is left out of the contacts, so the second one looks for the first.
                place = 1 if viewers and person is viewers[0] else 0
                if person.login_network == network and place < len(told):
                    seen[person.display_name].contacts = [
                        pair for name, pair in told[place] if name == person.display_name
                    ]
            strangers = {p.display_name for p in people if p.login_network != network}
            assert not strangers & {name for contacts in told for name, _ in contacts}
            for name, pair in self.cards(viewers[0], "directory") if viewers else []:
                seen[name].cards.append(pair)
        for person in people:
            seen[person.display_name].account = account = self.account(person)
            if account is not None:
                seen[person.display_name].admitted = self.admitted(account, person.cloud_id)
        return seen

    def contacts(self, viewer: Person) -> list[tuple[str, Pair | None]]:
        """(display name, pair) of each contact."""
        status, body = self._ask("contacts", "GET", "/contacts", viewer)
        assert status == 200, (status, body)
        return [
            (c["displayName"], _pair(c.get("cloudUsername"), c.get("networkId"))) for c in json.loads(body)["contacts"]
        ]

    def cards(self, viewer: Person, book: str) -> list[tuple[str, Pair | None]]:
        """(display name, pair) of each card, by a listing and one multiget."""
        path = self.path(viewer, book)
        status, listing = self._ask("carddav", "PROPFIND", path, viewer, _PROPFIND, depth="1")
        assert status == 207, (status, listing)
        hrefs = [e.text or "" for e in ElementTree.fromstring(listing).iter("{DAV:}href")]
        cards = [href for href in hrefs if unquote(href).rstrip("/") != unquote(path).rstrip("/")]
        if not cards:
            return []
        request = ElementTree.Element("{urn:ietf:params:xml:ns:carddav}addressbook-multiget")
        prop = ElementTree.SubElement(request, "{DAV:}prop")
        ElementTree.SubElement(prop, "{urn:ietf:params:xml:ns:carddav}address-data")
        for href in cards:
            ElementTree.SubElement(request, "{DAV:}href").text = href
        status, answer = self._ask("carddav", "REPORT", path, viewer, ElementTree.tostring(request), depth="0")
        assert status == 207, (status, answer)
        data = ElementTree.fromstring(answer).iter("{urn:ietf:params:xml:ns:carddav}address-data")
        return [_of_card(element.text or "") for element in data]

    def account(self, person: Person) -> dict[str, str] | None:
        """The nodes of the Account XML, None when it is refused."""
        parameters = {"cloud_username": person.login, "cloud_password": person.password, "cloud_id": person.cloud_id}
        status, body = self._ask("provisioning", "GET", "/provisioning?" + _query(parameters))
        root = ElementTree.fromstring(body)
        if status != 200:
            assert status == 403, (status, body)
            assert root.tag == "error"
            return None
        assert root.tag == "account"
        return {node.tag: node.text or "" for node in root if not len(node)}

    def admitted(self, account: dict[str, str], cloud_id: str) -> list[Admitted]:
        """The answers of External Authentication to each pair of credentials that an Account XML has."""
        answers = []
        for username, password in (("cloud_username", "cloud_password"), ("username", "password")):
            if account.get(username) and account.get(password):
                parameters = {"username": account[username], "password": account[password], "cloud_id": cloud_id}
                parameters["host"] = account.get("host", "")
                status, body = self._ask("authentication", "GET", "/auth?" + _query(parameters))
                numbers = [node.text or "" for node in ElementTree.fromstring(body).iter("number")]
                answers.append(Admitted(username, status, numbers))
        return answers

    def put(self, owner: Person, book: str, name: str, card: str) -> int:
        """Writes a card and returns the status."""
        path = self.path(owner, book) + quote(name)
        return self._ask("carddav", "PUT", path, owner, card.encode(), content_type="text/vcard; charset=utf-8")[0]

    def path(self, viewer: Person, book: str) -> str:
        """The URL path of an address book of a person."""
        return f"/dav/{quote(viewer.login, safe='~')}/{book}/"

    def _ask(
        self,
        face: str,
        method: str,
        path: str,
        person: Person | None = None,
        body: bytes = b"",
        *,
        depth: str = "",
        content_type: str = "application/xml; charset=utf-8",
    ) -> tuple[int, bytes]:
        headers = {"Depth": depth} if depth else {}
        if person:
            token = base64.b64encode(f"{person.login}:{person.password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        if body:
            headers["Content-Type"] = content_type
        answer = self._client.open(path, method=method, headers=headers, data=body)
        try:
            return self._tamper(face, answer.status_code, answer.get_data())
        finally:
            answer.close()


def disagreements(people: Sequence[Person], seen: dict[str, Seen]) -> list[str]:
    """Where the faces break the promise: a sentence for each place, empty when they agree."""
    found = []
    for person in people:
        one = seen[person.display_name]
        found += [f"{person.display_name}: {problem}" for problem in _of_person(person, one)]
    return found


def _of_person(person: Person, seen: Seen) -> list[str]:
    shown: list[Pair | None] = [person.pair] if person.enabled and person.listed else []
    problems = []
    if seen.contacts is not None and seen.contacts != shown:
        problems.append(f"contacts say {seen.contacts}, not {shown}")
    if seen.cards != shown:
        problems.append(f"the directory's cards say {seen.cards}, not {shown}")
    if (seen.account is not None) != person.enabled:
        problems.append(f"provisioning {'refuses' if person.enabled else 'accepts'} the login")
    if seen.account is not None:
        said = (seen.account.get("cloud_username"), seen.account.get("networkId"))
        if said != (person.cloud_username, person.network_id):
            problems.append(f"the Account XML says {said}, not {(person.cloud_username, person.network_id)}")
        if not seen.admitted:
            problems.append("the Account XML has no credentials")
    for answer in seen.admitted:
        if person.messaging and (answer.status != 200 or answer.numbers != [person.verified_number]):
            problems.append(f"External Authentication answers {answer}, not with {person.verified_number}")
        if not person.messaging and answer.status not in (401, 403):
            problems.append(f"External Authentication admits a user without messaging: {answer}")
    return problems


def card_properties(text: str) -> list[tuple[str, str]]:
    """(name in capitals, value) of each content line of a vCard 3.0, unfolded and unescaped (RFC 2426 §2.6, §4)."""
    lines = re.sub(r"\r?\n[ \t]", "", text).splitlines()
    properties = []
    for line in lines:
        head, _, value = line.partition(":")
        name = head.split(";")[0].split(".")[-1].upper()
        properties.append((name, re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)))
    return properties


def _of_card(text: str) -> tuple[str, Pair | None]:
    properties = card_properties(text)
    names = [name for name, _ in properties]
    assert all(names.count(name) == 1 for name in names if name in ("FN", "X-CLOUD-USERNAME", "X-NETWORK-ID")), text
    values = dict(properties)
    return values["FN"], _pair(values.get("X-CLOUD-USERNAME"), values.get("X-NETWORK-ID"))


def _pair(cloud_username: str | None, network_id: str | None) -> Pair | None:
    """The two as they were sent; None when neither was. One alone, or an empty one, is a fault to be seen."""
    return None if cloud_username is None and network_id is None else (str(cloud_username), str(network_id))


def _query(parameters: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items() if value)
