"""`carddav-msg allowlist`: what the lists of addresses mean for one."""

from __future__ import annotations

import click

from carddav_msg.cli import output
from carddav_msg.cli.options import json_option
from carddav_msg.cli.state import State, pass_state
from carddav_msg.domain.proxies import parse_address


@click.group()
def allowlist() -> None:
    """Addresses: what External Authentication and throttling do with one."""


@allowlist.command()
@click.argument("address")
@json_option
@pass_state
def test(state: State, address: str, as_json: bool) -> None:
    """Say what the settings mean for ADDRESS; exit code 1 when External Authentication does not answer it."""
    from carddav_msg import bootstrap  # heavy: the services with all they need

    parsed = parse_address(address)
    if parsed is None:
        raise click.BadParameter(f"{address!r} is no IP address.", param_hint="ADDRESS")
    settings = state.settings
    listed = str(parsed) in bootstrap.sources(settings, "auth_allowed_sources")
    shared = str(parsed) in bootstrap.sources(settings, "shared_sources")
    answered = settings.auth_access == "open" or listed
    facts: dict[str, str | bool] = {
        "address": str(parsed),
        "external_authentication": answered,
        "auth_access": settings.auth_access,
        "in_auth_allowed_sources": listed,
        "in_shared_sources": shared,
        "address_is_throttled": not listed and not shared,
        "in_trusted_proxies": str(parsed) in bootstrap.sources(settings, "trusted_proxies"),
    }
    if as_json:
        output.as_json(facts)
    else:
        output.pairs(
            [
                ("Address", facts["address"]),
                ("External Authentication answers", answered),
                ("auth_access", settings.auth_access),
                ("In auth_allowed_sources", listed),
                ("In shared_sources", shared),
                ("Bounded by throttle_address", facts["address_is_throttled"]),
                ("In trusted_proxies", facts["in_trusted_proxies"]),
            ]
        )
    if not answered:
        click.get_current_context().exit(1)
