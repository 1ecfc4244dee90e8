"""What phones and administrators do in the provider mix; each looks at the answer that it gets."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from bench import dav
from bench.cards import MARK
from bench.client import Answer, Client, basic
from bench.directory import Tenant
from bench.errors import WrongAnswer
from bench.peers import PASSWORD

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(slots=True)
class Phone:
    """A user's phone: its credential, and what it knows of contacts and book."""

    tenant: Tenant
    number: int
    secret: str
    etag: str = ""
    token: str = ""
    polls: int = 0
    card: str = field(default="", repr=False)

    @property
    def login(self) -> str:
        """The canonical login."""
        return self.tenant.login(self.number)

    @property
    def book(self) -> str:
        """The directory in the user's home."""
        return f"/dav/{quote(self.login)}/directory/"


def _expect(answer: Answer, what: str, *statuses: int) -> None:
    if answer.status not in statuses:
        raise WrongAnswer(f"{what}: HTTP {answer.status}", answer.body)


def learn(client: Client, phone: Phone, *, book: bool) -> str:
    """What a phone knows that has been there for long: the state of its contacts, or of its book."""
    if book:
        phone.token = _token(client, phone)
    else:
        answer = client.request("HEAD", "/contacts", basic(phone.login, phone.secret))
        _expect(answer, "contacts", 200)
        phone.etag = answer.header("ETag")
    return "learn"


def contacts(client: Client, phone: Phone) -> str:
    """A poll of the contacts: nothing new, or the whole document, every tenth of which is read to the end."""
    headers = {**basic(phone.login, phone.secret), "If-None-Match": phone.etag, "Accept-Encoding": "gzip"}
    answer = client.request("GET", "/contacts", headers)
    _expect(answer, "contacts", 200, 304)
    if answer.status == 304:
        return "contacts, 304"
    phone.etag = answer.header("ETag")
    phone.polls += 1
    if phone.number % 10 == 0:
        packed = answer.header("Content-Encoding") == "gzip"
        entries = json.loads(gzip.decompress(answer.body) if packed else answer.body)["contacts"]
        if len(entries) != phone.tenant.users - 1 or {entry["networkId"] for entry in entries} != {
            phone.tenant.network_id
        }:
            raise WrongAnswer(f"contacts: {len(entries)} entries, not {phone.tenant.users - 1}")
    return "contacts, 200"


def book(client: Client, phone: Phone) -> str:
    """A poll of the book, and the delta when it has changed."""
    token = _token(client, phone)
    if token == phone.token:
        return "CardDAV poll"
    headers = {**basic(phone.login, phone.secret), **dav.XML, "Depth": "0"}
    answer = client.request("REPORT", phone.book, headers, dav.sync(phone.token))
    _expect(answer, "sync-collection", 207)
    changed = dav.read(answer.body, "sync-collection")
    if not changed.found or not changed.token:
        raise WrongAnswer("sync-collection: another token, but no change", answer.body)
    answer = client.request("REPORT", phone.book, headers, dav.multiget(map(quote, changed.found)))
    _expect(answer, "multiget", 207)
    cards = dav.read(answer.body, "multiget").found
    if cards.keys() != changed.found.keys() or not all(
        f"X-NETWORK-ID:{phone.tenant.network_id}" in card.get(dav.CARD + "address-data", "") for card in cards.values()
    ):
        raise WrongAnswer("multiget: not the changed cards", answer.body)
    phone.token = changed.token
    return "CardDAV poll and delta"


def _token(client: Client, phone: Phone) -> str:
    headers = {**basic(phone.login, phone.secret), **dav.XML, "Depth": "0"}
    answer = client.request("PROPFIND", phone.book, headers, dav.POLL)
    _expect(answer, "poll", 207)
    (properties,) = dav.read(answer.body, "poll").found.values()
    return properties[dav.D + "sync-token"].strip()


def refresh(client: Client, phone: Phone) -> str:
    """The account again, with the phone's credential."""
    _account(client, "/provisioning/refresh", phone, phone.secret)
    return "refresh"


def sign_in(client: Client, phone: Phone) -> str:
    """A sign-in with the password, and the SSO server's question that follows it."""
    secret = _account(client, "/provisioning", phone, PASSWORD)
    fields = {"username": f"u{phone.number}", "password": secret, "host": f"sip.{phone.tenant.network_id}.example.net"}
    answer = client.request("POST", "/auth", _FORM, urlencode(fields).encode())
    _expect(answer, "External Authentication", 200)
    return "sign-in"


def _account(client: Client, path: str, phone: Phone, secret: str) -> str:
    fields = {"username": phone.login, "password": secret, "cloud_id": "BENCH"}
    answer = client.request("POST", path, _FORM, urlencode(fields).encode())
    _expect(answer, path, 200)
    account = ElementTree.fromstring(answer.body)
    if account.findtext("networkId") != phone.tenant.network_id:
        raise WrongAnswer(f"{path}: not the phone's network", answer.body)
    return account.findtext("cloud_password") or ""


def edit(client: Client, phone: Phone) -> str:
    """An administrator changes the card of a colleague: everybody's contacts and book of that network change."""
    admin = Phone(phone.tenant, 0, PASSWORD)
    headers = basic(admin.login, PASSWORD)
    if not phone.card:
        query = dav.QUERY.replace(MARK.lower().encode(), f"given{phone.number} ".encode())
        answer = client.request("REPORT", admin.book, {**headers, **dav.XML, "Depth": "1"}, query)
        _expect(answer, "query", 207)
        phone.card = next(iter(dav.read(answer.body, "query").found))
    answer = client.request("GET", quote(phone.card), headers)
    _expect(answer, "GET", 200)
    phone.polls += 1
    lines = [line for line in answer.body.decode().split("\r\n") if not line.startswith("TITLE")]
    text = "\r\n".join([*lines[:-2], f"TITLE:Agent {phone.polls}", *lines[-2:]])
    changed = {**headers, **dav.VCARD, "If-Match": answer.header("ETag")}
    answer = client.request("PUT", quote(phone.card), changed, text.encode())
    _expect(answer, "PUT", 200, 204, 412)
    return "edit, 412" if answer.status == 412 else "edit"  # two may edit the same card at once


KINDS: Final = {"contacts": contacts, "book": book, "refresh": refresh, "sign-in": sign_in, "edit": edit}
