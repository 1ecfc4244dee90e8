"""New SIP and login passwords for phones that are signed in: each has its own after a refresh, none is refused."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from carddav_msg.formats.portal import WebService, portal
from carddav_msg.probe.flows import Flow, Phone, Typed, sign_in
from carddav_msg.probe.transport import Call, Http, Reply
from carddav_msg.settings import Settings
from tests.builders import add_network, add_users, new_user
from tests.profiles import examples
from tests.servers import Servers

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PHONES = examples(ci=40, soak=1000)


def test_rotation_under_refresh(services: Services, settings: Settings, server: Servers) -> None:
    """Phones refresh all the time, as their accounts say, while every password changes, one user after the other."""
    acme = add_network(services, cloud_ids=("ACMEAPP",), sip_host="sip.acme.example")
    names = [f"user{number:04}" for number in range(PHONES)]
    add_users(
        services,
        acme,
        [
            new_user(name, password=f"old {name}", sip_password=f"sip {name}", sip_username=f"s-{name}")
            for name in names
        ],
    )
    url = server(settings).url
    statuses: Counter[int] = Counter()
    http = Http(agent="test")

    def ask(call: Call) -> Reply:
        reply = http(call)
        statuses[reply.status] += 1
        return reply

    codes = {made.login: made.code for page in services.administration.codes.invite_all("acme") for made in page}
    phones = []
    for number, name in enumerate(names):
        # Every other phone was signed in with a QR code.
        secret = codes[f"acme~{name}"] if number % 2 else f"old {name}"
        phones.append(Phone(Typed(f"acme~{name}", secret, "ACMEAPP", install=f"phone {number}"), portal(url, ()), ask))

    def signed_in(phone: Phone) -> None:
        account = phone.provision()
        # public_url is not where this test's server is.
        where = account["extProvUrl"].replace(settings.public_url, url)
        phone.portal = replace(phone.portal, refresh=WebService("", "extProv", where, "", "GET"))

    done = threading.Event()

    def refresh_until_done(some: list[Phone]) -> None:
        while not done.is_set():
            for phone in some:
                phone.refresh()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(signed_in, phones))
        before = [phone.account for phone in phones]
        going = [pool.submit(refresh_until_done, phones[place::3]) for place in range(3)]
        try:
            users = services.administration.users
            for name in names:
                users.set_password("acme", name, f"new {name}")
                users.change("acme", name, lambda old: old, sip_password=f"new sip {name}")
        finally:
            done.set()
        for one in going:
            one.result()
        list(pool.map(lambda phone: phone.refresh(), phones))
        assert set(statuses) == {200}
        for name, phone, old in zip(names, phones, before, strict=True):
            assert phone.account is not None
            assert old is not None
            assert phone.account["password"] == f"new sip {name}"
            assert phone.account["cloud_password"] == old["cloud_password"]
        for phone in phones[:: max(1, PHONES // 20)]:
            assert sign_in(phone, Flow.SKIPPED).problem == ""
