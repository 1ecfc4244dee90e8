"""Observations: what is kept of a visit, how often it is written, and that nothing depends on it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from carddav_msg.domain.observations import Observation, Outcome
from carddav_msg.errors import Unavailable
from carddav_msg.formats.portal import portal
from carddav_msg.probe.flows import Flow, Phone, Refused, Typed, sign_in
from carddav_msg.services.observations import AGAIN_AFTER, Observations
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_user
from tests.dav.clients import CS, D, Dav
from tests.outside import asking

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DAYS = 90
DAY = 86_400.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A directory that counts the transactions; `broken` ones fail."""

    def __init__(self, directory: Any) -> None:
        self._directory = directory
        self.transactions = 0
        self.broken = False

    def write(self) -> Any:
        self.transactions += 1
        if self.broken:
            raise Unavailable("The database is away.")
        return self._directory.write()

    def observations(self, user: int, since: int) -> list[Observation]:
        return list(self._directory.observations(user, since))

    def observed(self, since: int) -> list[tuple[int, str, Outcome]]:
        return list(self._directory.observed(since))


class Notebook:
    """Observations of one user on a real database, with a clock."""

    def __init__(self, services: Services) -> None:
        self.clock = Clock()
        self.directory = Counted(services.directory)
        self.observations = Observations(self.directory, days=DAYS, clock=self.clock)  # type: ignore[arg-type]
        self.acme = add_network(services)
        self.anna = add_user(services, self.acme, "anna").id

    def visit(self, **told: Any) -> int:
        """Notes a success and returns how many transactions that took."""
        before = self.directory.transactions
        self.observations.success(self.anna, "contacts", **{"login": "anna", "agent": "App/1", **told})
        self.observations.flush()
        return self.directory.transactions - before

    def refusal(self, reason: str) -> int:
        before = self.directory.transactions
        self.observations.failure(self.anna, "contacts", reason, login="anna", agent="App/1")
        self.observations.flush()
        return self.directory.transactions - before

    def kept(self) -> dict[tuple[str, str], Observation]:
        return {(one.face, one.outcome): one for one in self.observations.of(self.anna)}


@pytest.fixture
def notebook(any_services: Services) -> Notebook:
    return Notebook(any_services)


def test_the_same_visit_is_written_once_an_hour(notebook: Notebook) -> None:
    """Polls cost nothing; after an hour, or with something new, the row is written again."""
    assert [notebook.visit() for _ in range(5)] == [1, 0, 0, 0, 0]
    notebook.clock.now += AGAIN_AFTER + 1
    assert [notebook.visit(), notebook.visit()] == [1, 0]
    assert [notebook.visit(agent="App/2"), notebook.visit(book=7, seq=3), notebook.visit(book=7, seq=4)] == [1, 1, 1]
    assert notebook.kept()["contacts", "success"].at == int(notebook.clock.now * 1_000_000)


def test_which_came_last_is_always_known(notebook: Notebook) -> None:
    """A success after a failure is news, however often it was seen before; guesses of many kinds are one row."""
    notebook.visit()
    notebook.clock.now += 60
    assert [notebook.refusal("password"), notebook.refusal("password")] == [1, 0]
    notebook.clock.now += 60
    assert notebook.visit() == 1
    kept = notebook.kept()
    assert kept["contacts", "success"].at > kept["contacts", "failure"].at
    assert kept["contacts", "failure"].reason == "password"
    assert len(kept) == 2


def test_a_success_after_a_refusal_is_always_written(notebook: Notebook) -> None:
    """Also one that fetched, and was seen before the refusal."""
    assert notebook.visit(book=7, seq=3) == 1
    notebook.clock.now += 60
    notebook.refusal("revoked")
    notebook.clock.now += 60
    assert notebook.visit(book=7, seq=3) == 1
    kept = notebook.kept()
    assert kept["contacts", "success"].at > kept["contacts", "failure"].at


