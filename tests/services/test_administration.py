"""Administration: what operators change, and that everything else follows in the same transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carddav_msg import bootstrap
from carddav_msg.credentials import device
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile, SmsNumber, User
from carddav_msg.errors import AlreadyExists, InvalidValue, NotFound, Rejected
from carddav_msg.services.administration.networks import OWNED_NODES
from carddav_msg.services.administration.users import SecretsSet
from carddav_msg.services.authentication import Face
from carddav_msg.services.importing.report import Silent
from carddav_msg.services.provisioning import OWN_NODES
from tests.builders import network

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

JPEG = b"\xff\xd8\xff" + b"\0" * 20


def person(cloud_username: str, **fields: object) -> User:
    """A user to add."""
    profile = Profile(f"User {cloud_username}")
    return replace(User(0, 0, "", cloud_username, profile), **fields)  # type: ignore[arg-type]  # chosen by the tests


def login(services: Services, name: str, secret: str, face: Face = Face.CARDDAV) -> str:
    """The stored Cloud Username of who is let in, or why nobody is."""
    try:
        return services.authentication.enter(name, secret, face).cloud_username
    except Rejected as rejected:
        return rejected.reason


def texts(services: Services, user: User) -> list[str]:
    """The cards of the directory that a user sees."""
    book = services.directory.home(user.id)[0]
    return [row.text for _, row in services.directory.texts(book.id, 0, 1000)]


@pytest.fixture
def acme(any_services: Services) -> Network:
    """A network with a country, and with everything that a network may have."""
    return any_services.administration.networks.add(
        network("acme", sip_host="SIP.acme.example:5061", domains=("B.example", "a.example"), country="cz")
    )


@pytest.fixture
def anna(any_services: Services, acme: Network) -> User:
    """A user of it with both passwords."""
    new = person("anna", sip_username="s1")
    return any_services.administration.users.add("acme", new, password="secret-a", sip_password="sip-a")


def test_a_network_is_stored_in_its_normal_form(acme: Network) -> None:
    """Hosts and countries are folded, lists sorted, the effective Network ID follows."""
    assert (acme.sip_host, acme.domains, acme.country) == ("sip.acme.example:5061", ("a.example", "b.example"), "CZ")
    assert acme.effective_id == "acme"


def test_a_network_without_a_name_is_called_by_its_id(any_services: Services) -> None:
    """A name is never empty."""
    assert any_services.administration.networks.add(network("x", name=" ")).name == "x"


@pytest.mark.parametrize(
    "fields",
    [
        {"network_id": "ACME"},
        {"network_id": "b", "domains": ("a.example",)},
        {"network_id": "b", "single_tenant": True, "cloud_ids": ("acme",)},
    ],
)
def test_what_only_one_network_may_have(any_services: Services, acme: Network, fields: dict[str, object]) -> None:
    """A Network ID, a domain, a Network ID on the wire that another network has: refused, and nothing is stored."""
    with pytest.raises(AlreadyExists, match="acme"):
        any_services.administration.networks.add(network(**fields))
    assert [found.network_id for found in any_services.administration.networks.all()] == ["acme"]


def test_nodes_that_say_who_a_user_is_can_not_be_set() -> None:
    """The nodes refused for a network are those that provisioning owns."""
    assert OWNED_NODES == OWN_NODES


def test_a_renamed_network_is_another_one_on_the_wire(any_services: Services, anna: User) -> None:
    """Every card carries the new Network ID after the transaction; logins with the old one work."""
    changed = any_services.administration.networks.change("acme", lambda old: replace(old, network_id="Umbrella"))
    assert changed.effective_id == "Umbrella"
    assert ["X-NETWORK-ID:Umbrella" in text for text in texts(any_services, anna)] == [True]
    assert login(any_services, "acme~anna", "secret-a") == "anna"
    assert login(any_services, "umbrella~anna", "secret-a") == "anna"
    assert any_services.administration.networks.find("ACME").network_id == "Umbrella"


def test_a_network_becomes_single_tenant(any_services: Services, anna: User) -> None:
    """Its only Cloud ID becomes the Network ID on the wire of every card."""
    networks = any_services.administration.networks
    with pytest.raises(InvalidValue, match="exactly one Cloud ID"):
        networks.change("acme", lambda old: replace(old, single_tenant=True))
    changed = networks.change("acme", lambda old: replace(old, single_tenant=True, cloud_ids=("Solo*",)))
    assert changed.effective_id == "SOLO"
    assert ["X-NETWORK-ID:SOLO" in text for text in texts(any_services, anna)] == [True]


def test_a_change_that_changes_nothing_moves_no_token(any_services: Services, anna: User) -> None:
    """Saving what is there already costs no phone a sync."""
    before = any_services.directory.home(anna.id)[0].seq
    any_services.administration.networks.change("acme", lambda old: old)
    any_services.administration.users.change("acme", "anna", lambda old: old)
    assert any_services.directory.home(anna.id)[0].seq == before


def test_a_network_with_users_is_removed_on_purpose_only(any_services: Services, anna: User) -> None:
    """Users go with their network when that is said; then nothing of them is left."""
    networks = any_services.administration.networks
    with pytest.raises(InvalidValue, match="still has users"):
        networks.remove("acme")
    networks.remove("acme", with_users=True)
    assert networks.all() == []
    assert any_services.directory.with_secrets(anna.id) is None
    assert login(any_services, "acme~anna", "secret-a") == "unknown"
    with pytest.raises(NotFound, match="no network 'acme'"):
        networks.remove("acme")


def test_a_user_is_stored_in_its_normal_form(any_services: Services, acme: Network) -> None:
    """Numbers get their E.164 form by the network's country, and what is stored is what is read."""
    profile = Profile(
        "  Bert  ",
        title="a\r\nb",
        numbers=(Number("mobile", "601 123 456"), Number("extension", "1000"), Number("work", "+1 (202) 555-0100")),
        emails=(Email("b@acme.example"),),
        addresses=(Address(city="Brno", country_code="cz"),),
        birthday="1990-02-28",
    )
    new = replace(
        person("Be\u0301rt"), profile=profile, sms_numbers=(SmsNumber("sinch", "12025550100"),), external_id="7"
    )
    stored = any_services.administration.users.add("ACME", new)
    assert (stored.cloud_username, stored.profile.display_name, stored.profile.title) == ("B\u00e9rt", "Bert", "a\nb")
    assert [number.e164 for number in stored.profile.numbers] == ["+420601123456", "", "+12025550100"]
    assert stored.profile.addresses[0].country_code == "CZ"
    assert any_services.administration.users.find("acme", "b\u00c9rt") == (acme, stored)


