"""Why X does not see Y: each fault that is put in is the first cause named, with a fix; the timeline of a user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.observations import Observation, Outcome
from carddav_msg.errors import NotFound
from tests.builders import add_network, add_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

MINUTE = 60_000_000


@dataclass
class Office:
    """Anna and Bert, who see each other; `now` moves on with everything that happens."""

    services: Services
    acme: Network
    now: int = 1_800_000_000 * 1_000_000

    def saw(self, name: str, face: str, reason: str = "", **told: Any) -> None:
        """Something that was seen of a user."""
        user = self.services.directory.user(self.acme.id, name)
        assert user
        self.now += MINUTE
        outcome = Outcome.FAILURE if reason else Outcome.SUCCESS
        seen = Observation(user.id, face, outcome, self.now, reason, **{"login": name, **told})
        with self.services.directory.write() as transaction:
            transaction.save_observations([seen])

    def fetched(self, name: str, face: str = "contacts") -> None:
        """The user fetched the directory as it is now."""
        user = self.services.directory.user(self.acme.id, name)
        assert user
        book = next(book for book in self.services.directory.home(user.id) if book.kind == "directory")
        self.saw(name, face, book=book.id, seq=book.seq)

    def signed_in(self, name: str) -> None:
        """The user is signed in and has everybody's contacts."""
        self.saw(name, "provisioning", network_id=self.acme.effective_id)
        self.saw(name, "external_authentication", matched="cloud_username")
        self.fetched(name)

    def change(self, name: str, **values: Any) -> None:
        self.services.administration.users.change("acme", name, lambda old: replace(old, **values))

    def department(self, name: str, department: str) -> None:
        self.services.administration.users.change(
            "acme", name, lambda old: replace(old, profile=replace(old.profile, department=department))
        )

    def forget(self, name: str, *faces: str) -> None:
        """As if it had never been seen on these faces."""
        self.sql("DELETE FROM observations WHERE face IN (" + ", ".join(f"'{face}'" for face in faces) + ")", name)

    def sql(self, statement: str, name: str) -> None:
        user = self.services.directory.user(self.acme.id, name)
        assert user
        where = " AND" if "WHERE" in statement else " WHERE"
        with self.services.directory.write() as transaction:
            transaction.connection.execute(text(f'{statement}{where} "user" = {user.id}'))  # type: ignore[attr-defined]

    def causes(self, viewer: str = "anna", target: str = "bert") -> list[str]:
        found = self.services.explaining.why("acme", viewer, target)
        assert all(cause.fix for cause in found.causes)
        return [cause.check for cause in found.causes]


@pytest.fixture
def office(services: Services) -> Office:
    acme = add_network(services, "acme", cloud_ids=("ACMEAPP",))
    for name in ("anna", "bert"):
        add_user(services, acme, name, password="x", department="Sales")
    other = add_network(services, "globex")
    add_user(services, other, "gina")
    services.administration.views.add("acme", "board", View(departments=frozenset({"Board"})))
    office = Office(services, acme)
    for name in ("anna", "bert"):
        office.signed_in(name)
    return office


def test_nothing_is_named_when_all_is_well(office: Office) -> None:
    """Two who see each other: no cause, and every link was looked at."""
    found = office.services.explaining.why("acme", "anna", "bert")
    assert found.causes == ()
    assert len(found.findings) >= 12
    assert (found.viewer, found.target) == ("acme~anna", "acme~bert")


def test_the_simple_flow_needs_no_provisioning(office: Office) -> None:
    """Networks whose apps sign in without it: nothing is missing, and a refusal of the target is the first cause."""
    for name in ("anna", "bert"):
        office.forget(name, "provisioning")
    assert office.causes() == []
    office.saw("bert", "external_authentication", "spelling")
    assert office.causes()[0] == "sign-in of the target"


def _view(office: Office) -> None:
    office.services.administration.users.change("acme", "anna", lambda old: old, view="board")


def _renamed(office: Office) -> None:
    office.services.administration.networks.change("acme", lambda old: replace(old, network_id="acme2"))
    office.acme = office.services.directory.network("acme") or office.acme


