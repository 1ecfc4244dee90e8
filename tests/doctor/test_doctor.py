"""The doctor finds nothing on a sound server, and names each fault that is put in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from carddav_msg import bootstrap
from carddav_msg.doctor import network as networks
from carddav_msg.doctor import server
from carddav_msg.doctor.findings import Finding
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.proxies import place_of
from carddav_msg.probe.transport import Call, Http, Reply, Unreachable
from carddav_msg.settings import Settings
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user
from tests.outside import asking
from tests.servers import free_port

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

URL = "http://127.0.0.1:8080"
PNG = b"\x89PNG\r\n\x1a\n not much of a picture"
Tamper = Callable[[Call, Reply], Reply]


@dataclass
class Patient:
    """A server with a network of four users in two views, and what the doctor says of it."""

    services: Services
    network: Network

    def examine(self, tamper: Tamper = lambda call, reply: reply) -> list[Finding]:
        ask = asking(mount(self.services), "carddav-msg-doctor/1")
        site = networks.Site(URL, lambda call: tamper(call, ask(call)), self.services.renderer.names)
        probes = list(self.services.probing.each(self.network))
        views = {view.book: view.view for view in self.services.directory.directory_books(self.network.id)}
        return [
            *server.examine(site.ask, URL, URL),
            *networks.examine(site, self.network, probes),
            *networks.promise(site, self.network, probes, views, lambda count: None),
        ]

    def found(self, tamper: Tamper = lambda call, reply: reply) -> list[str]:
        """The checks that found something, each once."""
        findings = self.examine(tamper)
        assert all(finding.fix for finding in findings if not finding.ok)
        return list(dict.fromkeys(finding.check for finding in findings if not finding.ok))


@pytest.fixture
def patient(services: Services) -> Patient:
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.acme.example")
    services.administration.views.add("acme", "sales", View(departments=frozenset({"Sales"})))
    add_user(services, acme, "anna", password="a", sip_username="S1", sip_password="sip-a", department="Sales")
    services.administration.users.change("acme", "anna", lambda old: old, photo=PNG)
    add_user(services, acme, "bert", password="b", display_name="Bert")
    add_user(services, acme, "carl", password="c", messaging=False, sip_username="S3", sip_password="sip-c")
    add_user(services, acme, "dora", password="d", listed=False)
    add_user(services, acme, "emil", password="e", enabled=False)
    services.administration.users.change("acme", "bert", lambda old: old, view="sales", photo=PNG)
    return Patient(services, acme)


def test_a_sound_server_is_found_sound(patient: Patient) -> None:
    """All checks pass, each flow among them, and the promise holds for users of every kind."""
    findings = patient.examine()
    assert [finding for finding in findings if not finding.ok] == []
    checks = [finding.check for finding in findings]
    assert {"TLS", "ready", "well-known", "refusal", "provisioning", "contacts", "photos"} <= set(checks)
    assert {"flow: simple", "flow: external provisioning", "flow: skipped"} <= set(checks)
    assert {"CardDAV discovery", "CardDAV sync"} <= set(checks)
    assert "for 5 users" in findings[-1].text


def test_networks_that_sign_phones_out_are_sound(patient: Patient) -> None:
    """Where disabled users get an account that registers nowhere, that is a refusal."""
    networks_ = patient.services.administration.networks
    networks_.change("acme", lambda old: replace(old, refresh_denied="logged_out_account"))
    assert patient.found() == []


def test_a_closed_external_authentication_is_said_once(settings: Settings, patient: Patient) -> None:
    """The doctor's own address is not on the list: that is the finding, and no flow or user is blamed."""
    closed = bootstrap.build(replace(settings, auth_access="closed", auth_allowed_sources=("198.51.100.1",)))
    (finding,) = [found for found in Patient(closed, patient.network).examine() if not found.ok]
    assert finding.check == "allow-list"
    assert "auth_allowed_sources" in finding.fix
    closed.close()


def answer(reply: Reply, status: int = 200, body: bytes | None = None, **headers: str) -> Reply:
    """The reply with parts of it replaced."""
    return replace(
        reply, status=status, body=reply.body if body is None else body, headers={**reply.headers, **headers}
    )


def at(path: str, change: Callable[[Reply], Reply], method: str = "") -> Tamper:
    """A tamper of the answers of one path."""

    def tamper(call: Call, reply: Reply) -> Reply:
        return change(reply) if path in call.url and method in ("", call.method) else reply

    return tamper


