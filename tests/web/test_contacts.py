"""Web Service Contacts as apps see it."""

from __future__ import annotations

import base64
import gzip
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from werkzeug.http import http_date, parse_date

from carddav_msg.publishing import users
from carddav_msg.services.contacts import SETTLED_AFTER, Contacts
from carddav_msg.web import create_app
from tests.builders import add_network, add_user
from tests.web.conftest import PASSWORD, Lines, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.domain.network import Network
    from carddav_msg.domain.user import User

BASIC = {"Authorization": "Basic " + base64.b64encode(f"Anna.A:{PASSWORD}".encode()).decode()}


class Reads:
    """Counts what is asked of a directory; everything still is."""

    def __init__(self, directory: Any) -> None:
        self._directory = directory
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._directory, name)


def later(services: Services, *, seconds: float = SETTLED_AFTER + 1, directory: Any = None, **changes: Any) -> Services:
    """The same services with the contacts asked some time from now, or with other settings of theirs."""
    settings = {
        "own_entry": False,
        "books": ("directory", "shared"),
        "page_size": services.settings.page_size,
    } | changes
    contacts = Contacts(
        directory or services.directory,
        clock=lambda: time.time() + seconds,
        **settings,
    )
    return replace(services, contacts=contacts)


def save(services: Services, network: Network, user: User) -> None:
    """Stores a changed user as an operator would."""

    def work(transaction: Any) -> None:
        locked = transaction.lock_network(network.id, exclusive=True)
        users.save_users(transaction, services.renderer, locked, [user])

    services.directory.transact(work)


def names(answer: Any) -> list[str]:
    """The display names of an answer."""
    return [contact["displayName"] for contact in answer.get_json()["contacts"]]


@pytest.mark.parametrize("way", ["query", "form", "json", "basic"])
def test_credentials_come_four_ways(client: FlaskClient, people: People, way: str) -> None:
    """Query, form, JSON and Basic open the same list, without the viewer's own entry."""
    sent = {"username": "Anna.A", "password": PASSWORD}
    if way == "query":
        answer = client.get("/contacts", query_string=sent)
    elif way == "form":
        answer = client.post("/contacts", data=sent)
    elif way == "json":
        answer = client.post("/contacts", json=sent)
    else:
        answer = client.get("/contacts", headers=BASIC)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert names(answer) == ["Bert"]


def test_own_entry_is_a_setting(services: Services, people: People) -> None:
    """With the setting the viewer is in the list too."""
    client = create_app(later(services, own_entry=True)).test_client()
    assert names(client.get("/contacts", headers=BASIC)) == ["Anna Ä", "Bert"]


def test_other_networks_and_unlisted_users_are_not_there(
    services: Services, client: FlaskClient, people: People
) -> None:
    """A viewer sees the own network only, and of it the listed, enabled users."""
    add_user(services, add_network(services, "other"), "carl")
    add_user(services, people.acme, "hidden", listed=False)
    add_user(services, people.acme, "gone", enabled=False)
    assert names(client.get("/contacts?cloud_id=ACMEAPP", headers=BASIC)) == ["Bert"]


def test_pages_make_one_document(services: Services, people: People) -> None:
    """The document is the same however many rows are read at a time."""
    for number in range(7):
        add_user(services, people.acme, f"user{number}")
    bodies = {
        create_app(later(services, page_size=size)).test_client().get("/contacts", headers=BASIC).data
        for size in (1, 3, 8, 1000)
    }
    assert len(bodies) == 1


def test_etag_gives_304_without_reading_contacts(services: Services, people: People) -> None:
    """If-None-Match with our tag, in a list, or `*`: 304 with the validators, no body, and no contact was read."""
    reads = Reads(services.directory)
    client = create_app(later(services, directory=reads)).test_client()
    tag = client.get("/contacts", headers=BASIC).headers["ETag"]
    assert "fragments" in reads.asked
    for header in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        reads.asked.clear()
        answer = client.get("/contacts", headers={**BASIC, "If-None-Match": header})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in answer.headers
        assert reads.asked == []


@pytest.mark.parametrize("change", ["edit", "unlist", "messaging", "add", "own"])
def test_every_change_moves_the_tag(services: Services, client: FlaskClient, people: People, change: str) -> None:
    """An edit, a removal, an addition: at once, also within one second, and even if the date says otherwise."""
    before = client.get("/contacts", headers=BASIC)
    match change:
        case "edit":
            renamed = replace(people.bert, profile=replace(people.bert.profile, display_name="Berta"))
            save(services, people.acme, renamed)
        case "unlist":
            save(services, people.acme, replace(people.bert, listed=False))
        case "messaging":
            save(services, people.acme, replace(people.bert, messaging=False))
        case "add":
            add_user(services, people.acme, "carl")
        case "own":
            save(services, people.acme, replace(people.anna, messaging=False))
    held = {"If-None-Match": before.headers["ETag"], "If-Modified-Since": http_date(time.time() + 3600)}
    after = client.get("/contacts", headers={**BASIC, **held})
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]


def test_tags_of_two_viewers_differ(client: FlaskClient, people: People) -> None:
    """One viewer's tag is nothing to another, whose own entry is another."""
    bert = {"username": "bert", "password": "bert's password"}
    tag = client.get("/contacts", headers=BASIC).headers["ETag"]
    assert client.get("/contacts", query_string=bert, headers={"If-None-Match": tag}).status_code == 200


