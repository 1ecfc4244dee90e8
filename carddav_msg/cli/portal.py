"""`carddav-msg portal`: what to paste into the vendor's portal, and what to do before going live."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import json_option, network_argument
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.network import Network
from carddav_msg.formats.portal import Portal
from carddav_msg.formats.portal import portal as portal_texts
from carddav_msg.settings import Settings

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_WARNING: Final = (
    "Warning: with GET the passwords stand in the query of the address, and addresses end up in the logs of every "
    "proxy on the way. The shipped nginx.conf and Caddyfile keep them out of theirs. Use POST where the portal has it."
)


@click.command()
@network_argument
@click.option("--get", is_flag=True, help="For a portal without POST: everything in the query.")
@json_option
@pass_state
def portal(state: State, network: str, get: bool, as_json: bool) -> None:
    """Print what to paste into the vendor's portal for the app of NETWORK, and the checklist before going live."""
    found = state.services.administration.networks.find(network)
    texts = portal_texts(state.settings.public_url.rstrip("/"), found.cloud_ids, get=get)
    checklist = _checklist(state.settings, found)
    if get:
        output.warn(_WARNING)
        if found.credentials_in_query == "refuse":
            output.warn(
                f"{found.network_id} refuses passwords in the query: --credentials-in-query warn would take them."
            )
    if as_json:
        output.as_json(
            {
                "services": [{"name": s.name, "settings": dict(s.settings())} for s in texts.services()],
                "carddav": dict(texts.carddav.settings()),
                "checklist": [{"done": done, "text": text} for done, text in checklist],
            }
        )
        return
    _show(texts)
    click.echo("Before going live")
    for done, text in checklist:
        click.echo(f"  [{ {True: 'x', False: '!', None: ' '}[done] }] {text}")


def _show(texts: Portal) -> None:
    for service in texts.services():
        click.echo(service.name)
        for name, value in service.settings():
            click.echo(f"  {name}: {value}")
        click.echo()
    click.echo("CardDAV (instead of Web Service Contacts, or beside it)")
    for name, value in texts.carddav.settings():
        click.echo(f"  {name}: {value}")
    click.echo()


def _checklist(settings: Settings, network: Network) -> list[tuple[bool | None, str]]:
    """(done, what): True or False for what can be seen from here, None for what only people can know."""
    parts = urlsplit(settings.public_url)
    public = parts.scheme == "https" and parts.hostname not in _LOOPBACK
    name = network.network_id
    return [
        (public, f"public_url is an https address that phones and the SSO server reach (now {settings.public_url})"),
        (
            bool(network.cloud_ids),
            f"the network has the Cloud ID of its app: carddav-msg network set {name} --cloud-id ID",
        ),
        (bool(network.sip_host), f"the network has its SIP host: carddav-msg network set {name} --sip-host HOST"),
        (not network.omit_network_id, "provisioning sends networkId (--no-omit-network-id)"),
        (
            settings.auth_access == "closed" and bool(settings.auth_allowed_sources),
            'auth_access is "closed", and auth_allowed_sources has the addresses of the SSO server, as the vendor told'
            " them, and that of this machine, for doctor",
        ),
        (None, "the vendor has configured the iOS notification extension in the app"),
        (None, f"the keys file is copied to a place apart from the database: {settings.keys_file}"),
        (None, "the database is backed up, and a restore was tried once"),
        (
            None,
            "the proxy keeps query strings out of its access and error logs (config/nginx.conf, config/Caddyfile)",
        ),
        (None, f"carddav-msg doctor --url {settings.public_url} --network {name} finds nothing"),
        (None, "two phones, signed in as two users, exchanged a message each way"),
    ]
