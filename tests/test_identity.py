"""One identity (DESIGN, the promise): after every change the four faces say the same of each user, byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from werkzeug.test import Client

from carddav_msg import bootstrap
from carddav_msg.domain.user import Number
from carddav_msg.errors import AlreadyExists
from carddav_msg.wsgi import mount
from tests.builders import add_network, add_users, new_user
from tests.databases import Databases
from tests.faces import Faces, Person, disagreements
from tests.profiles import examples

USERNAMES = (
    *("anna", "Anna", "ANNA", "ben", "1001", "1002", "dora@example.com", "Dora@Example.com", "jürgen", "JÜRGEN"),
    *("straße", "佐藤", "o'neil", "a.b-c_d+e", 'quo"te', "semi;colon,comma", "and&lt;", "per%20cent", "two words", "ﬁ"),
)
NETWORK_IDS = ("acme", "Acme", "ACME", "globex.example.net", "Initech-CZ", "x", "RESELLER", "umbrella", "Umbrella")
CLOUD_IDS = ("UMBRELLA", "SOLO1", "SOLO2", "ACME")


class Changes(RuleBasedStateMachine):
    """A directory with two networks that share a Cloud ID and a single-tenant one, changed at random."""

    databases: Databases
    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.end = ExitStack()
        folder = Path(self.end.enter_context(tempfile.TemporaryDirectory()))
        url = (
            self.databases.sqlite(folder)
            if self.kind == "sqlite"
            else self.end.enter_context(self.databases.postgresql())
        )
        settings = self.databases.settings(folder, url)
        self.services = bootstrap.build(settings)
        self.end.callback(self.services.close)
        serving = bootstrap.build(settings)
        self.end.callback(serving.close)
        self.faces = Faces(Client(mount(serving)))
        self.people: list[Person] = []
        self.links: dict[tuple[str, str], tuple[Person, Person | None]] = {}
        self.count = 0

    def teardown(self) -> None:
        self.end.close()

    @initialize()
    def three_networks(self) -> None:
        for network_id, cloud_id, single in (
            ("acme", "SHARED", False),
            ("globex", "SHARED", False),
            ("solo", "SOLO", True),
        ):
            add_network(
                self.services,
                network_id,
                cloud_ids=(cloud_id,),
                single_tenant=single,
                sip_host=f"sip.{network_id}.example.com",
            )
            for name in ("first", "second"):
                self._add(network_id, cloud_id if single else network_id, cloud_id, name, True, True, True)

    def _add(
        self, network: str, wire: str, cloud_id: str, username: str, listed: bool, messaging: bool, sip: bool
    ) -> None:
        self.count += 1
        number = f"+1555{self.count:07}"
        person = Person(
            display_name=f"Person {self.count}",
            verified_number=number,
            login_network=network,
            network_id=wire,
            cloud_username=username,
            password=f"password {self.count}",
            cloud_id=cloud_id,
            listed=listed,
            messaging=messaging,
        )
        stored = self.services.directory.network(network)
        assert stored
        user = new_user(
            username,
            password=person.password,
            sip_password=f"sip {self.count}" if sip else "",
            sip_username=f"S{self.count}" if sip else "",
            display_name=person.display_name,
            numbers=(Number("work", number, number, verified=True),),
            listed=listed,
            messaging=messaging,
        )
        add_users(self.services, stored, [user])
        self.people.append(person)

    @rule(
        data=st.data(),
        username=st.sampled_from(USERNAMES),
        listed=st.booleans(),
        messaging=st.booleans(),
        sip=st.booleans(),
    )
    def add(self, data: st.DataObject, username: str, listed: bool, messaging: bool, sip: bool) -> None:
        near = data.draw(st.sampled_from(self.people))
        try:
            self._add(near.login_network, near.network_id, near.cloud_id, username, listed, messaging, sip)
        except AlreadyExists:
            assert self._taken(near.login_network, username)

    @rule(data=st.data(), username=st.sampled_from(USERNAMES))
    def rename(self, data: st.DataObject, username: str) -> None:
        person = data.draw(st.sampled_from(self.people))
        try:
            self._change(person, cloud_username=username)
        except AlreadyExists:
            assert self._taken(person.login_network, username)
        else:
            person.cloud_username = username

    @rule(data=st.data(), switch=st.sampled_from(["enabled", "listed", "messaging"]))
    def switch(self, data: st.DataObject, switch: str) -> None:
        person = data.draw(st.sampled_from(self.people))
        value = not getattr(person, switch)
        self._change(person, **{switch: value})
        setattr(person, switch, value)

    @rule(data=st.data(), number=st.integers(min_value=0, max_value=9))
    def renumber(self, data: st.DataObject, number: int) -> None:
        """Two people may share an extension and a mobile number; the verified one stays their own."""
        person = data.draw(st.sampled_from(self.people))
        numbers = (
            Number("extension", f"10{number}"),
            Number("work", person.verified_number, person.verified_number, verified=True),
            Number("mobile", f"+1666000{number:04}", f"+1666000{number:04}"),
        )
        _, user = self.services.administration.users.find(person.login_network, person.cloud_username)
        self._change(person, profile=replace(user.profile, numbers=numbers))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.people))
        if sum(p.login_network == person.login_network for p in self.people) > 1:
            self.services.administration.users.remove(person.login_network, person.cloud_username)
            self.people.remove(person)
            self.links = {
                key: (owner, None if friend is person else friend)
                for key, (owner, friend) in self.links.items()
                if owner is not person
            }

    @rule(data=st.data(), network_id=st.sampled_from(NETWORK_IDS))
    def rename_network(self, data: st.DataObject, network_id: str) -> None:
        old = data.draw(st.sampled_from(self.people)).login_network
        try:
            network = self.services.administration.networks.change(old, lambda n: replace(n, network_id=network_id))
        except AlreadyExists:
            return
        self._moved(old, network.network_id, network.effective_id, network.cloud_ids[0])
        assert network.effective_id == (network.cloud_ids[0] if network.single_tenant else network_id)

    @rule(cloud_id=st.sampled_from(CLOUD_IDS))
    def move_cloud_id(self, cloud_id: str) -> None:
        solo = next(n for n in self.services.administration.networks.all() if n.single_tenant)
        try:
            self.services.administration.networks.change(solo.network_id, lambda n: replace(n, cloud_ids=(cloud_id,)))
        except AlreadyExists:
            return
        self._moved(solo.network_id, solo.network_id, cloud_id, cloud_id)

    @rule(data=st.data(), spelling=st.sampled_from([str, str.upper, str.lower]))
    def put_personal_card(self, data: st.DataObject, spelling: Callable[[str], str]) -> None:
        """Somebody saves a colleague's card in the personal book; what stands in it then is the server's concern."""
        owner = data.draw(st.sampled_from(self.people))
        near = [p for p in self.people if p.login_network == owner.login_network]
        friend = data.draw(st.sampled_from(near))
        name = data.draw(st.sampled_from(["one.vcf", "two.vcf"]))
        if not owner.enabled:
            return
        uid = f"{owner.display_name} {name}"
        card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{uid}\r\nN:{uid};;;;\r\n"
        if friend.pair and friend.listed:
            escaped = spelling(friend.cloud_username).replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
            card += f"X-CLOUD-USERNAME:{escaped}\r\nX-NETWORK-ID:{friend.network_id}\r\n"
        status = self.faces.put(owner, "personal", name, card + "END:VCARD\r\n")
        assert status in (201, 204), status
        before = self.links.get((owner.display_name, name), (owner, None))[1]
        self.links[owner.display_name, name] = (owner, friend if friend.pair and friend.listed else before)

    @invariant()
    def the_faces_agree(self) -> None:
        assert disagreements(self.people, self.faces.observe(self.people)) == []

    @invariant()
    def personal_cards_follow(self) -> None:
        for owner in {id(o): o for o, _ in self.links.values() if o.enabled}.values():
            expected = {
                f"{owner.display_name} {name}": friend.pair if friend and friend.listed else None
                for (display_name, name), (_, friend) in self.links.items()
                if display_name == owner.display_name
            }
            assert dict(self.faces.cards(owner, "personal")) == expected

    def _change(self, person: Person, **changes: object) -> None:
        users = self.services.administration.users
        users.change(person.login_network, person.cloud_username, lambda user: replace(user, **changes))

    def _taken(self, network: str, username: str) -> bool:
        wanted = username.casefold()
        return any(p.login_network == network and p.cloud_username.casefold() == wanted for p in self.people)

    def _moved(self, network: str, to: str, wire: str, cloud_id: str) -> None:
        for person in self.people:
            if person.login_network == network:
                person.login_network, person.network_id, person.cloud_id = to, wire, cloud_id


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_faces_agree_after_every_change(kind: str, databases: Databases) -> None:
    """Whatever is changed in whatever order, contacts, cards, accounts and authentication agree on every user."""
    machine = type("Changes", (Changes,), {"databases": databases, "kind": kind})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=examples(ci=6, soak=500), stateful_step_count=examples(ci=12, soak=60)
        ),
    )


def corrupt(face: str, old: bytes, new: bytes) -> Callable[[str, int, bytes], tuple[int, bytes]]:
    """Answers of one face with some bytes replaced."""
    return lambda asked, status, body: (status, body.replace(old, new) if asked == face else body)


MUTATIONS = {
    "contacts: case of the username": corrupt("contacts", b'"cloudUsername":"anna"', b'"cloudUsername":"Anna"'),
    "contacts: blank username": corrupt("contacts", b'"cloudUsername":"anna"', b'"cloudUsername":""'),
    "contacts: another's username": corrupt("contacts", b'"cloudUsername":"anna"', b'"cloudUsername":"ben"'),
    "contacts: case of the network": corrupt("contacts", b'"networkId":"acme"', b'"networkId":"ACME"'),
    "contacts: blank network": corrupt("contacts", b'"networkId":"acme"', b'"networkId":""'),
    "contacts: another tenant": corrupt("contacts", b'"networkId":"acme"', b'"networkId":"globex"'),
    "contacts: no username": corrupt("contacts", b'"cloudUsername":"anna",', b""),
    "cards: case of the username": corrupt("carddav", b"X-CLOUD-USERNAME:anna", b"X-CLOUD-USERNAME:ANNA"),
    "cards: blank username": corrupt("carddav", b"X-CLOUD-USERNAME:anna", b"X-CLOUD-USERNAME:"),
    "cards: another's username": corrupt("carddav", b"X-CLOUD-USERNAME:anna", b"X-CLOUD-USERNAME:ben"),
    "cards: case of the network": corrupt("carddav", b"X-NETWORK-ID:acme", b"X-NETWORK-ID:Acme"),
    "cards: a blank behind the network": corrupt("carddav", b"X-NETWORK-ID:acme", b"X-NETWORK-ID:acme "),
    "cards: another tenant": corrupt("carddav", b"X-NETWORK-ID:acme", b"X-NETWORK-ID:globex"),
    "account: case of the username": corrupt("provisioning", b">anna<", b">Anna<"),
    "account: blank username": corrupt("provisioning", b"<cloud_username>anna<", b"<cloud_username><"),
    "account: another's username": corrupt("provisioning", b"<cloud_username>anna<", b"<cloud_username>ben<"),
    "account: case of the network": corrupt("provisioning", b"<networkId>acme<", b"<networkId>ACME<"),
    "account: blank network": corrupt("provisioning", b"<networkId>acme<", b"<networkId><"),
    "account: another tenant": corrupt("provisioning", b"<networkId>acme<", b"<networkId>globex<"),
    "account: another's SIP username": corrupt("provisioning", b"<username>SA<", b"<username>SB<"),
    "authentication: another user": corrupt("authentication", b"+15550000001", b"+15550000002"),
    "authentication: no number": corrupt("authentication", b"+15550000001", b""),
    "authentication: refused": lambda face, status, body: (403 if face == "authentication" else status, body),
}


@pytest.fixture
def small_directory(services: bootstrap.Services) -> tuple[Client, list[Person]]:
    """Two networks with the same two names in each."""
    people = []
    for network_id in ("acme", "globex"):
        network = add_network(services, network_id, cloud_ids=("SHARED",), sip_host=f"sip.{network_id}.example.com")
        for place, name in enumerate(("anna", "ben"), 1 if network_id == "acme" else 3):
            number = f"+155500000{place:02}"
            person = Person(f"Person {place}", number, network_id, network_id, name, f"password {place}", "SHARED")
            user = new_user(
                name,
                password=person.password,
                sip_password=f"sip {place}",
                sip_username=f"S{'ABCD'[place - 1]}",
                display_name=person.display_name,
                numbers=(Number("work", number, number, verified=True),),
            )
            add_users(services, network, [user])
            people.append(person)
    return Client(mount(services)), people


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_comparison_finds_one_corrupted_face(small_directory: tuple[Client, list[Person]], mutation: str) -> None:
    """The comparison that the other test relies on sees a single wrong byte on any one face."""
    client, people = small_directory
    assert disagreements(people, Faces(client).observe(people)) == []
    assert disagreements(people, Faces(client, MUTATIONS[mutation]).observe(people)) != []
