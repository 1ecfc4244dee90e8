"""`carddav-msg audit` and `card`: who changed what, and putting it back."""

from __future__ import annotations

import csv
import io
import json
import os
import pwd
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.cli.actor import actor
from carddav_msg.domain.access import Principal
from carddav_msg.domain.preconditions import Preconditions
from tests.cli.conftest import Command

ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


def vcard(uid: str, note: str) -> bytes:
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:X\r\nNOTE:{note}\r\nEND:VCARD\r\n".encode()


@pytest.fixture
def edited(acme: Command, services: Services) -> Command:
    """A shared book with a card that anna has overwritten and one that she has deleted."""
    acme.ok("book", "add", "acme", "team", "--everyone", "write")
    user = services.administration.users.find("acme", "anna")[1]
    anna = Principal(user.id, user.network, "acme~anna", address="192.0.2.1")
    book = services.addressbooks.book(anna, "team")
    assert book is not None
    for href, note in (("a.vcf", "one"), ("a.vcf", "two"), ("b.vcf", "gone")):
        services.addressbooks.put(anna, book, href, vcard(href, note), Preconditions())
    services.addressbooks.delete(anna, book, "b.vcf", Preconditions())
    return acme


def test_the_actor_is_the_account_and_where_it_is_used_from() -> None:
    """Behind sudo also the person; nothing that a terminal would obey."""
    plain = actor({})
    assert (plain.name, plain.face) == (ACCOUNT, "cli")
    assert plain.address
    remote = actor({"SSH_CONNECTION": "192.0.2.7 1 192.0.2.8 22", "SUDO_USER": "ann\x1b[2J"})
    assert (remote.name, remote.address) == (f"ann?[2J as {ACCOUNT}", "192.0.2.7")


def test_list_shows_a_difference(edited: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who, from where, what, and lines of before and after."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 1 192.0.2.8 22")
    edited.ok("user", "set", "acme", "anna", "--title", "Boss", "--unlisted")
    newest, *difference = edited.ok("audit", "list", "--limit", "1").splitlines()
    assert newest.split("  ", 1)[1] == f"{ACCOUNT} (cli, 192.0.2.7)  user changed: user acme~anna"
    assert difference == ["    - listed: true", "    + listed: false", '    + title: "Boss"']
    card = edited.ok("audit", "list", "--subject", "a.vcf", "--limit", "1")
    assert card.splitlines()[0].endswith("acme~anna (carddav, 192.0.2.1)  card changed: card acme/team/a.vcf")
    assert card.splitlines()[1:] == ["    - NOTE:one", "    + NOTE:two"]


def test_list_filters(edited: Command) -> None:
    """By network, login, subject and time; as JSON with the values themselves."""
    assert {e["subject"] for e in edited.json("audit", "list", "--user", "acme~anna")} == {
        "card acme/team/a.vcf",
        "card acme/team/b.vcf",
        "book acme~anna/personal",
    }
    assert edited.json("audit", "list", "--network", "acme", "--since", "1h", "--limit", "2")[0]["after"] is None
    assert edited.json("audit", "list", "--since", "2099-01-01") == []
    assert "Nothing of this kind" in edited("audit", "list", "--since", "2099-01-01T00:00:00+02:00").stderr
    assert "--limit shows more" in edited("audit", "list", "--limit", "1").stderr
    assert "neither a span" in edited.fails("audit", "list", "--since", "soon", code=2)
    assert "no network 'nope'" in edited.fails("audit", "list", "--network", "nope")


def test_secrets_are_named_only(acme: Command) -> None:
    """The password of a new user is not in the audit; that there is one is."""
    found = acme.json("audit", "list", "--subject", "acme~anna")
    assert [entry["action"] for entry in found] == ["password changed", "user added"]
    assert "secret-a" not in json.dumps(found)


def test_keys_are_audited(acme: Command) -> None:
    """A database gets its keys once, and by whom."""
    keys = acme.json("audit", "list", "--subject", "key ")
    assert {entry["action"] for entry in keys} == {"key added"}


def test_export(edited: Command, tmp_path: Path) -> None:
    """All of it, as lines of JSON or as CSV, to a file or a pipe."""
    everything = edited.json("audit", "list")
    assert list(map(json.loads, edited.ok("audit", "export", "-").splitlines())) == everything
    file = tmp_path / "audit.csv"
    assert edited.ok("audit", "export", str(file), "--format", "csv") == ""
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"), newline="")))
    assert [row["subject"] for row in rows] == [entry["subject"] for entry in everything]
    some = edited.ok("audit", "export", "-", "--subject", "b.vcf")
    assert [json.loads(line)["action"] for line in some.splitlines()] == ["card deleted", "card added"]


def test_history_and_restore(edited: Command, services: Services) -> None:
    """Versions of all cards of a book or of one; a restored card says what it is now."""
    deleted, overwritten = edited.json("card", "history", "acme", "team")
    assert (deleted["href"], deleted["action"], deleted["actor"]) == ("b.vcf", "deleted", "acme~anna")
    assert [v["version"] for v in edited.json("card", "history", "acme", "team", "a.vcf")] == [overwritten["version"]]
    assert edited.ok("card", "history", "acme", "team").splitlines()[1].split()[0] == str(deleted["version"])
    assert "--limit shows more" in edited("card", "history", "acme", "team", "--limit", "1").stderr
    assert "is back" in edited.ok("card", "restore", str(deleted["version"]))
    assert "as before" in edited.ok("card", "restore", str(overwritten["version"]))
    assert "already" in edited.ok("card", "restore", str(overwritten["version"]))
    book = services.administration.books.find("acme", "team").book
    assert {row.href: "NOTE:one" in row.text for _, row in services.directory.texts(book, 0, 9)} == {
        "a.vcf": True,
        "b.vcf": False,
    }
    newest = edited.json("audit", "list", "--limit", "1")[0]
    assert (newest["actor"], newest["face"], newest["action"]) == (ACCOUNT, "cli", "card changed")


def test_history_refuses(edited: Command) -> None:
    """Books without history and versions that are none."""
    assert "personal books have no history" in edited.fails("card", "history", "acme", "personal")
    assert "no version 4711" in edited.fails("card", "restore", "4711")
    assert "no kept versions" in edited("card", "history", "acme", "directory").stderr