def test_what_another_process_saw_counts_too(notebook: Notebook) -> None:
    """A phone asks several processes: what one of them saw before a refusal that another one saw is news again."""
    other = Observations(notebook.directory, days=DAYS, clock=notebook.clock)  # type: ignore[arg-type]
    notebook.visit()
    notebook.clock.now += 60
    other.failure(notebook.anna, "contacts", "revoked", login="anna", device="phone-1")
    other.flush()
    assert notebook.visit() == 0
    notebook.observations.look()
    notebook.clock.now += 60
    assert notebook.visit() == 1
    kept = notebook.kept()
    assert kept["contacts", "success"].at > kept["contacts", "failure"].at
    assert kept["contacts", "failure"].device == "phone-1"

    def refused_again(phone: str) -> Observation:
        other.failure(notebook.anna, "contacts", "revoked", login="anna", device=phone)
        other.flush()
        return notebook.kept()["contacts", "failure"]

    assert refused_again("phone-1").at == kept["contacts", "failure"].at
    other.look()
    assert refused_again("phone-1").at > kept["contacts", "failure"].at
    assert refused_again("phone-2").device == "phone-2"


def test_what_was_fetched_outlives_a_visit_that_fetched_nothing(notebook: Notebook) -> None:
    """A poll after a sync keeps the state that the sync saw."""
    notebook.visit(book=7, seq=3)
    notebook.clock.now += 60
    notebook.visit(agent="App/2")
    kept = notebook.kept()["contacts", "success"]
    assert (kept.book, kept.seq, kept.agent) == (7, 3, "App/2")


def test_what_is_old_is_forgotten(notebook: Notebook) -> None:
    """After the days it is not shown any more."""
    notebook.visit()
    notebook.clock.now += (DAYS + 1) * DAY
    assert notebook.kept() == {}


def test_what_is_old_leaves_the_database(notebook: Notebook) -> None:
    """With the first visit that is written, and not again within the hour."""
    now = time.time()

    def keep(face: str, days: int) -> None:
        seen = Observation(notebook.anna, face, Outcome.SUCCESS, at=int((now - days * DAY) * 1_000_000))
        with notebook.directory.write() as transaction:
            transaction.save_observations([seen])

    def stored() -> set[str]:
        return {one.face for one in notebook.directory.observations(notebook.anna, 0)}

    keep("carddav", DAYS + 1)
    keep("provisioning", DAYS - 1)
    assert stored() == {"carddav", "provisioning"}
    notebook.visit()
    assert stored() == {"contacts", "provisioning"}
    keep("carddav", DAYS + 1)
    notebook.visit(agent="App/2")
    assert stored() == {"carddav", "contacts", "provisioning"}


def test_texts_of_strangers_are_bounded_and_printable(notebook: Notebook) -> None:
    """A User-Agent of a megabyte with control characters becomes a short line."""
    notebook.visit(agent="\x1b[31m\u202e" + "a" * 1_000_000, login="l" * 1000)
    kept = notebook.kept()["contacts", "success"]
    assert len(kept.agent) == 120
    assert kept.agent.isprintable()
    assert len(kept.login) == 150


def test_nobody_and_the_removed_leave_nothing(notebook: Notebook) -> None:
    """A refusal of nobody is not kept; one of a user who is gone meanwhile does not spoil the others."""
    notebook.observations.failure(0, "contacts", "unknown", login="x")
    notebook.observations.flush()
    assert notebook.directory.transactions == 0
    notebook.observations.success(999_999, "contacts", login="gone")
    assert notebook.visit() == 1
    assert notebook.kept()["contacts", "success"].login == "anna"


def test_a_database_that_is_away_loses_observations_only(notebook: Notebook) -> None:
    """What can't be written is forgotten with a line in the log; the next visit is noted again."""
    notebook.directory.broken = True
    notebook.visit()
    notebook.directory.broken = False
    assert notebook.kept() == {}
    notebook.clock.now += AGAIN_AFTER + 1
    assert notebook.visit() == 1


