"""`carddav-msg doctor`: a running server examined from outside."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from carddav_msg import __version__
from carddav_msg.cli import output
from carddav_msg.cli.options import complete_networks, json_option
from carddav_msg.cli.progress import Meter
from carddav_msg.cli.state import State, pass_state

if TYPE_CHECKING:
    from carddav_msg.doctor.findings import Finding
    from carddav_msg.domain.network import Network

_SAMPLE = 50


@click.command()
@click.option("--url", required=True, help="The address as phones know it, such as https://contacts.example.com.")
@click.option("--network", shell_complete=complete_networks, help="Only this network (default: all of them).")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Believe the authority in this PEM file, and no other (default: those of this machine, or SSL_CERT_FILE).",
)
@json_option
@pass_state
def doctor(state: State, url: str, network: str | None, ca: Path | None, as_json: bool) -> None:
    """Examine the running server at a URL as the app and the SSO server would, and say how to mend what is wrong.

    Runs on the server's machine: it plays every user with a credential that ends within the hour, and the audit has an
    entry about that. Exit code 1 when something is wrong.
    """
    with Meter() as meter:
        found = _examine(state, _checked(url), network, _trusting(ca), meter)
        findings = list(found)
    if as_json:
        output.as_json([{"network": place, **asdict(finding)} for place, finding in findings])
    else:
        rows = [(place, f.check, f.ok, f.text, f.fix) for place, f in findings]
        output.table(("Network", "Check", "", "What was seen", "What to do"), rows, empty="")
    if wrong := sum(not finding.ok for _, finding in findings):
        output.warn(f"{wrong} of {len(findings)} checks found something.")
        raise click.exceptions.Exit(1)


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise click.BadParameter(f"{ca} has no certificate in PEM form.", param_hint="--ca") from None


def _examine(
    state: State, url: str, only: str | None, context: ssl.SSLContext, meter: Meter
) -> Iterator[tuple[str, Finding]]:
    """(Network ID or "", finding) of every check."""
    from carddav_msg.doctor import network as networks
    from carddav_msg.doctor import server
    from carddav_msg.doctor.findings import bad
    from carddav_msg.probe.transport import Http, Unreachable, Untrusted

    services = state.services
    administration = services.administration.networks
    chosen: list[Network] = [administration.find(only)] if only else administration.all()
    ask = Http(agent=f"carddav-msg-doctor/{__version__}", context=context)
    site = networks.Site(url, ask, services.renderer.names)
    try:
        meter.step("Asking the server", None)
        for finding in server.examine(site.ask, url, state.settings.public_url.rstrip("/"), context):
            yield "", finding
        for network in chosen:
            probes = list(services.probing.each(network))
            meter.step(f"Signing in to {network.network_id}", None)
            for finding in networks.examine(site, network, probes[:_SAMPLE]):
                yield network.network_id, finding
            if probes:
                meter.step(f"Comparing the users of {network.network_id}", len(probes))
                views = {view.book: view.view for view in services.directory.directory_books(network.id)}
                for finding in networks.promise(site, network, probes, views, meter.advance):
                    yield network.network_id, finding
    except Untrusted as error:
        yield "", server.untrusted(error)
    except Unreachable as unreachable:
        yield "", bad("reachable", f"{url}: {unreachable}", "Start the server, or look at address, firewall and proxy")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise click.BadParameter("a URL such as https://contacts.example.com, without a path.", param_hint="--url")
    return f"{parts.scheme}://{parts.netloc}"