@pytest.mark.parametrize(
    "wrong",
    [
        person("a/b"),
        person("a" * 200),
        person("a", sip_username="a:b"),
        person("a", profile=Profile(" ")),
        person("a", profile=Profile("x\x00")),
        person("a", profile=Profile("x", numbers=(Number("cell", "1"),))),
        person("a", profile=Profile("x", numbers=(Number("work", " "),))),
        person("a", profile=Profile("x", numbers=(Number("main", "123", verified=True),))),
        person("a", profile=Profile("x", emails=(Email("nobody"),))),
        person("a", profile=Profile("x", addresses=(Address("moon"),))),
        person("a", profile=Profile("x", birthday="yesterday")),
        person("a", profile=Profile("x", photo=Photo("javascript:x"))),
        person("a", sms_numbers=(SmsNumber("Sinch", "1"),)),
    ],
)
def test_a_user_that_breaks_a_rule_is_refused(services: Services, wrong: User) -> None:
    """Whoever calls, what breaks a data rule is not stored, in a new user or in one that is changed."""
    administration = services.administration
    administration.networks.add(network("acme"))
    with pytest.raises(InvalidValue):
        administration.users.add("acme", wrong)
    good = administration.users.add("acme", person("good"))
    with pytest.raises(InvalidValue):
        administration.users.change("acme", "good", lambda old: replace(wrong, id=old.id, uid=old.uid))
    assert list(administration.users.each(administration.networks.find("acme"))) == [good]


def test_names_are_shared_with_nobody(any_services: Services, anna: User) -> None:
    """No Cloud Username, SIP username or external id of another user, and no mixture of them."""
    users = any_services.administration.users
    users.add("acme", person("bert", sip_username="s2", external_id="B"))
    for taken in (person("ANNA"), person("S1"), person("c", sip_username="Anna"), person("c", sip_username="S1")):
        with pytest.raises(AlreadyExists):
            users.add("acme", taken)
    with pytest.raises(AlreadyExists, match="external id"):
        users.add("acme", person("c", external_id="B"))
    with pytest.raises(AlreadyExists):
        users.change("acme", "anna", lambda old: replace(old, cloud_username="s2"))
    assert users.change("acme", "anna", lambda old: replace(old, sip_username="anna")).sip_username == "anna"


def test_a_renamed_user_keeps_card_and_old_login(any_services: Services, anna: User) -> None:
    """The card stays the same one with the new name on the wire; both names sign in."""
    renamed = any_services.administration.users.change("acme", "anna", lambda old: replace(old, cloud_username="Ann.A"))
    assert renamed.uid == anna.uid
    (text,) = texts(any_services, anna)
    assert "X-CLOUD-USERNAME:Ann.A" in text
    assert f"UID:{anna.uid}" in text
    assert login(any_services, "acme~anna", "secret-a") == "Ann.A"
    assert login(any_services, "acme~ann.a", "secret-a") == "Ann.A"
    # Back again: the old name is the name, and the other one the alias.
    any_services.administration.users.change("acme", "ann.a", lambda old: replace(old, cloud_username="anna"))
    assert login(any_services, "acme~ann.a", "secret-a") == "anna"


