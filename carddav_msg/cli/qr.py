"""`carddav-msg user qr`: QR codes with which phones sign in, for one user or for a whole network."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from carddav_msg.cli import output
from carddav_msg.cli.durations import shown_time
from carddav_msg.cli.failures import Failure
from carddav_msg.cli.options import complete_networks, complete_usernames, json_option
from carddav_msg.cli.progress import Meter
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.identifiers import split_login
from carddav_msg.formats.sign_in_sheet import CARDS, SignInCard, sheet

if TYPE_CHECKING:
    from segno import QRCode

    from carddav_msg.services.administration.codes import Invitation

_COLUMNS: Final = ("cloud_username", "login", "user_name", "display_name", "app", "code", "qr_file", "text", "expires")
_SCALE: Final = 8
_NOTE: Final = "Open the app and scan this code to sign in."


@click.command()
@click.argument("network", required=False, shell_complete=complete_networks)
@click.argument("username", required=False, shell_complete=complete_usernames)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write an SVG file.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a PNG file.")
@click.option("--cloud-id", default="", help="Which app it is for, when the network has several.")
@click.option("--network", "of_network", shell_complete=complete_networks, help="All enabled users of this network.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --network: the new folder for QR codes, sign-in.csv (mail merge) and sheet.html (to print).",
)
@click.option("--format", "form", type=click.Choice(("png", "svg")), default="png", show_default=True, help="In DIR.")
@click.option(
    "--per-page", type=click.Choice([str(count) for count in CARDS]), default="8", help="Cards on a page of the sheet."
)
@click.option("--note", default=_NOTE, help="The sentence on each card of the sheet.")
@json_option
@pass_state
def qr(
    state: State,
    network: str | None,
    username: str | None,
    svg: Path | None,
    png: Path | None,
    cloud_id: str,
    of_network: str | None,
    out: Path | None,
    form: str,
    per_page: str,
    note: str,
    as_json: bool,
) -> None:
    """Make a sign-in code for a user and show it as a QR code: NETWORK USERNAME, or NETWORK~USERNAME.

    It holds no password. It waits some days for its first use (code_days), then enrols phones for some minutes
    (code_minutes); see `user codes` and `user revoke --codes`. Whoever sees it first can sign in as that user.
    """
    if network is None:
        if of_network is None or out is None or svg or png or as_json:
            raise click.UsageError("Name a user, or a network with --network and the folder for it with --out.")
        _write_network(state, of_network, cloud_id, out, form, int(per_page), note)
        return
    if out is not None:
        raise click.UsageError("--out is for a whole network, without a user name.")
    of, name = _meant(state, network, username, of_network)
    made = state.services.administration.codes.invite(of, name, cloud_id)
    drawn = _drawn(made)
    for path, kind in ((svg, "svg"), (png, "png")):
        if path:
            _save(drawn, path, kind, "wb")
    if as_json:
        output.as_json(dict(zip(_COLUMNS, _row(made, str(svg or png or "")), strict=True)))
        return
    if not (svg or png):
        _show(drawn)
    written = " and ".join(str(path) for path in (svg, png) if path)
    if written:
        output.done(f"Wrote {written}.")
    output.pairs(
        [
            ("User name", made.typed),
            ("Code", made.code),
            ("App", made.cloud_id),
            ("Waits until", shown_time(made.expires)),
        ]
    )


def _meant(state: State, network: str, username: str | None, of_network: str | None) -> tuple[str, str]:
    """(network, user) of what was given: both, a login, or a name where there is no doubt about the network."""
    if username is not None:
        if of_network is not None:
            raise click.UsageError("The network is given twice.")
        return network, username
    if of_network is not None:
        return of_network, network
    if parts := split_login(network):
        return parts
    networks = state.services.administration.networks.all()
    if len(networks) == 1:
        return networks[0].network_id, network
    raise click.UsageError(f"Whose {network!r}? Give NETWORK USERNAME.")


def _write_network(state: State, network: str, cloud_id: str, out: Path, form: str, per_page: int, note: str) -> None:
    services = state.services
    found = services.administration.networks.find(network)
    total = sum(user.enabled for user in services.administration.users.each(found))
    if not total:
        raise Failure([f"The network {found.network_id} has no enabled users."])
    pages = services.administration.codes.invite_all(network, cloud_id)
    if out.exists() and any(out.iterdir()):
        raise Failure([f"{out} is not empty. Give a new folder: what is in an old one may be codes that still work."])
    (out / "qr").mkdir(mode=0o700, parents=True, exist_ok=True)
    out.chmod(0o700)
    with ExitStack() as stack:
        table = csv.writer(stack.enter_context(_text(out / "sign-in.csv", "utf-8-sig")), lineterminator="\n")
        table.writerow(_COLUMNS)
        printed = stack.enter_context(_text(out / "sheet.html", "utf-8"))
        meter = stack.enter_context(Meter())
        meter.step("Making sign-in codes", total)

        def cards() -> Iterator[SignInCard]:
            number = 0
            for page in pages:
                for made in page:
                    number += 1
                    drawn = _drawn(made)
                    file = f"qr/{number:05}-{re.sub(r'[^A-Za-z0-9._@-]', '_', made.cloud_username)}.{form}"
                    _save(drawn, out / file, form, "xb")
                    table.writerow(_row(made, file))
                    until = f"{datetime.fromtimestamp(made.expires / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
                    element = drawn.svg_inline(omitsize=True, border=2, svgclass=None, lineclass=None)
                    yield SignInCard(made.display_name, made.typed, made.code, made.cloud_id, until, element)
                meter.advance(len(page))

        for piece in sheet(f"Sign-in codes of {found.name or found.network_id}", note, cards(), per_page):
            printed.write(piece)
    output.done(f"Wrote {total} sign-in codes to {out}: sheet.html to print, sign-in.csv for mail merge, and qr/.")
    output.warn("Whoever has these files can sign in as any of these users. Delete them when they are handed out.")


def _row(made: Invitation, file: str) -> tuple[str, ...]:
    return (
        made.cloud_username,
        made.login,
        made.typed,
        made.display_name,
        made.cloud_id,
        made.code,
        file,
        made.text,
        shown_time(made.expires),
    )


def _drawn(made: Invitation) -> QRCode:
    import segno  # heavy: only this command draws

    return segno.make(made.text, error="m", micro=False)


def _show(drawn: QRCode) -> None:
    """Draws in the terminal: with half blocks where it has them, else with blanks of two colours."""
    try:
        "▀▄█".encode(sys.stdout.encoding or "ascii")
        compact = True
    except UnicodeEncodeError:
        compact = False
    drawn.terminal(out=sys.stdout, border=2, compact=compact)


def _save(drawn: QRCode, path: Path, kind: str, mode: str) -> None:
    """A picture, which nobody else may read: it signs in."""
    with open(path, mode, opener=_private) as file:
        drawn.save(file, kind=kind, scale=_SCALE, light="white")


def _text(path: Path, encoding: str) -> IO[Any]:
    return open(path, "x", encoding=encoding, newline="", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
