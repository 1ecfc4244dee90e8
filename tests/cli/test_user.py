"""`carddav-msg user`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.errors import Rejected
from carddav_msg.services.authentication import Face
from tests.cli.conftest import Command

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


def may_enter(services: Services, login: str, secret: str, face: Face = Face.CARDDAV) -> bool:
    """Whether the login with this secret is let in."""
    try:
        services.authentication.enter(login, secret, face)
    except Rejected:
        return False
    return True


def test_add_with_everything(acme: Command, tmp_path: Path, services: Services) -> None:
    """Every option of a user is stored in its normal form and shown, but no secret is."""
    acme.ok("network", "set", "acme", "--country", "CZ")
    photo = tmp_path / "photo.png"
    photo.write_bytes(PNG)
    acme.ok(
        *("user", "add", "acme", "Bob.B", "--display-name", "Bob", "--given-name", "Robert", "--family-name", "B"),
        *("--additional-name", "X", "--name-prefix", "Dr.", "--name-suffix", "Jr.", "--nickname", "Bobby"),
        *("--given-name-phonetic", "ro", "--additional-name-phonetic", "ex", "--family-name-phonetic", "bi"),
        *("--organisation", "Acme", "--department", "R&D", "--title", "Boss", "--note", "two\nlines"),
        *("--birthday", "1990-02-28", "--extension", "1000", "--mobile", "601 123 456"),
        *("--verified-number", "+12025550100", "--number", "work:Desk=+1 202 555 0101", "--number", "fax=123"),
        *("--email", "bob@acme.example", "--email", "home:b@home.example"),
        *("--address", '{"kind": "home", "street": "Main St 1", "country_code": "cz"}'),
        *("--sms-number", "sinch:+12025550102", "--photo", str(photo), "--external-id", "B-1"),
        *("--sip-username", "s1000", "--unlisted", "--no-messaging", "--password-stdin", "--sip-password-stdin"),
        stdin="secret-b\nsip-b\n",
    )
    shown = acme.json("user", "show", "acme", "bob.b")
    profile = shown.pop("profile")
    del shown["uid"]
    assert shown == {
        "login": "acme~Bob.B",
        "network_id": "acme",
        "cloud_username": "Bob.B",
        "external_id": "B-1",
        "sip_username": "s1000",
        "sms_numbers": [{"carrier": "sinch", "number": "12025550102"}],
        "enabled": True,
        "listed": False,
        "messaging": False,
        "view": "everyone",
        "messaging_identity": None,
        "password_set": True,
        "sip_password_set": True,
    }
    numbers = {(number["kind"], number["verified"]): number for number in profile["numbers"]}
    assert numbers["mobile", False]["e164"] == "+420601123456"
    assert numbers["work", False]["e164"] == "+12025550101"
    assert numbers["work", False]["label"] == "Desk"
    assert numbers["main", True]["entered"] == "+12025550100"
    assert [email["kind"] for email in profile["emails"]] == ["work", "home"]
    assert profile["addresses"][0]["country_code"] == "CZ"
    assert services.directory.photo(profile["photo"]["digest"]) == ("image/png", PNG)
    text = acme.ok("user", "show", "acme", "bob.b")
    assert "(Desk)" in text
    assert "secret-b" not in text + json.dumps(shown)
    assert may_enter(services, "acme~Bob.B", "secret-b")
    assert may_enter(services, "acme~anna", "secret-a", Face.EXTERNAL_AUTHENTICATION) is False


def test_add_takes_the_password_from_the_command_line_or_none(acme: Command, services: Services) -> None:
    """--password sets it, --no-password sets none, and no output repeats it."""
    said = acme.ok("user", "add", "acme", "b", "--display-name", "B", "--password", "secret-b")
    assert "secret-b" not in said
    assert may_enter(services, "acme~b", "secret-b")
    acme.ok("user", "add", "acme", "c", "--display-name", "C", "--no-password")
    assert acme.json("user", "show", "acme", "c")["password_set"] is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("ANNA", "--no-password"), "", "'anna'"),
        (("a:b", "--no-password"), "", "contains ':'"),
        (("b", "--password-stdin"), "", "nothing came"),
        (("b", "--password-stdin"), "\n", "password: is empty"),
        (("b", "--password-stdin"), "canary\x07\n", "password: contains a control character"),
        (("b", "--no-password", "--sip-username", "anna"), "", "SIP username 'anna'"),
        (("b", "--no-password", "--verified-number", "12"), "", "not an international number"),
        (("b", "--no-password", "--number", "cell=1"), "", "with a kind of"),
        (("b", "--no-password", "--email", "nobody"), "", "not an e-mail address"),
        (("b", "--no-password", "--email", "car:a@b.example"), "", "'car' is not one of"),
        (("b", "--no-password", "--address", "Main St"), "", "not a JSON object"),
        (("b", "--no-password", "--address", '{"planet": "Mars"}'), "", "not a JSON object"),
        (("b", "--no-password", "--sms-number", "1"), "", "carrier:number"),
        (("b", "--no-password", "--birthday", "31.12."), "", "YYYY-MM-DD"),
        (("b", "--no-password", "--avatar-url", "ftp://x"), "", "avatar_url"),
        (("b", "--no-password", "--display-name", " "), "", "display_name: is empty"),
    ],
)
def test_add_refuses(acme: Command, arguments: tuple[str, ...], stdin: str, sentence: str) -> None:
    """What breaks a rule is refused with a sentence that never shows a password, and nothing is stored."""
    said = acme.fails("user", "add", "acme", "--display-name", "B", *arguments, stdin=stdin)
    assert sentence in said
    assert "canary" not in said
    assert [user["cloud_username"] for user in acme.json("user", "list", "acme")] == ["anna"]


@pytest.mark.parametrize(("body", "sentence"), [(b"GIF89a", "neither a JPEG nor"), (PNG * 3000, "larger than 128 KiB")])
def test_add_refuses_a_photo(acme: Command, tmp_path: Path, body: bytes, sentence: str) -> None:
    """A photo has to be a JPEG or PNG and small."""
    photo = tmp_path / "photo"
    photo.write_bytes(body)
    arguments = ("user", "add", "acme", "b", "--display-name", "B", "--no-password", "--photo", str(photo))
    assert sentence in acme.fails(*arguments)


def test_add_needs_somebody_to_ask(acme: Command) -> None:
    """Without a terminal and without an option for the password, the command says which options there are."""
    said = acme.fails("user", "add", "acme", "b", "--display-name", "B", code=2)
    assert "--password-stdin or --no-password" in said
    both = ("--no-password", "--password", "x")
    assert "exclude each other" in acme.fails("user", "add", "acme", "b", "--display-name", "B", *both, code=2)


def test_list(acme: Command) -> None:
    """Users come by Cloud Username, in parts if there are many."""
    for name in ("Carl", "bert"):
        acme.ok("user", "add", "acme", name, "--display-name", f"{name}\nline", "--no-password", "--disabled")
    names = [user["cloud_username"] for user in acme.json("user", "list", "acme")]
    assert names == ["anna", "bert", "Carl"]
    result = acme("user", "list", "acme", "--limit", "2")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["Cloud", "anna", "bert"]
    assert "--after bert goes on" in result.stderr
    assert [user["cloud_username"] for user in acme.json("user", "list", "acme", "--after", "bert")] == ["Carl"]


def test_list_of_an_unknown_network(command: Command) -> None:
    """The sentence names the network."""
    assert "no network 'nope'" in command.fails("user", "list", "nope")


def test_show_of_an_unknown_user(acme: Command) -> None:
    """The sentence names user and network."""
    assert "no user 'nope' in the network 'acme'" in acme.fails("user", "show", "acme", "nope")


def test_set_changes_what_is_named_only(acme: Command) -> None:
    """Options that are not given leave their fields; '' empties; numbers are replaced by kind."""
    acme.ok("user", "set", "acme", "anna", "--title", "CEO", "--extension", "1", "--number", "work=2", "--unlisted")
    acme.ok("user", "set", "acme", "anna", "--extension", "3", "--number", "work=", "--email", "a@acme.example")
    shown = acme.json("user", "show", "acme", "anna")
    assert [(n["kind"], n["entered"]) for n in shown["profile"]["numbers"]] == [("extension", "3")]
    assert (shown["profile"]["title"], shown["listed"], shown["password_set"]) == ("CEO", False, True)
    acme.ok("user", "set", "acme", "anna", "--title", "", "--listed", "--email", "", "--extension", "")
    shown = acme.json("user", "show", "acme", "anna")
    assert (shown["profile"]["title"], shown["profile"]["numbers"], shown["profile"]["emails"]) == ("", [], [])
    assert shown["listed"] is True


def test_set_of_photo_urls(acme: Command) -> None:
    """Photos served elsewhere are set by URL and taken away again."""
    acme.ok(
        "user",
        "set",
        "acme",
        "anna",
        "--avatar-url",
        "https://x.example/a",
        "--large-avatar-url",
        "https://x.example/b",
    )
    photo = acme.json("user", "show", "acme", "anna")["profile"]["photo"]
    assert photo == {"url": "https://x.example/a", "large_url": "https://x.example/b", "digest": ""}
    acme.ok("user", "set", "acme", "anna", "--no-photo")
    assert not any(acme.json("user", "show", "acme", "anna")["profile"]["photo"].values())


def test_set_of_a_cloud_username_keeps_the_old_one_working(acme: Command, services: Services) -> None:
    """A renamed user signs in with either name and is shown by the new one."""
    acme.ok("user", "set", "acme", "anna", "--cloud-username", "Anna.N")
    assert acme.json("user", "show", "acme", "anna")["cloud_username"] == "Anna.N"
    assert may_enter(services, "acme~anna", "secret-a")
    assert may_enter(services, "acme~anna.n", "secret-a")


def test_set_of_the_sip_password(acme: Command, services: Services) -> None:
    """The SIP password is set from standard input, opens External Authentication, and is taken away again."""
    acme.ok("user", "set", "acme", "anna", "--sip-username", "s1", "--sip-password-stdin", stdin="sip-a\r\n")
    assert may_enter(services, "acme~anna", "sip-a") is False
    visitor = services.authentication.enter("s1", "sip-a", Face.EXTERNAL_AUTHENTICATION)
    assert visitor.cloud_username == "anna"
    acme.ok("user", "set", "acme", "anna", "--no-sip-password")
    assert acme.json("user", "show", "acme", "anna")["sip_password_set"] is False


def test_set_refuses(acme: Command) -> None:
    """Nothing to change, options that contradict each other, and names that are taken."""
    assert "Nothing to change" in acme.fails("user", "set", "acme", "anna", code=2)
    both = ("--sip-password-stdin", "--no-sip-password")
    assert "exclude" in acme.fails("user", "set", "acme", "anna", *both, code=2)
    acme.ok("user", "add", "acme", "bert", "--display-name", "B", "--no-password", "--external-id", "B")
    assert "'bert'" in acme.fails("user", "set", "acme", "anna", "--cloud-username", "BERT")
    assert "external id 'B'" in acme.fails("user", "set", "acme", "anna", "--external-id", "B")


def test_passwd(acme: Command, services: Services) -> None:
    """A new password counts at once and the old one no longer does."""
    assert may_enter(services, "acme~anna", "secret-a")
    said = acme.ok("user", "passwd", "acme", "anna", "--password-stdin", stdin="secret-2\n")
    assert "secret-2" not in said
    assert may_enter(services, "acme~anna", "secret-a") is False
    assert may_enter(services, "acme~anna", "secret-2")
    acme.ok("user", "passwd", "acme", "anna", "--no-password")
    assert may_enter(services, "acme~anna", "secret-2") is False


def test_passwd_of_an_unknown_user(acme: Command) -> None:
    """The user is looked for before a password is asked for."""
    assert "no user 'nope'" in acme.fails("user", "passwd", "acme", "nope")


def test_disable_and_enable(acme: Command, services: Services) -> None:
    """A disabled user is let in nowhere, and is back when enabled; doing it twice says so."""
    assert "is disabled now" in acme.ok("user", "disable", "acme", "anna")
    assert "is disabled already" in acme.ok("user", "disable", "acme", "anna")
    assert may_enter(services, "acme~anna", "secret-a") is False
    assert "is enabled now" in acme.ok("user", "enable", "acme", "anna")
    assert "is enabled already" in acme.ok("user", "enable", "acme", "anna")
    assert may_enter(services, "acme~anna", "secret-a")


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_enable_and_disable_of_an_unknown_user(acme: Command, verb: str) -> None:
    """The sentence names the user."""
    assert "no user 'nope'" in acme.fails("user", verb, "acme", "nope")


def test_remove_asks(acme: Command) -> None:
    """A user goes only after a yes."""
    assert "Nothing was changed." in acme.fails("user", "remove", "acme", "anna", stdin="n\n")
    acme.ok("user", "remove", "acme", "anna", stdin="y\n")
    assert "no user 'anna'" in acme.fails("user", "remove", "acme", "anna", "--yes")
