"""The app and the SSO server at sign-in (reference §3, §4), as `doctor` and the tests play them.

Three flows lead to a token. *Simple*: External Authentication gets what the user typed. *External provisioning*: the
SSO server first repeats the phone's provisioning and fills the template from the Account XML, usually with the SIP
credentials. *Skipped*: provisioning is not repeated; the credentials are those that the app was given, the cloud ones.

Every request is made from the texts of the portal (`formats.portal`), so a wrong text there fails here, too. The seam
is `transport.Ask`: `Http(agent=…)` asks a server, and a test may give a function that asks an application::

    phone = Phone(Typed("anna", "secret", "ACMEAPP"), portal(url, ("ACMEAPP",)), ask)
    account = phone.provision()
    result = sign_in(phone, Flow.EXTERNAL_PROVISIONING)
    assert result.problem == ""
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree

from carddav_msg.errors import CarddavMsgError
from carddav_msg.formats.portal import FORM, Portal, WebService
from carddav_msg.probe.transport import Ask, Call, Reply, basic

_PLACEHOLDER: Final = re.compile(
    r"%(account\[(?P<node>[\w.-]+)\]|(?P<name>username|password|host|fullcode|installid))%"
)


class Refused(CarddavMsgError):
    """An answer that the app or the SSO server takes as a failure. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Flow(enum.StrEnum):
    """The ways to sign in."""

    SIMPLE = "simple"
    EXTERNAL_PROVISIONING = "external provisioning"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Typed:
    """What a user enters in an app: the login, the password, and the app's Cloud ID. `install` is `%installid%`."""

    login: str
    password: str = field(repr=False)
    cloud_id: str = ""
    install: str = "probe"


@dataclass(frozen=True, slots=True)
class Account:
    """An Account XML as an app keeps it: nodes by name, and (carrier, number) of the SMS gateway."""

    nodes: Mapping[str, str] = field(repr=False)
    sms_numbers: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.nodes.get(name, "")


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the SSO server came to. `problem` is empty when it would issue a token."""

    flow: Flow
    problem: str
    uri: str = ""
    numbers: tuple[str, ...] = ()
    account: Account | None = None


class Phone:
    """An app on one phone. It merges each Account XML over what it has, as apps do."""

    def __init__(self, typed: Typed, portal: Portal, ask: Ask, accept: str = "") -> None:
        self.typed = typed
        self.portal = portal
        self.ask = ask
        self.account: Account | None = None
        self._accept = accept

    def provision(self) -> Account:
        """Initial provisioning with what was typed; Refused with the message that the app shows."""
        return self._merge(account_of(self._send(self.portal.initial)))

    def refresh(self) -> Account:
        """Re-provisioning from the account; what refuses it is Refused, with its status."""
        return self._merge(account_of(self._send(self.portal.refresh)))

    def contacts(self, etag: str = "") -> Reply:
        """A poll of Web Service Contacts, conditional with an ETag."""
        return self._send(self.portal.contacts, {"If-None-Match": etag} if etag else {})

    def dav(self, method: str, url: str, body: bytes = b"", depth: str = "") -> Reply:
        """A CardDAV request with the account's credentials."""
        source = self.portal.carddav
        credentials = basic(self.fill(source.username, encode=False), self.fill(source.password, encode=False))
        headers = {**credentials, **({"Depth": depth} if depth else {})}
        if body:
            headers["Content-Type"] = "application/xml; charset=utf-8"
        return self.ask(Call(method, url, headers, body))

    def fill(self, text: str, values: Mapping[str, str] | None = None, *, encode: bool = True) -> str:
        """The text with its placeholders filled, percent-encoded unless `encode` is off."""
        typed = self.typed
        known = {
            "username": typed.login,
            "password": typed.password,
            "host": self.account["host"] if self.account else "",
            "fullcode": typed.cloud_id,
            "installid": typed.install,
            **(values or {}),
        }

        def value(match: re.Match[str]) -> str:
            node = match["node"]
            text = (self.account[node] if self.account else "") if node else known[match["name"]]
            return quote(text, safe="") if encode else text

        return _PLACEHOLDER.sub(value, text)

    def _send(self, service: WebService, headers: Mapping[str, str] | None = None) -> Reply:
        return send(self, service, headers=headers, accept=self._accept)

    def _merge(self, account: Account) -> Account:
        """The new account; a node that is left out keeps its old value in the app (reference §4)."""
        old = self.account.nodes if self.account else {}
        self.account = Account({**old, **account.nodes}, account.sms_numbers)
        return account


