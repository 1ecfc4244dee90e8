"""`carddav-msg export`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from tests.cli.conftest import Command

HOSTILE = 'Q"uote, comma;\n新しい行 🎉'


def fill(command: Command) -> None:
    """Two networks with a few users, one of them hostile to CSV."""
    command.ok("network", "add", "solo", "--single-tenant", "--cloud-id", "SOLO", "--domain", "a.example")
    command.ok(
        *("user", "add", "acme", "bert", "--display-name", HOSTILE, "--password", "secret-b", "--extension", "1000"),
        *("--mobile", "+12025550101", "--verified-number", "+12025550100", "--email", "b@acme.example"),
        *("--sms-number", "sinch:1202555", "--sms-number", "bandwidth:1202556", "--external-id", "B", "--unlisted"),
        *("--sip-username", "s1", "--no-messaging", "--disabled", "--note", "n", "--address", '{"city": "Brno"}'),
    )
    command.ok("user", "set", "acme", "bert", "--sip-password-stdin", stdin="sip-b\n")
    command.ok("grant", "add", "acme", "anna", "admin")
    command.ok("grant", "add", "acme", "bert", "admin", "--on", "solo")


def test_users_are_exported_without_secrets(acme: Command) -> None:
    """The columns of the import, one row for each user, no secret among them."""
    fill(acme)
    text = acme.ok("export", "users")
    rows = {row["cloud_username"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert rows["bert"]["display_name"] == HOSTILE
    assert rows["bert"]["sms_numbers"] == "sinch:1202555|bandwidth:1202556"
    assert (rows["anna"]["role"], rows["bert"]["role"]) == ("network_admin", "user")
    assert (rows["bert"]["enabled"], rows["bert"]["listed"], rows["bert"]["messaging"]) == ("no", "no", "no")
    assert not any("password" in column for column in rows["bert"])
    assert "secret" not in text
    assert "$argon2" not in text


def test_an_export_is_imported_again(acme: Command, tmp_path: Path) -> None:
    """Importing an export changes nothing where it came from, and gives the same export elsewhere."""
    fill(acme)
    networks, users = tmp_path / "networks.csv", tmp_path / "users.csv"
    acme.ok("export", "networks", "--output", str(networks))
    acme.ok("export", "users", "--output", str(users))
    for noun, file in (("networks", networks), ("users", users)):
        report = acme.json("import", noun, str(file))
        assert (report["added"], report["changed"]) == (0, 0)
    acme.ok("network", "remove", "acme", "--with-users", "--yes")
    acme.ok("network", "remove", "solo", "--yes")
    acme.ok("import", "networks", str(networks))
    acme.ok("import", "users", str(users))
    assert acme.ok("export", "networks") == networks.read_text("utf-8")
    assert acme.ok("export", "users") == users.read_text("utf-8")


def test_users_of_some_networks(acme: Command) -> None:
    """Networks that are named are exported alone, and an unknown one is refused before a file is touched."""
    fill(acme)
    assert acme.ok("export", "users", "solo").count("\n") == 1
    assert acme.ok("export", "users", "acme", "solo").count("\nacme,") == 2
    assert "no network 'nope'" in acme.fails("export", "users", "nope")


def test_a_file_is_replaced_only_as_a_whole(acme: Command, tmp_path: Path) -> None:
    """An export that fails leaves what was there, and a folder that is not there is named."""
    file = tmp_path / "users.csv"
    file.write_text("precious")
    acme.fails("export", "users", "nope", "-o", str(file))
    assert file.read_text() == "precious"
    assert "missing" in acme.fails("export", "networks", "-o", str(tmp_path / "missing" / "n.csv"))