FAULTS: dict[str, tuple[str, Callable[[Office], None]]] = {
    "disabled": ("target enabled", lambda o: o.change("bert", enabled=False)),
    "without messaging": ("target messaging", lambda o: o.change("bert", messaging=False)),
    "unlisted": ("target listed", lambda o: o.change("bert", listed=False)),
    "viewer disabled": ("viewer enabled", lambda o: o.change("anna", enabled=False)),
    "viewer without messaging": ("viewer messaging", lambda o: o.change("anna", messaging=False)),
    "another department": ("view", _view),
    "the card is gone": ("card", lambda o: o.sql("DELETE FROM cards", "bert")),
    "the contact has no pair": ("card", lambda o: o.sql('UPDATE cards SET fragment = \'{"contactId":"1"}\'', "bert")),
    "the vCard has another pair": (
        "card",
        lambda o: o.sql("UPDATE cards SET text = replace(text, 'X-NETWORK-ID:acme', 'X-NETWORK-ID:Acme')", "bert"),
    ),
    "viewer never provisioned": ("provisioning of the viewer", lambda o: o.forget("anna", "provisioning")),
    "viewer refused": ("provisioning of the viewer", lambda o: o.saw("anna", "provisioning", "password")),
    "network renamed": ("Network ID of the viewer", _renamed),
    "the app took its Cloud ID": (
        "Network ID of the viewer",
        lambda o: o.saw("anna", "provisioning", network_id="", cloud_id="acmeapp*"),
    ),
    "never fetched": ("contacts of the viewer", lambda o: o.forget("anna", "contacts")),
    "fetch refused": ("contacts of the viewer", lambda o: o.saw("anna", "contacts", "throttled")),
    "changed after the fetch": ("contacts of the viewer", lambda o: o.department("bert", "Support")),
    "target never signed in": ("sign-in of the target", lambda o: o.forget("bert", "external_authentication")),
    "target refused": ("sign-in of the target", lambda o: o.saw("bert", "external_authentication", "spelling")),
    "target has an old Network ID": (
        "Network ID of the target",
        lambda o: o.saw("bert", "provisioning", network_id="acme-old"),
    ),
    "target spelled otherwise": (
        "login of the target",
        lambda o: o.saw("bert", "external_authentication", login="BERT", matched="cloud_username"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_first(office: Office, fault: str) -> None:
    """One fault: the first cause is the link that it broke."""
    check, put_in = FAULTS[fault]
    put_in(office)
    assert office.causes()[0] == check


def test_another_network_and_oneself_come_before_all(office: Office) -> None:
    """Somebody of another network is found by name, or by NETWORK~name; oneself is nobody's contact."""
    assert office.causes(target="gina") == office.causes(target="globex~gina") == ["network"]
    assert office.causes(target="anna")[0] == "two people"


def test_the_first_of_many_is_the_first_link(office: Office) -> None:
    """With several faults the one nearest to the directory comes first, the others follow in their order."""
    office.forget("bert", "external_authentication")
    office.forget("anna", "contacts")
    office.change("bert", listed=False, messaging=False)
    assert office.causes() == [
        "target messaging",
        "target listed",
        "contacts of the viewer",
        "sign-in of the target",
    ]


def test_a_later_fetch_by_either_face_mends(office: Office) -> None:
    """After a change one fetch is enough, by contacts or by CardDAV; a later success ends a refusal."""
    office.department("bert", "Support")
    office.fetched("anna", "carddav")
    assert office.causes() == []
    office.saw("anna", "provisioning", "password")
    office.saw("anna", "provisioning", network_id="acme")
    assert office.causes() == []


@pytest.mark.parametrize(
    ("network", "viewer", "target"), [("no", "anna", "bert"), ("acme", "no", "bert"), ("acme", "anna", "no")]
)
def test_who_is_not_there_is_said(office: Office, network: str, viewer: str, target: str) -> None:
    """An unknown network, viewer or target is an error that names it."""
    with pytest.raises(NotFound, match="'no'"):
        office.services.explaining.why(network, viewer, target)


def test_a_timeline_has_visits_and_changes_in_order(office: Office) -> None:
    """What was seen of the user and what was changed, and nothing of others, the oldest first."""
    office.change("bert", listed=False)
    events = office.services.explaining.timeline("ACME", "Bert")
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert {event.observation.face for event in events if event.observation} == {
        "provisioning",
        "external_authentication",
        "contacts",
    }
    assert [event.entry.action for event in events if event.entry] == ["user added", "user changed"]
    with pytest.raises(NotFound):
        office.services.explaining.timeline("acme", "nobody")