FAULTS: dict[str, tuple[Tamper, set[str]]] = {
    "not ready": (at("/readyz", lambda r: answer(r, 503)), {"ready"}),
    "well-known lost": (at("/.well-known", lambda r: answer(r, 404)), {"well-known"}),
    "redirect elsewhere": (
        at("/.well-known", lambda r: answer(r, 301, location="http://inside:8080/dav/")),
        {"well-known"},
    ),
    "everybody is let in": (at("/auth", lambda r: answer(r, 200)), {"refusal", "promise"}),
    "error pages of a proxy": (
        at("/provisioning", lambda r: answer(r, r.status, b"<html><p>403") if r.status == 403 else r),
        {"refusal"},
    ),
    "sign-in is down": (
        at("/auth", lambda r: answer(r, 502, b"bad gateway")),
        {"refusal", "flow: simple", "flow: external provisioning", "flow: skipped", "promise"},
    ),
    "another type": (at("/auth", lambda r: answer(r, r.status, **{"content-type": "text/plain"})), {"flow: simple"}),
    "no tags": (at("/contacts", lambda r: answer(r, 200, b'{"contacts": []}') if r.status == 304 else r), {"contacts"}),
    "photos of another server": (
        at("/contacts", lambda r: answer(r, r.status, r.body.replace(b"127.0.0.1:8080/avatars", b"10.0.0.1/avatars"))),
        {"photos"},
    ),
    "no photos": (at("/avatars/", lambda r: answer(r, 404)), {"photos"}),
    "no PROPFIND": (at("/dav/", lambda r: answer(r, 405), "PROPFIND"), {"CardDAV discovery", "promise"}),
    "no REPORT": (at("/dav/", lambda r: answer(r, 501), "REPORT"), {"CardDAV sync", "promise"}),
    "another pair in the contacts": (
        at("/contacts", lambda r: answer(r, r.status, r.body.replace(b'"networkId":"acme"', b'"networkId":"ACME"'))),
        {"promise"},
    ),
    "another pair in the cards": (
        at("/dav/", lambda r: answer(r, r.status, r.body.replace(b"NETWORK-ID:acme", b"NETWORK-ID:Acme")), "REPORT"),
        {"promise"},
    ),
    "nobody in the contacts": (
        at("/contacts", lambda r: answer(r, r.status, b'{"contacts": []}')),
        {"promise"},
    ),
    "a page of the proxy for contacts": (
        at("/contacts", lambda r: answer(r, 200, b"<html>Welcome")),
        {"contacts", "promise"},
    ),
    "contacts without their key": (at("/contacts", lambda r: answer(r, 200, b"[1]")), {"contacts", "promise"}),
    "a card is lost": (
        at(
            "/dav/",
            lambda r: answer(
                r, r.status, re.sub(rb"<response>(?:(?!<response>).)*FN:Bert.*?</response>", b"", r.body, flags=re.S)
            ),
            "REPORT",
        ),
        {"promise"},
    ),
    "somebody else's address": (
        at("/auth", lambda r: answer(r, r.status, r.body.replace(b"sip:S1@", b"sip:S2@"))),
        {"promise"},
    ),
    "contacts of an old server": (
        at(
            "/refresh",
            lambda r: answer(
                r, r.status, r.body.replace(b"</account>", b"<wsContactsUrl>https://old/c</wsContactsUrl></account>")
            ),
        ),
        {"provisioning"},
    ),
    "another spelling in the account": (
        at("/refresh", lambda r: answer(r, r.status, r.body.replace(b">bert<", b">Bert<"))),
        {"promise"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(patient: Patient, fault: str) -> None:
    """A fault on the way is found by the check that is about it, and has a fix."""
    tamper, expected = FAULTS[fault]
    assert expected <= set(patient.found(tamper))


def test_a_spoiled_card_breaks_the_promise(patient: Patient, settings: Settings) -> None:
    """A card with another pair in the database is found, with the login of its user."""
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE cards SET text = replace(text, 'X-NETWORK-ID:acme', 'X-NETWORK-ID:acmf')"))
    engine.dispose()
    broken = [finding.text for finding in patient.examine() if finding.check == "promise"]
    assert any(sentence.startswith("acme~anna: cards say") for sentence in broken)


def test_probes_are_audited_and_end(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit says who played whom; no device, no visit is left; a credential that has ended opens nothing."""
    services = patient.services
    patient.examine()
    entries = [entry for _, entry in services.directory.audit(patient.network.id, 2**62, 50)]
    (entry,) = [entry for entry in entries if entry.action == "probe credentials issued"]
    assert json.loads(entry.after)["users"] == 5
    (anna, *others) = services.probing.each(patient.network)
    assert [services.observations.of(probe.user.id) for probe in (anna, *others)] == [[]] * 5
    assert not services.directory.known_place(anna.user.id, place_of("127.0.0.1"), 0)
    from carddav_msg.credentials import device

    now = device.time.time()
    monkeypatch.setattr(device.time, "time", lambda: now + 3601)
    credential = device.parse(anna.credential)
    assert credential
    assert not device.verify(services.keyring, credential, anna.user.id, anna.user.session_epoch)


def test_nobody_there_is_said() -> None:
    """A port that nobody listens on is Unreachable, with a reason."""
    with pytest.raises(Unreachable, match="no answer"):
        list(server.examine(Http(agent="test", timeout=5), f"http://127.0.0.1:{free_port()}", URL))


def test_a_network_without_chat_is_said(services: Services) -> None:
    """Without a user who may chat there is nobody to play."""
    empty = add_network(services, "empty")
    site: Any = networks.Site(URL, asking(mount(services)), services.renderer.names)
    (finding,) = networks.examine(site, empty, [])
    assert (finding.check, finding.ok) == ("users", False)
