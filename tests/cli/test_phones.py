"""`carddav-msg user devices`, `codes`, `revoke`, `unrevoke` and `qr`."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path
from urllib.parse import unquote

import pytest
import segno

from carddav_msg import bootstrap
from carddav_msg.services.authentication import Face, Moment
from carddav_msg.settings import PREFIX, Settings
from tests.cli.conftest import Command


def sign_in(settings: Settings, secret: str, device: str = "", login: str = "acme~anna") -> str:
    """What a phone does; returns its device credential."""
    services = bootstrap.build(settings)
    try:
        visitor = services.authentication.enter(login, secret, Face.PROVISIONING, moment=Moment.INITIAL)
        account = services.provisioning.account(visitor.principal, visitor.session_epoch, secret, device=device)
        return dict(account.nodes)["cloud_password"]
    finally:
        services.close()


def scanned(text: str) -> tuple[str, str, str]:
    """(login, secret, Cloud ID) of the text of a QR code, read as an app reads it."""
    scheme, _, rest = text.partition(":")
    assert scheme == "csc"
    credentials, _, cloud_id = rest.rpartition("@")
    login, _, secret = credentials.partition(":")
    return unquote(login), unquote(secret), cloud_id


def svg_of(text: str) -> bytes:
    """The picture of a text, as the file has to be."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=8, light="white")
    return out.getvalue()


def test_devices_are_listed_revoked_and_let_in_again(acme: Command, settings: Settings) -> None:
    """The list names what `revoke --device` takes; a mistyped one is refused with a sentence."""
    assert "No phone" in acme("user", "devices", "acme", "anna").stderr
    sign_in(settings, "secret-a", "phone-1")
    (device,) = acme.json("user", "devices", "acme", "anna")
    assert (device["device"], device["revoked"], device["signed_out"]) == ("phone-1", False, False)
    assert device["first_seen"].endswith("Z")
    assert "phone-2" in acme.fails("user", "revoke", "acme", "anna", "--device", "phone-2")
    acme.ok("user", "revoke", "acme", "anna", "--device", "phone-1")
    assert acme.json("user", "devices", "acme", "anna")[0]["revoked"] is True
    acme.ok("user", "unrevoke", "acme", "anna", "--device", "phone-1")
    assert "phone-1" in acme.ok("user", "devices", "acme", "anna")
    assert "1 device of acme~anna signed out" in acme.ok("user", "revoke", "acme", "anna")
    assert acme.json("user", "devices", "acme", "anna")[0]["signed_out"] is True
    acme.fails("user", "revoke", "acme", "anna", "--device", "x", "--codes", code=2)


def test_a_code_is_shown_once_and_signs_a_phone_in(acme: Command, settings: Settings) -> None:
    """The text of the QR code carries login, code and app; the list of codes never does."""
    made = acme.json("user", "qr", "acme", "anna")
    login, secret, cloud_id = scanned(made["text"])
    assert (login, secret, cloud_id) == ("anna", made["code"], "ACME1")
    assert sign_in(settings, secret).startswith("d1.")
    (listed,) = acme.json("user", "codes", "acme", "anna")
    assert listed["state"] == "enrols"
    assert secret not in acme.ok("user", "codes", "acme", "anna")
    assert "1 sign-in code of acme~anna revoked" in acme.ok("user", "revoke", "acme", "anna", "--codes")
    assert acme.json("user", "codes", "acme", "anna")[0]["state"] == "revoked"


def test_qr_in_the_terminal_and_in_files(acme: Command, tmp_path: Path) -> None:
    """Half blocks in the terminal, with the code to type below; files that only their owner reads."""
    shown = acme.ok("user", "qr", "acme~anna")
    assert "▄" in shown
    assert "qr-" in shown
    svg, png = tmp_path / "anna.svg", tmp_path / "anna.png"
    made = acme.json("user", "qr", "anna", "--svg", str(svg), "--png", str(png))
    assert svg.read_bytes() == svg_of(made["text"])
    assert png.read_bytes().startswith(b"\x89PNG")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (svg, png)} == {0o600}


def test_awkward_user_names_are_percent_encoded(acme: Command) -> None:
    """Everything that the text itself uses, and what is not ASCII."""
    name = "jan+é%*@corp.example"
    acme.ok("user", "add", "acme", name, "--display-name", "Jan", "--no-password")
    text = acme.json("user", "qr", "acme", name)["text"]
    assert scanned(text)[0] == name
    assert not set(text.partition(":")[2].rpartition("@")[0]) - set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%:"
    )


def test_qr_of_a_network(acme: Command, settings: Settings, tmp_path: Path) -> None:
    """A folder for its owner with a picture for each enabled user, a table for mail merge, and a sheet to print."""
    acme.ok("user", "add", "acme", "bert", "--display-name", "<b>Bert & Söhne</b>", "--no-password")
    acme.ok("user", "add", "acme", "gone", "--display-name", "Gone", "--no-password", "--disabled")
    out = tmp_path / "codes"
    said = acme.ok("user", "qr", "--network", "acme", "--out", str(out), "--format", "svg", "--note", "Scan <me>.")
    assert "2 sign-in codes" in said
    with (out / "sign-in.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["cloud_username"], row["login"]) for row in rows] == [("anna", "acme~anna"), ("bert", "acme~bert")]
    for row in rows:
        assert (out / row["qr_file"]).read_bytes() == svg_of(row["text"])
        assert sign_in(settings, scanned(row["text"])[1], login=row["login"])
    sheet = (out / "sheet.html").read_text("utf-8")
    assert "&lt;b&gt;Bert &amp; Söhne&lt;/b&gt;" in sheet
    assert "Scan &lt;me&gt;." in sheet
    assert sheet.count("<svg") == 2
    assert not [word for word in ("http:", "https:", "src=", "href=", "url(", "@import", "<script") if word in sheet]
    assert rows[1]["code"].replace("-", "") in sheet.replace("</span>-<wbr><span>", "").replace("<span>", "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*.*")} == {0o600}
    assert "not empty" in acme.fails("user", "qr", "--network", "acme", "--out", str(out))


def test_what_qr_can_not_do(acme: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a sentence that says what to do, and nothing is made."""
    acme.fails("user", "qr", code=2)
    acme.fails("user", "qr", "--network", "acme", code=2)
    acme.fails("user", "qr", "acme", "anna", "--out", str(tmp_path / "x"), code=2)
    acme.ok("network", "add", "bare")
    acme.fails("user", "qr", "anna", code=2)
    acme.ok("user", "add", "bare", "carl", "--display-name", "Carl", "--no-password")
    assert "network set bare --cloud-id" in acme.fails("user", "qr", "bare", "carl")
    acme.ok("network", "set", "acme", "--cloud-id", "ACME1", "--cloud-id", "ACME2")
    assert "ACME1, ACME2" in acme.fails("user", "qr", "acme", "anna")
    assert acme.json("user", "qr", "acme", "anna", "--cloud-id", "acme2")["text"].endswith("@ACME2")
    acme.ok("user", "disable", "acme", "anna")
    assert "disabled" in acme.fails("user", "qr", "acme", "anna", "--cloud-id", "ACME1")
    assert "no enabled users" in acme.fails("user", "qr", "--network", "acme", "--out", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
    monkeypatch.setenv(f"{PREFIX}DEVICE_CREDENTIALS", "false")
    assert "device_credentials" in acme.fails("user", "qr", "acme", "anna", "--cloud-id", "ACME1")