def send(
    phone: Phone,
    service: WebService,
    values: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    accept: str = "",
) -> Reply:
    """The request of a web service with its placeholders filled."""
    sent = {**(headers or {}), **({"Accept": accept} if accept else {})}
    url = phone.fill(service.url, values)
    if service.method == "GET":
        return phone.ask(Call("GET", url, sent))
    body = phone.fill(service.data, values).encode()
    return phone.ask(Call("POST", url, {**sent, "Content-Type": FORM}, body))


def sign_in(phone: Phone, flow: Flow) -> SignIn:
    """What the SSO server does for a phone that asks for a token; Unreachable when the server does not answer."""
    account = phone.account
    values: dict[str, str] = {}
    try:
        if flow is Flow.EXTERNAL_PROVISIONING:
            account = account_of(send(phone, phone.portal.initial))
            values = _from_account(account, sip=True)
        elif flow is Flow.SKIPPED:
            account = account or phone.provision()
            values = _from_account(account, sip=False)
        service = _authentication(phone)
        uri, numbers = verified(send(phone, service, values))
    except Refused as refused:
        return SignIn(flow, str(refused), account=account)
    return SignIn(flow, "", uri, numbers, account)


def account_of(reply: Reply) -> Account:
    """The account of a provisioning answer; Refused for what an app does not save."""
    if not 200 <= reply.status < 300:
        raise Refused(reply.status, f"{reply.status}: {message_of(reply)}")
    root = _xml(reply)
    if root.tag != "account":
        raise Refused(reply.status, f"the document is a <{root.tag}>, not an <account>.")
    nodes = {node.tag: node.text or "" for node in root if not len(node)}
    if not nodes.get("title"):
        raise Refused(reply.status, "the account has no title, and an app does not save it.")
    numbers = [
        (number.findtext("carrier") or "", number.findtext("number") or "") for number in root.iterfind("smsNumbers/*")
    ]
    return Account(nodes, tuple(numbers))


def message_of(reply: Reply) -> str:
    """The message of an error answer, as an app would show it; a placeholder when it has none."""
    try:
        if reply.media_type == "application/json":
            return str(json.loads(reply.body)["error"]["message"])
        return ElementTree.fromstring(reply.body).findtext("message") or "no message"  # noqa: S314  # see _xml
    except (ValueError, KeyError, TypeError, ElementTree.ParseError):
        return "no message that an app could show"


def _from_account(account: Account, *, sip: bool) -> dict[str, str]:
    """The values of the External Authentication template that come from an account."""
    names = ("username", "password") if sip and account["username"] and account["password"] else None
    login, secret = names or ("cloud_username", "cloud_password")
    return {"username": account[login], "password": account[secret], "host": account["host"]}


def _authentication(phone: Phone) -> WebService:
    """The External Authentication of the phone's Cloud ID."""
    services = phone.portal.authentication
    wanted = f"cloud_id={phone.typed.cloud_id}"
    return next((service for service in services if service.data.endswith(wanted)), services[0])


def verified(reply: Reply) -> tuple[str, tuple[str, ...]]:
    """(SIP URI, verified numbers) of a success; the element names are an operator's to choose, their texts are not."""
    if not 200 <= reply.status < 300:
        raise Refused(reply.status, f"{reply.status}: {message_of(reply)}")
    if reply.media_type == "application/json":
        try:
            values = json.loads(reply.body)
        except ValueError:
            raise Refused(reply.status, "the JSON can't be read.") from None
        texts = [part for value in values.values() for part in (value if isinstance(value, list) else [value])]
    else:
        texts = [node.text or "" for node in _xml(reply).iter() if not len(node)]
    uri = next((text for text in texts if text.startswith(("sip:", "sips:"))), "")
    return uri, tuple(text for text in texts if text.startswith("+"))


def _xml(reply: Reply) -> ElementTree.Element:
    if reply.media_type not in ("application/xml", "text/xml"):
        raise Refused(reply.status, f"the Content-Type is {reply.media_type or 'missing'}, not application/xml.")
    if b"<!DOCTYPE" in reply.body[:1000]:
        raise Refused(reply.status, "the document has a DOCTYPE.")
    try:
        return ElementTree.fromstring(reply.body)  # noqa: S314  # no DOCTYPE, and of the operator's own server
    except ElementTree.ParseError:
        raise Refused(reply.status, "the XML can't be read.") from None