def test_disabling_ends_sessions_and_takes_the_card_away(any_services: Services, anna: User) -> None:
    """A disabled user is on no face; enabled again, the card is back and old device credentials are not."""
    users = any_services.administration.users
    users.change("acme", "anna", lambda old: replace(old, enabled=False))
    assert login(any_services, "acme~anna", "secret-a") == "disabled"
    assert texts(any_services, anna) == []
    users.change("acme", "anna", lambda old: replace(old, enabled=True))
    assert login(any_services, "acme~anna", "secret-a") == "anna"
    assert len(texts(any_services, anna)) == 1
    assert users.find("acme", "anna")[1].session_epoch == anna.session_epoch + 1


def test_a_new_password_ends_sessions_only_when_asked(any_services: Services, anna: User) -> None:
    """The old password is dead at once in either case, also where it was remembered as verified."""
    users = any_services.administration.users
    assert login(any_services, "acme~anna", "secret-a") == "anna"
    users.set_password("acme", "anna", "secret-2")
    assert login(any_services, "acme~anna", "secret-a") == "password"
    assert login(any_services, "acme~anna", "secret-2") == "anna"
    assert users.find("acme", "anna")[1].session_epoch == anna.session_epoch
    users.set_password("acme", "anna", None, end_sessions=True)
    assert login(any_services, "acme~anna", "secret-2") == "password"
    assert users.find("acme", "anna")[1].session_epoch == anna.session_epoch + 1
    assert users.secrets_set(anna).password is False


def test_a_sip_password_is_sealed_and_ends_no_session(any_services: Services, anna: User) -> None:
    """External Authentication takes it; the database does not hold it readably; '' takes it away."""
    users = any_services.administration.users
    assert login(any_services, "s1", "sip-a", Face.EXTERNAL_AUTHENTICATION) == "anna"
    found = any_services.directory.with_secrets(anna.id)
    assert found is not None
    assert b"sip-a" not in (found.credentials.sip_password or b"")
    users.change("acme", "anna", lambda old: old, sip_password="sip-2")
    assert login(any_services, "s1", "sip-a", Face.EXTERNAL_AUTHENTICATION) == "password"
    assert login(any_services, "s1", "sip-2", Face.EXTERNAL_AUTHENTICATION) == "anna"
    users.change("acme", "anna", lambda old: old, sip_password="")
    assert users.secrets_set(anna).sip_password is False
    assert users.find("acme", "anna")[1].session_epoch == anna.session_epoch


def test_a_sip_password_needs_no_login_password(any_services: Services, acme: Network) -> None:
    """A user may have either, none or both; each is set and taken away for itself."""
    users = any_services.administration.users
    bert = users.add("acme", person("bert", sip_username="s2"), sip_password="sip-b")
    assert users.secrets_set(bert) == SecretsSet(password=False, sip_password=True)
    users.set_password("acme", "bert", "secret-b")
    users.change("acme", "bert", lambda old: old, sip_password="")
    assert users.secrets_set(bert) == SecretsSet(password=True, sip_password=False)
    users.change("acme", "bert", lambda old: old, sip_password="sip-c")
    assert login(any_services, "s2", "sip-c", Face.EXTERNAL_AUTHENTICATION) == "bert"
    assert login(any_services, "acme~bert", "secret-b") == "bert"
    with pytest.raises(AlreadyExists, match="SIP username 's2' of 'carl' is the SIP username of 'bert'"):
        users.add("acme", person("carl", sip_username="s2"), sip_password="sip-d")


@pytest.mark.parametrize("wrong", ["", "a\nb", "canary\x00", "x" * 1025, "canary\ud800"])
def test_a_password_that_no_face_could_carry_is_refused(services: Services, wrong: str) -> None:
    """Empty, over-long and unprintable passwords are refused without being shown."""
    services.administration.networks.add(network("acme"))
    with pytest.raises(InvalidValue) as refused:
        services.administration.users.add("acme", person("a"), password=wrong)
    assert "canary" not in str(refused.value)
    with pytest.raises(NotFound):
        services.administration.users.find("acme", "a")


def test_a_photo_is_in_the_card(any_services: Services, anna: User) -> None:
    """A stored photo has an unguessable digest, the same for the same bytes, and is embedded in the card."""
    users = any_services.administration.users
    changed = users.change("acme", "anna", lambda old: old, photo=JPEG)
    digest = changed.profile.photo.digest
    assert any_services.directory.photo(digest) == ("image/jpeg", JPEG)
    assert users.add("acme", person("b"), photo=JPEG).profile.photo.digest == digest
    assert all("PHOTO" in text for text in texts(any_services, anna))
    with pytest.raises(InvalidValue, match="photo"):
        users.change("acme", "anna", lambda old: old, photo=b"GIF89a")


