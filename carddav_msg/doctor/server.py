"""The server itself, before anybody signs in: TLS, readiness, discovery, the answer to wrong credentials."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from carddav_msg.doctor.findings import Finding, bad, good
from carddav_msg.formats.portal import FORM
from carddav_msg.probe.flows import message_of
from carddav_msg.probe.transport import Ask, Call, Unreachable, Untrusted

_RENEW: Final = 14
_RENEWED: Final = "Renew it, and let it be renewed by itself"
_CERTIFICATES: Final = {
    9: "Look at the clocks of both machines: it is not valid yet",
    10: _RENEWED,
    18: "Get one from an authority that phones know, such as Let's Encrypt",
    19: "Get one from an authority that phones know; one of your own is named with --ca",
    20: "Let the proxy send the whole chain (fullchain.pem); an authority of your own is named with --ca",
    21: "Let the proxy send the whole chain (fullchain.pem); an authority of your own is named with --ca",
    62: "Get one for this host name, or let the proxy show the one for it",
    64: "Ask for the host name that the certificate is for, not for an address",
}
"""What to do about a certificate, by OpenSSL's code."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_WELL_KNOWN: Final = "/.well-known/carddav"


def examine(ask: Ask, url: str, public_url: str, context: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """The checks that need no user; Unreachable when nobody answers at all, Untrusted when phones would not go on.

    `context` has the authorities that are believed (None: those of the machine).
    """
    yield _tls(url, context or ssl.create_default_context())
    yield _ready(ask, url)
    yield _public(url, public_url)
    yield _well_known(ask, url)
    yield _refusal(ask, url)


def untrusted(error: Untrusted) -> Finding:
    """What is wrong with the certificate. The examination ends there: secrets are not sent to whoever that is."""
    return bad("TLS", f"{error}", _CERTIFICATES.get(error.code, "Install a complete chain that phones accept"))


def _tls(url: str, context: ssl.SSLContext) -> Finding:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        if host in _LOOPBACK:
            return good("TLS", "Plain HTTP on this machine: look again at the address that phones use.")
        return bad("TLS", "The address is plain HTTP.", "Put config/nginx.conf or config/Caddyfile in front")
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate, version = secure.getpeercert() or {}, secure.version()
    except ssl.SSLCertVerificationError as error:
        raise Untrusted(error) from None
    except OSError as error:
        raise Unreachable(f"no connection to {host} ({type(error).__name__}: {error}).") from None
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86_400)
    if days < _RENEW:
        return bad("TLS", f"The certificate ends in {days} days.", _RENEWED)
    return good("TLS", f"{version}, the certificate is good for {days} days.")


def _ready(ask: Ask, url: str) -> Finding:
    reply = ask(Call("GET", f"{url}/readyz"))
    if reply.status == 200:
        return good("ready", "The server says that it can serve.")
    return bad("ready", f"{reply.status}: {reply.body[:300].decode('utf-8', 'replace')}", "Mend what it names")


def _public(url: str, public_url: str) -> Finding:
    if url == public_url:
        return good("public_url", "The setting is the address that was asked.")
    return bad(
        "public_url", f"The setting is {public_url}, asked was {url}.", f'Set public_url = "{url}", then rebuild'
    )


def _well_known(ask: Ask, url: str) -> Finding:
    fix = f"Let the proxy pass {_WELL_KNOWN} on to the server"
    reply = ask(Call("PROPFIND", url + _WELL_KNOWN, {"Depth": "0"}))
    place = urljoin(url, reply.headers.get("location", ""))
    if reply.status not in (301, 302, 307, 308) or place != f"{url}/dav/":
        return bad("well-known", f"{reply.status} {place}, not a redirect to {url}/dav/.", fix)
    options = ask(Call("OPTIONS", place))
    if "addressbook" not in options.headers.get("dav", ""):
        return bad("well-known", f"{place} does not say that it has address books (DAV header).", fix)
    return good("well-known", f"Clients find {place}.")


def _refusal(ask: Ask, url: str) -> Finding:
    """Wrong credentials of nobody: never 2xx, and a sentence that an app can show."""
    fix = "Let the proxy pass error answers on as they are"
    body = b"username=doctor-nobody&password=doctor-nobody"
    for path in ("/auth", "/provisioning", "/contacts"):
        reply = ask(Call("POST", url + path, {"Content-Type": FORM}, body))
        if reply.status not in (401, 403):
            return bad("refusal", f"Wrong credentials at {path}: {reply.status}.", fix)
        if message_of(reply).startswith("no message"):
            return bad("refusal", f"The refusal of {path} can't be read by an app.", fix)
    return good("refusal", "Wrong credentials are refused with a sentence.")
