"""Views of the directory: whom and what each user sees, and what follows when that changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carddav_msg.domain.contact import DEFAULT_MASK, View
from carddav_msg.domain.user import Email
from carddav_msg.errors import AlreadyExists, InvalidValue, NotFound
from tests.services.administered import Acme, vcard

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.user import User
    from carddav_msg.services.administration.views import Views

SALES = View(departments=frozenset({"Sales"}), hidden=frozenset({"birthday"}))


@pytest.fixture
def acme(any_services: Services) -> Acme:
    """Anna is in sales, Bert in support; both have birthdays and notes."""
    acme = Acme(any_services)
    for name, department in (("anna", "Sales"), ("bert", "Support")):
        acme.services.administration.users.change("acme", name, lambda old, d=department: described(old, d))
    return acme


def described(user: User, department: str) -> User:
    profile = replace(user.profile, department=department, birthday="1990-02-28", note="secret note")
    return replace(user, profile=replace(profile, emails=(Email(f"{user.cloud_username}@acme.example"),)))


def views(acme: Acme) -> Views:
    return acme.services.administration.views


def seen(acme: Acme, name: str) -> list[str]:
    """The directory of a user as it is served."""
    book = acme.services.directory.home(acme.user(name).id)[0]
    return [row.text for _, row in acme.services.directory.texts(book.id, 0, 100)]


def test_a_new_view_is_filled_and_had_by_nobody(acme: Acme) -> None:
    """Nothing that is served changes for anybody until somebody gets it."""
    before = [book.seq for book in acme.services.directory.home(acme.bert.id)]
    views(acme).add("acme", "sales", SALES)
    assert [(v.name, v.users, v.cards) for v in views(acme).all("acme")] == [("everyone", 2, 2), ("sales", 0, 1)]
    assert [book.seq for book in acme.services.directory.home(acme.bert.id)] == before


def test_a_user_with_another_view_sees_that(acme: Acme) -> None:
    """Departments decide whom, the mask what; the book has another token, and the audit says so."""
    views(acme).add("acme", "sales", SALES)
    old = acme.services.directory.home(acme.bert.id)[0]
    acme.services.administration.users.change("acme", "bert", lambda user: user, view="SALES")
    new = acme.services.directory.home(acme.bert.id)[0]
    assert (new.slug, new.id != old.id, new.epoch != old.epoch) == (old.slug, True, True)
    (text,) = seen(acme, "bert")
    assert ("FN:User anna" in text, "NOTE:secret note" in text, "BDAY" in text) == (True, True, False)
    assert all("NOTE" not in text for text in seen(acme, "anna"))
    assert views(acme).name_of(acme.user("bert")) == "sales"
    entry = next(acme.services.administration.audit.entries(subject="acme~bert"))
    assert (entry.action, entry.before, entry.after) == ("user changed", '{"view": "everyone"}', '{"view": "sales"}')


def test_giving_a_view_renders_nothing(acme: Acme) -> None:
    """No card says who sees it: no book gets a number."""
    views(acme).add("acme", "sales", SALES)
    books = [view.book for view in acme.services.directory.directory_books(acme.network.id)]

    def numbers() -> list[list[tuple[int, str, str | None]]]:
        return [[tuple(e) for e in acme.services.directory.changes(book, 0, 0, 100)] for book in books]

    before = numbers()
    acme.services.administration.users.change("acme", "bert", lambda user: user, view="sales")
    assert numbers() == before


def test_a_changed_rule_moves_cards(acme: Acme) -> None:
    """Users come and go with tombstones, fields with new bytes; what is the same changes nothing."""
    assert views(acme).change("acme", "everyone", lambda rule: replace(rule, hidden=DEFAULT_MASK | {"emails"})) == 2
    assert all("EMAIL" not in text for text in seen(acme, "bert"))
    book = acme.services.directory.home(acme.bert.id)[0]
    assert views(acme).change("acme", "everyone", lambda rule: replace(rule, departments=frozenset({"Support"}))) == 1
    deltas = acme.services.directory.changes(book.id, book.seq, book.seq, 10)
    assert [(href, etag) for _, href, etag in deltas] == [(f"{acme.anna.uid}.vcf", None)]
    assert views(acme).change("acme", "everyone", lambda rule: rule) == 0


def test_a_department_decides_at_once(acme: Acme) -> None:
    """A user who changes department comes into views and goes from others in the same transaction."""
    views(acme).add("acme", "sales", SALES)
    acme.services.administration.users.change("acme", "bert", lambda old: described(old, "Sales"), view="sales")
    assert len(seen(acme, "bert")) == 2
    acme.services.administration.users.change("acme", "anna", lambda old: described(old, "Support"))
    assert ["FN:User Bert" in text for text in seen(acme, "bert")] == [True]


def test_a_view_that_is_had_is_not_removed(acme: Acme) -> None:
    """Not the last one, not one with users unless they are moved."""
    with pytest.raises(InvalidValue, match="only view"):
        views(acme).remove("acme", "everyone")
    views(acme).add("acme", "sales", SALES)
    with pytest.raises(InvalidValue, match="2 users have the view 'everyone'"):
        views(acme).remove("acme", "everyone")
    with pytest.raises(InvalidValue, match="where its users go"):
        views(acme).remove("acme", "everyone", move_to="Everyone")
    assert [view.name for view in views(acme).all("acme")] == ["everyone", "sales"]
    assert views(acme).remove("acme", "everyone", move_to="sales") == 2
    assert [(v.name, v.users) for v in views(acme).all("acme")] == [("sales", 2)]
    assert len(seen(acme, "anna")) == 1


@pytest.mark.parametrize(
    ("name", "rule", "error"),
    [
        ("Everyone", View(), AlreadyExists),
        ("a/b", View(), InvalidValue),
        ("x", View(hidden=frozenset({"display_name"})), InvalidValue),
        ("x", View(departments=frozenset({"a\x00"})), InvalidValue),
    ],
)
def test_what_a_view_can_not_be(acme: Acme, name: str, rule: View, error: type[Exception]) -> None:
    """Names are unique without regard to case; a name can't be hidden, as a contact is nothing without one."""
    with pytest.raises(error):
        views(acme).add("acme", name, rule)
    assert len(views(acme).all("acme")) == 1