def test_a_removed_user_is_gone(any_services: Services, anna: User) -> None:
    """The card leaves a tombstone for those who sync, and the name is free again."""
    users = any_services.administration.users
    bert = users.add("acme", person("bert"))
    before = any_services.directory.home(bert.id)[0]
    users.remove("acme", "anna")
    deltas = any_services.directory.changes(before.id, before.seq, before.seq, 10)
    assert [(href, etag) for _, href, etag in deltas] == [(f"{anna.uid}.vcf", None)]
    users.add("acme", person("anna"))


def test_the_device_of_a_removed_user_opens_no_new_account(any_services: Services, anna: User) -> None:
    """SQLite gives the row of the last user to the next one: another session epoch keeps the old devices out."""
    users = any_services.administration.users
    credential = device.issue(any_services.keyring, anna.id, anna.session_epoch, "phone")
    assert login(any_services, "acme~anna", credential) == "anna"
    users.remove("acme", "anna")
    new = users.add("acme", person("anna"))
    old = device.issue(any_services.keyring, new.id, anna.session_epoch, "phone")
    assert login(any_services, "acme~anna", old) != "anna"


def test_users_come_in_pages(any_services: Services, acme: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """All users of a network, each once, in the order of their folded names, however small the pages."""
    from carddav_msg.services.administration import users

    monkeypatch.setattr(users, "_PAGE", 2)
    for name in ("b", "A", "d", "C", "e"):
        any_services.administration.users.add("acme", person(name))
    found = any_services.administration.users
    assert [user.cloud_username for user in found.each(acme)] == ["A", "b", "C", "d", "e"]
    assert [user.cloud_username for user in found.each(acme, "b")] == ["C", "d", "e"]


def test_a_shared_book_is_shared(any_services: Services, anna: User) -> None:
    """Everyone and members get what they are given, and lose it again."""
    books = any_services.administration.books

    def access() -> str | None:
        return {book.slug: book.access for book in any_services.directory.home(anna.id)}.get("team")

    books.add("acme", "team", title="Team")
    assert not access()
    books.share_with_everyone("acme", "team", "read")
    assert access() == "read"
    assert books.share("acme", "team", "ANNA", "write") == "anna"
    assert access() == "write"
    books.share("acme", "team", "anna", "")
    assert access() == "read"
    books.share_with_everyone("acme", "team", "")
    assert not access()
    assert books.find("acme", "team").display_name == "Team"
    with pytest.raises(InvalidValue):
        books.share("acme", "team", "anna", "own")
    books.remove("acme", "team")
    with pytest.raises(NotFound):
        books.find("acme", "team")


def test_a_grant_counts_where_it_is_given(any_services: Services, anna: User) -> None:
    """An administrator of a network administers that one; a device credential would not carry it."""
    administration = any_services.administration
    other = administration.networks.add(network("other"))
    administration.grants.add("acme", "anna", "admin", "other")
    principal = any_services.authentication.enter("acme~anna", "secret-a", Face.CARDDAV).principal
    assert principal.administers(other.id)
    assert not principal.administers(anna.network)
    with pytest.raises(AlreadyExists):
        administration.grants.add("acme", "anna", "admin", "OTHER")
    administration.grants.add("acme", "anna", "admin", "*")
    assert [grant.scope for grant in administration.grants.all("acme")] == ["*"]
    administration.grants.remove("acme", "anna", "admin", "other")
    with pytest.raises(NotFound):
        administration.grants.remove("acme", "anna", "admin", "other")
    with pytest.raises(InvalidValue):
        administration.grants.add("acme", "anna", "emperor", "*")


def test_a_rebuild_renumbers_what_differs(any_services: Services, anna: User) -> None:
    """Rendering again with the same settings changes no card; with others it does once, and that is remembered."""
    before = any_services.directory.home(anna.id)[0].seq
    assert any_services.administration.rebuild(Silent(), everything=True) == 0
    assert any_services.administration.outdated() is False
    assert any_services.directory.home(anna.id)[0].seq == before
    other = bootstrap.build(replace(any_services.settings, network_id_property="X-TENANT"))
    try:
        assert other.administration.announce() is True
        assert other.administration.outdated() is True
        assert other.administration.rebuild(Silent(), everything=False) == 1
        assert other.administration.outdated() is False
    finally:
        other.close()
    assert any_services.directory.home(anna.id)[0].seq == before + 1
    assert "X-TENANT:acme" in texts(any_services, anna)[0]