def test_the_thread_writes_and_ends(services: Services) -> None:
    """A server's process writes beside the answers and writes the rest when it ends; threads may note at once."""
    anna = add_user(services, add_network(services), "anna").id
    observations = Observations(services.directory, days=DAYS, interval=0.01)
    observations.start()
    faces = [f"face{number}" for number in range(8)]
    noting = [threading.Thread(target=observations.success, args=(anna, face), kwargs={"login": "a"}) for face in faces]
    for thread in noting:
        thread.start()
    for thread in noting:
        thread.join()
    observations.close()
    assert sorted(one.face for one in services.directory.observations(anna, 0)) == faces


def test_every_face_is_observed(services: Services) -> None:
    """Sign-in, provisioning, contacts and CardDAV leave who, as what, with which app, phone and Network ID.

    A phone that is revoked leaves its name, too.
    """
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP",), sip_host="sip.acme.example")
    anna = add_user(services, acme, "anna", password="a", sip_username="S1", sip_password="sip-a")
    bert = add_user(services, acme, "bert", password="b", enabled=False)
    application = mount(services)
    url = "http://127.0.0.1:8080"
    phone = Phone(Typed("anna", "a", "ACMEAPP", "phone-1"), portal(url, acme.cloud_ids), asking(application, "App/1"))
    phone.provision()
    assert sign_in(phone, Flow.SKIPPED).problem == ""
    assert phone.contacts().status == 200
    dav = Dav(application, phone.account["cloud_login"], phone.account["cloud_password"])  # type: ignore[index]
    dav.sync("/dav/acme~anna/directory/")
    seen = {one.face: one for one in services.observations.of(anna.id)}
    assert seen.keys() == {"provisioning", "external_authentication", "contacts", "carddav"}
    assert {one.outcome for one in seen.values()} == {Outcome.SUCCESS}
    provisioned = seen["provisioning"]
    told = (provisioned.login, provisioned.agent, provisioned.device, provisioned.cloud_id, provisioned.network_id)
    assert told == ("anna", "App/1", "phone-1", "ACMEAPP", "acme")
    state = next(book for book in services.directory.home(anna.id) if book.kind == "directory")
    for face in ("contacts", "carddav"):
        assert (seen[face].book, seen[face].seq, seen[face].device) == (state.id, state.seq, "phone-1")
    with pytest.raises(Refused):
        Phone(Typed("bert", "b", "ACMEAPP"), portal(url, acme.cloud_ids), asking(application, "App/1")).provision()
    Dav(application, "acme~bert", "wrong").propfind("/dav/", D + "displayname")
    refused = {one.face: one.reason for one in services.observations.of(bert.id)}
    assert refused == {"provisioning": "disabled", "carddav": "disabled"}
    services.administration.devices.revoke("acme", "anna", "phone-1")
    assert phone.contacts().status == 401
    dav.sync("/dav/acme~anna/directory/")
    with pytest.raises(Refused):
        phone.refresh()
    revoked = [one for one in services.observations.of(anna.id) if one.outcome is Outcome.FAILURE]
    assert {one.face for one in revoked} == {"provisioning", "contacts", "carddav"}
    assert {(one.reason, one.device) for one in revoked} == {("revoked", "phone-1")}
    shown = repr([*services.observations.of(anna.id), *services.observations.of(bert.id)])
    assert not [secret for secret in ("sip-a", phone.account["cloud_password"], "'a'") if secret in shown]  # type: ignore[index]


def test_a_poll_notes_without_the_database(services: Services) -> None:
    """Polls in a row wait in memory: not one transaction until somebody writes."""
    acme = add_network(services, "acme")
    add_user(services, acme, "anna", password="a")
    counted = Counted(services.directory)
    observed = Observations(counted, days=DAYS)  # type: ignore[arg-type]
    dav = Dav(mount(replace(services, observations=observed)), "acme~anna", "a")
    for _ in range(3):
        assert dav.propfind("/dav/acme~anna/directory/", CS + "getctag").status == 207
    assert counted.transactions == 0
    observed.flush()
    assert counted.transactions == 1