def test_date_gives_304_once_the_last_change_is_settled(
    services: Services, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If-Modified-Since with our own date: 304, and 200 after the next change; another date proves nothing."""
    client = create_app(later(services)).test_client()
    date = client.get("/contacts", headers=BASIC).headers["Last-Modified"]
    held = {**BASIC, "If-Modified-Since": date}
    assert client.get("/contacts", headers=held).status_code == 304
    assert client.get("/contacts", headers={**held, "If-None-Match": '"other"'}).status_code == 200
    for other in (http_date(time.time() + 3600), "yesterday", ""):
        assert client.get("/contacts", headers={**BASIC, "If-Modified-Since": other}).status_code == 200
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 2_000_000_000)
    save(services, people.acme, replace(people.bert, listed=False))
    gone = client.get("/contacts", headers=held)
    assert gone.status_code == 200
    assert gone.headers["Last-Modified"] != date
    assert b"bert" not in gone.data


def test_date_of_an_unsettled_second_is_never_enough(services: Services, client: FlaskClient, people: People) -> None:
    """Two changes in one second have one date: what was fetched between them is not taken for what is there later."""
    between = client.get("/contacts", headers=BASIC)
    held = {**BASIC, "If-Modified-Since": between.headers["Last-Modified"]}
    assert client.get("/contacts", headers=held).status_code == 200
    save(services, people.acme, replace(people.bert, listed=False))
    assert client.get("/contacts", headers=held).status_code == 200
    assert create_app(later(services)).test_client().get("/contacts", headers=held).status_code == 200


def test_date_moves_when_a_book_or_a_setting_goes(services: Services, people: People) -> None:
    """No book is dated when another view is shown or a setting changes; the date moves all the same."""
    principal_of = services.authentication.enter("acme~Anna.A", PASSWORD, "contacts")  # type: ignore[arg-type]
    dates = {
        later(services, seconds=60).contacts.state(principal_of.principal).date,
        later(services, seconds=60, own_entry=True).contacts.state(principal_of.principal).date,
    }
    assert len(dates) == 2


def test_last_modified_is_in_the_past(client: FlaskClient, people: People) -> None:
    """The date is one that HTTP allows: never after now."""
    date = parse_date(client.get("/contacts", headers=BASIC).headers["Last-Modified"])
    assert date is not None
    assert date.timestamp() <= time.time()


def test_challenge_when_nothing_was_sent(client: FlaskClient, people: People, lines: Lines) -> None:
    """Without credentials, with a malformed or foreign header, the client is asked for Basic."""
    headers = ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic /////w==", "Bearer abc", "Basic Og=="]
    for header in headers:
        answer = client.get("/contacts", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.get_json()["error"]["message"]
    assert len(lines.of("carddav_msg.web")) == len(headers)


def test_rejection_is_401_with_a_challenge(client: FlaskClient, people: People) -> None:
    """A wrong password is answered like a missing one, in JSON."""
    answer = client.get("/contacts?username=bert&password=wrong")
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/json")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_device_credential_opens_contacts(client: FlaskClient, people: People) -> None:
    """The cloud_password of the account opens the contacts, by query and by Basic."""
    sent = {"username": "bert", "password": "bert's password"}
    account = client.post("/provisioning", data=sent, headers={"Accept": "application/json"}).get_json()["account"]
    basic = base64.b64encode(f"{account['cloud_login']}:{account['cloud_password']}".encode()).decode()
    assert names(client.get("/contacts", headers={"Authorization": f"Basic {basic}"})) == ["Anna Ä"]


def test_the_packed_document_is_the_plain_one(client: FlaskClient, people: People) -> None:
    """Who takes gzip gets the same contacts with the same validators, each viewer without the own entry."""
    for sent in ({"username": "Anna.A", "password": PASSWORD}, {"username": "bert", "password": "bert's password"}):
        plain = client.get("/contacts", query_string=sent)
        packed = client.get("/contacts", query_string=sent, headers={"Accept-Encoding": "gzip"})
        assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
        assert gzip.decompress(packed.data) == plain.data
        for name in ("ETag", "Last-Modified", "Vary", "Content-Type"):
            assert packed.headers[name] == plain.headers[name]
        assert "Accept-Encoding" in packed.headers["Vary"]


def test_head_reads_no_contact(services: Services, people: People) -> None:
    """HEAD has the headers of GET, and nothing is read for a body that nobody gets."""
    reads = Reads(services.directory)
    client = create_app(later(services, directory=reads)).test_client()
    for headers in (BASIC, {**BASIC, "Accept-Encoding": "gzip"}):
        reads.asked.clear()
        answer = client.head("/contacts", headers=headers)
        assert (answer.status_code, answer.data, reads.asked) == (200, b"", [])
        whole = client.get("/contacts", headers=headers)
        for name in ("ETag", "Last-Modified", "Vary", "Content-Type", "Content-Encoding"):
            assert answer.headers.get(name) == whole.headers.get(name)
        assert answer.headers.get("Content-Length") in (None, str(len(whole.data)))
