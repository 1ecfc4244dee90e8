"""Where a request really comes from: the walk through the proxies in front of us, and lists of addresses.

A header that any client can send says something only when a trusted peer sent it, so the walk goes from the peer
outwards and ends at the first hop that is not trusted or can't be read (RFC 7239 §5, §8.1).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from carddav_msg.errors import InvalidValue

Address = IPv4Address | IPv6Address
UNIX: Final = "unix"
"""How a peer on a Unix socket is listed; such a peer has no address."""
NOT_LISTED: Final = "This address is not on the allow-list."
"""What an address is told that may not ask."""
FORWARDED: Final = "forwarded"
FORWARDED_FOR: Final = "x-forwarded-for"
_HOPS = 32  # a longer chain is nobody's
_FORWARDING: Final = frozenset(
    {"HTTP_FORWARDED", "HTTP_X_REAL_IP"}
    | {
        f"HTTP_X_FORWARDED_{what}"
        for what in ("BY", "FOR", "HOST", "PORT", "PREFIX", "PROTO", "SCHEME", "SERVER", "SSL")
    }
)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s";,]+)\s*\Z')


@lru_cache(maxsize=16_384)
def parse_address(text: str) -> Address | None:
    """The address of a text such as `203.0.113.7`, `203.0.113.7:4711`, `[2001:db8::1]:443`; None for anything else.

    An IPv4 address in IPv6 clothes (`::ffff:203.0.113.7`) is the IPv4 address; a zone (`fe80::1%eth0`) is left out.
    """
    text = text.strip()
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not re.fullmatch(r":[0-9]{1,5}", port)):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not re.fullmatch(r"[0-9]{1,5}", port):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_loopback(text: str) -> bool:
    """True for an address of this machine alone, and for the name `localhost`."""
    address = parse_address(text)
    return text == "localhost" or (address is not None and address.is_loopback)


class Sources:
    """A list of addresses and ranges (CIDR), and perhaps peers on a Unix socket."""

    def __init__(self, texts: Iterable[str], field: str = "sources", *, unix: bool = False) -> None:
        """InvalidValue names what is no address, no range, or has bits set behind its prefix."""
        self._ranges: list[IPv4Network | IPv6Network] = []
        self.unix = False
        for text in texts:
            if unix and text.lower() == UNIX:
                self.unix = True
                continue
            try:
                self._ranges.append(_mapped(ip_network(text)))
            except ValueError:
                also = f" or `{UNIX}`" if unix else ""
                raise InvalidValue(field, f"{text!r} is no address or range such as 192.0.2.0/24{also}.") from None
        self._cached = lru_cache(maxsize=16_384)(self._has)

    def __bool__(self) -> bool:
        return bool(self._ranges) or self.unix

    def __contains__(self, text: str) -> bool:
        """True for an address in one of the ranges; for the empty address of a Unix socket if that is listed."""
        return self._cached(text)

    def _has(self, text: str) -> bool:
        if not text:
            return self.unix
        address = parse_address(text)
        return address is not None and any(address in range_ for range_ in self._ranges)


def _mapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """A range of IPv4 addresses in IPv6 clothes as what it is."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


@lru_cache(maxsize=16_384)
def address_key(text: str) -> str:
    """Whom an address stands for when tries are counted: itself, of IPv6 its /64, which one customer has alone."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address) if address else ""


@lru_cache(maxsize=16_384)
def place_of(text: str) -> str:
    """The surroundings that a phone keeps coming from: its /24, of IPv6 its /64; empty for no address."""
    address = parse_address(text)
    if address is None:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: `address` (empty: a Unix socket), `scheme` and `host` as the client used them.

    `scheme_told` says that a trusted proxy named the scheme; `doubtful` that a peer without trust sent such headers;
    `unix` that the peer came over a Unix socket.
    """

    address: str
    scheme: str
    host: str
    scheme_told: bool = False
    doubtful: bool = False
    unix: bool = False


