"""Administrators edit directory cards with any client: what differs goes to the user, and so to all faces."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carddav_msg.domain.user import Email, Number, Profile
from carddav_msg.errors import Forbidden, InvalidCard, InvalidValue, UidConflict
from tests.services.administered import Acme, vcard

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
NUMBERS = (
    Number("extension", "1000"),
    Number("work", "+12025550101", label="Desk"),
    Number("mobile", "601 123 456"),
    Number("home", "+420601123457"),
    Number("main", "+12025550100", verified=True),
)


@pytest.fixture
def acme(any_services: Services) -> Acme:
    """Bert is described in full; birthday, note and private numbers are hidden by default."""
    acme = Acme(any_services, country="CZ")
    profile = Profile(
        "Bert",
        given_name="Bert",
        numbers=NUMBERS,
        emails=(Email("b@acme.example"),),
        birthday="1990-02-28",
        note="secret note",
        title="Boss",
    )
    acme.services.administration.users.change(
        "acme", "bert", lambda old: replace(old, profile=profile, sip_username="s1", external_id="B")
    )
    return acme


def href(acme: Acme) -> str:
    return f"{acme.bert.uid}.vcf"


def edit(acme: Acme, *changes: tuple[str, str]) -> None:
    """Bert's card as it is served, with pieces replaced, put by the administrator."""
    text = acme.text(acme.admin, "directory", href(acme))
    for old, new in changes:
        assert old in text, text
        text = text.replace(old, new)
    acme.put(acme.admin, "directory", href(acme), text.encode())


def test_an_edit_reaches_all_faces(acme: Acme) -> None:
    """Names, numbers, e-mail addresses and the title: row, card and contacts are of one mind, the rest stays."""
    before = acme.user("bert")
    edit(
        acme,
        ("FN:Bert", "FN:Bertram"),
        ("TITLE:Boss", "TITLE:Chief"),
        ("EMAIL;TYPE=INTERNET,WORK:b@acme.example", "EMAIL;TYPE=HOME:new@acme.example\r\nTEL;TYPE=FAX:+12025550109"),
    )
    after = acme.user("bert")
    assert (after.profile.display_name, after.profile.title) == ("Bertram", "Chief")
    assert after.profile.emails == (Email("new@acme.example", "home"),)
    assert set(after.profile.numbers) == {*before.profile.numbers, Number("fax", "+12025550109", "+12025550109")}
    assert "FN:Bertram" in acme.text(acme.plain, "directory", href(acme))
    contacts = acme.services.contacts
    assert b"Bertram" in b"".join(contacts.document(contacts.state(acme.admin)))
    assert replace(after, profile=before.profile) == before


def test_hidden_fields_and_secrets_stay(acme: Acme) -> None:
    """What the view does not show was not deleted by who could not see it."""
    secrets = acme.services.directory.with_secrets(acme.bert.id)
    assert secrets is not None
    edit(acme, ("TEL;TYPE=CELL,VOICE:+420601123456\r\n", ""), ("TITLE:Boss\r\n", ""))
    profile = acme.user("bert").profile
    assert (profile.birthday, profile.note, profile.title) == ("1990-02-28", "secret note", "")
    assert {(n.kind, n.verified) for n in profile.numbers} == {
        ("extension", False),
        ("work", False),
        ("home", False),
        ("main", True),
    }
    after = acme.services.directory.with_secrets(acme.bert.id)
    assert after is not None
    assert after.credentials == secrets.credentials


def test_numbers_are_known_again(acme: Acme) -> None:
    """An untouched number stays as it was entered; another label or kind takes no verification away."""
    edit(acme, ("X-ABLabel:Desk", "X-ABLabel:Office"), ("TEL;TYPE=MAIN,WORK,VOICE:", "TEL;TYPE=CELL:"))
    numbers = acme.user("bert").profile.numbers
    assert {(n.kind, n.entered, n.label, n.verified) for n in numbers} == {
        ("extension", "1000", "", False),
        ("work", "+12025550101", "Office", False),
        ("mobile", "601 123 456", "", False),
        ("home", "+420601123457", "", False),
        ("mobile", "+12025550100", "", True),
    }


def test_a_long_extension_is_not_doubled(acme: Acme) -> None:
    """A card can't tell a long extension from a number of work; the stored kind counts."""
    numbers = (Number("extension", "12345678"), Number("work", "911"))
    acme.services.administration.users.change(
        "acme", "bert", lambda old: replace(old, profile=replace(old.profile, numbers=numbers))
    )
    edit(acme, ("TITLE:Boss", "TITLE:Boss\r\nTEL;TYPE=CELL:+420601123456"))
    assert {(n.kind, n.entered) for n in acme.user("bert").profile.numbers} == {
        ("extension", "12345678"),
        ("work", "911"),
        ("mobile", "+420601123456"),
    }