def test_unknown_views_are_named(acme: Acme) -> None:
    """Whoever asks."""
    for attempt in (
        lambda: views(acme).find("acme", "nope"),
        lambda: views(acme).remove("acme", "nope"),
        lambda: acme.services.administration.users.change("acme", "bert", lambda old: old, view="nope"),
    ):
        with pytest.raises(NotFound, match="no view 'nope'"):
            attempt()


def test_what_readers_see_decides_links(any_services: Services) -> None:
    """A card of a shared book stands for a user only while every reader's view holds the user."""
    acme = Acme(any_services, auto_link=True)
    acme.services.administration.users.change("acme", "anna", lambda old: described(old, "Sales"))
    acme.put(acme.admin, "team", "a.vcf", vcard("a", "EMAIL:anna@acme.example"))
    linked = "X-CLOUD-USERNAME:anna"
    assert linked in acme.text(acme.admin, "team", "a.vcf")
    views(acme).add("acme", "others", View(departments=frozenset({"Support"})))
    assert linked in acme.text(acme.admin, "team", "a.vcf")
    acme.services.administration.users.change("acme", "bert", lambda user: user, view="others")
    assert linked not in acme.text(acme.admin, "team", "a.vcf")
    views(acme).change("acme", "others", lambda rule: View())
    assert linked in acme.text(acme.admin, "team", "a.vcf")
    views(acme).change("acme", "others", lambda rule: replace(rule, departments=frozenset({"Support"})))
    assert linked not in acme.text(acme.admin, "team", "a.vcf")
    views(acme).remove("acme", "others", move_to="everyone")
    assert linked in acme.text(acme.admin, "team", "a.vcf")


def test_a_preview_is_what_is_served(acme: Acme) -> None:
    """The contacts of a user's view with the fields that it shows, and how many there are."""
    preview = views(acme).preview("acme", "bert")
    contacts = {user.cloud_username: contact.profile for user, contact in preview.contacts}
    assert (preview.view, preview.total, list(contacts)) == ("everyone", 2, ["anna", "Bert"])
    assert (contacts["anna"].note, contacts["anna"].department) == ("", "Sales")
    assert [user.cloud_username for user, _ in views(acme).preview("acme", "bert", "ANNA").contacts] == ["Bert"]