class Proxies:
    """Reads the headers of the proxies in front of us.

    `header` names the one that carries the client's address: `X-Forwarded-For` and `Forwarded` have chains, any other
    one (`CF-Connecting-IP`) an address. One alone is read, since a proxy that writes one passes the others on as they
    came. With `secret`, a peer has to send it in `secret_header` to be believed.
    """

    def __init__(self, trusted: Sources, header: str, *, secret_header: str = "", secret: str = "") -> None:
        self.trusted = trusted
        self._header = header.lower()
        self._variable = variable(header)
        self._secret_variable = variable(secret_header)
        self._secret = secret.encode()
        #: Names in the environ that no application behind us is to see.
        self.dropped = _FORWARDING | {self._variable, self._secret_variable}

    def origin(self, environ: Mapping[str, object]) -> Origin:
        """The origin of a request with this WSGI environ."""
        peer = _unified(str(environ.get("REMOTE_ADDR") or ""))
        scheme = str(environ.get("wsgi.url_scheme", "http")).lower()
        host = str(environ.get("HTTP_HOST", ""))
        if not self._is_trusted(peer, environ):
            return Origin(peer, scheme, host, doubtful=bool(environ.keys() & self.dropped), unix=not peer)
        chain = self._chain(environ)
        address, hops = peer, 0
        for hop, _, _ in reversed(chain[-_HOPS:]):
            parsed = parse_address(hop)
            if parsed is None:
                break
            address, hops = str(parsed), hops + 1
            if address not in self.trusted:
                break
        _, told_scheme, told_host = chain[-max(hops, 1)] if chain else ("", "", "")
        if self._header != FORWARDED:
            told_scheme = _of_hop(environ.get("HTTP_X_FORWARDED_PROTO"), hops)
            told_host = _of_hop(environ.get("HTTP_X_FORWARDED_HOST"), hops)
        told_scheme = told_scheme.lower()
        return Origin(
            address,
            told_scheme if told_scheme in ("http", "https") else scheme,
            told_host if _HOST.match(told_host) else host,
            scheme_told=told_scheme in ("http", "https"),
            unix=not peer,
        )

    def _is_trusted(self, peer: str, environ: Mapping[str, object]) -> bool:
        if peer not in self.trusted:
            return False
        sent = str(environ.get(self._secret_variable, "")).encode("latin-1", "replace")
        return not self._secret or hmac.compare_digest(sent, self._secret)

    def _chain(self, environ: Mapping[str, object]) -> list[tuple[str, str, str]]:
        """(address, scheme, host) of each hop, the nearest last."""
        text = str(environ.get(self._variable, ""))
        if not text.strip():
            return []
        if self._header == FORWARDED:
            return [_element(element) for element in _split(text, ",")]
        if self._header == FORWARDED_FOR:
            return [(hop, "", "") for hop in text.split(",")]
        return [(text, "", "")]


def variable(header: str) -> str:
    """The name of a header in a WSGI environ."""
    return "HTTP_" + header.upper().replace("-", "_")


@lru_cache(maxsize=16_384)
def _unified(peer: str) -> str:
    address = parse_address(peer)
    return str(address) if address else peer


def _of_hop(value: object, hops: int) -> str:
    """What the outermost trusted proxy said; a proxy that writes one value for all stands for all."""
    values = [part.strip() for part in str(value or "").split(",")]
    return values[-min(max(hops, 1), len(values))]


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside of quotes."""
    parts, begin, quoted, escaped = [], 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _element(text: str) -> tuple[str, str, str]:
    """(address, scheme, host) of a forwarded-element (RFC 7239 §4); all empty when it can't be read."""
    found = {"for": "", "proto": "", "host": ""}
    for part in _split(text, ";"):
        match = _PAIR.match(part)
        if match is None:
            return "", "", ""
        value = match[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[match[1].lower()] = value
    return found["for"], found["proto"], found["host"]