def test_a_photo_comes_and_goes(acme: Acme) -> None:
    """A photo inside the card is stored, served again, and taken away with its line."""
    line = f"PHOTO;ENCODING=b;TYPE=PNG:{base64.b64encode(PNG).decode()}\r\n"
    edit(acme, ("TITLE:Boss\r\n", f"TITLE:Boss\r\n{line}"))
    digest = acme.user("bert").profile.photo.digest
    assert acme.services.directory.photo(digest) == ("image/png", PNG)
    shown = acme.text(acme.plain, "directory", href(acme))
    assert "PHOTO;ENCODING=b" in shown
    edit(acme, ("TITLE:Boss", "TITLE:Chief"))
    assert acme.user("bert").profile.photo.digest == digest
    photo = shown[shown.index("PHOTO") : shown.index("X-CLOUD")]
    edit(acme, (photo, ""))
    assert not acme.user("bert").profile.photo


def test_unknown_properties_are_kept(acme: Acme) -> None:
    """What no field stands for is served to all, with its label, and goes when it is taken out."""
    lines = "X-SPOUSE;X-P=1:Eva\r\nitem7.URL:https://b.example/?a=1,2\r\nitem7.X-ABLabel:Blog\r\n"
    edit(acme, ("TITLE:Boss\r\n", f"TITLE:Boss\r\n{lines}"))
    assert lines in acme.text(acme.plain, "directory", href(acme))
    edit(acme, ("TITLE:Boss", "TITLE:Chief"))
    assert lines in acme.text(acme.plain, "directory", href(acme))
    edit(acme, (lines, ""))
    assert acme.user("bert").profile.extra == ()


def test_the_identity_is_the_servers(acme: Acme) -> None:
    """Another pair, none at all, another SIP address: served as before, and no row changes."""
    text = acme.text(acme.admin, "directory", href(acme))
    before = acme.user("bert")
    edit(acme, ("X-CLOUD-USERNAME:Bert", "X-CLOUD-USERNAME:anna"), ("X-NETWORK-ID:acme", "X-NETWORK-ID:evil"))
    edit(acme, ("X-CLOUD-USERNAME:Bert\r\nX-NETWORK-ID:acme\r\n", ""), ("IMPP:sip:s1@", "IMPP:sip:evil@"))
    assert acme.text(acme.admin, "directory", href(acme)) == text
    assert acme.user("bert") == before


def test_what_a_source_owns_is_refused(acme: Acme) -> None:
    """The sentence names the source; other fields can be edited, and the owned ones be sent unchanged."""
    acme.services.administration.networks.change(
        "acme", lambda old: replace(old, source_name="HR", source_owned=frozenset({"title", "numbers", "photo"}))
    )
    for change in (("TITLE:Boss", "TITLE:Chief"), ("VOICE:1000", "VOICE:1001")):
        with pytest.raises(Forbidden, match="comes from HR: edit it there") as refused:
            edit(acme, change)
        assert refused.value.privilege == "write-content"
    edit(acme, ("FN:Bert", "FN:Bertram"))
    assert acme.user("bert").profile.display_name == "Bertram"


def test_cards_make_and_remove_no_users(acme: Acme) -> None:
    """The refusals name the commands that do."""
    with pytest.raises(Forbidden, match="user add"):
        acme.put(acme.admin, "directory", "new.vcf", vcard("new"))
    with pytest.raises(Forbidden, match="user remove"):
        acme.delete(acme.admin, "directory", href(acme))
    with pytest.raises(UidConflict):
        acme.put(acme.admin, "directory", href(acme), vcard("other"))
    with pytest.raises(InvalidCard):
        acme.put(acme.admin, "directory", href(acme), vcard(acme.bert.uid).replace(b"FN:X\r\n", b""))
    assert acme.user("bert").profile.title == "Boss"


def test_only_administrators_edit(acme: Acme) -> None:
    """Users, staff of other networks, and an administrator with a device credential only read."""
    text = acme.text(acme.admin, "directory", href(acme)).replace("Boss", "Chief").encode()
    for principal in (acme.plain, replace(acme.admin, plain=True)):
        with pytest.raises(Forbidden, match="read-only"):
            acme.put(principal, "directory", href(acme), text)
        with pytest.raises(Forbidden, match="read-only"):
            acme.delete(principal, "directory", href(acme))
    assert acme.user("bert").profile.title == "Boss"


def test_an_edit_that_breaks_a_rule_changes_nothing(acme: Acme) -> None:
    """The reason names the field."""
    with pytest.raises(InvalidValue, match="email"):
        edit(acme, ("b@acme.example", "nobody"))
    assert acme.user("bert").profile.emails == (Email("b@acme.example"),)


def test_an_edit_is_audited(acme: Acme) -> None:
    """Who, from where, and what it was before and after, nothing else."""
    edit(acme, ("TITLE:Boss", "TITLE:Chief"))
    entry = next(acme.services.administration.audit.entries())
    assert (entry.actor.name, entry.actor.face, entry.actor.address) == ("acme~anna", "carddav", "192.0.2.1")
    assert (entry.action, entry.subject) == ("user changed", "user acme~Bert")
    assert (json.loads(entry.before), json.loads(entry.after)) == ({"title": "Boss"}, {"title": "Chief"})
