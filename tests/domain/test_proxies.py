"""Where a request comes from: the walk through proxies, and lists of addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain.proxies import Proxies, Sources, address_key, is_loopback, parse_address, place_of
from carddav_msg.errors import InvalidValue

TRUSTED = Sources(["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48", "unix"], unix=True)


def told(header: str = "X-Forwarded-For", *, peer: str = "127.0.0.1", **headers: str) -> tuple[str, str, str]:
    """(address, scheme, host) of a request of a peer with these headers."""
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "inner:8080"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    origin = Proxies(TRUSTED, header).origin(environ)
    return origin.address, origin.scheme, origin.host


def test_a_peer_without_trust_is_not_believed() -> None:
    """Whatever it sends, it is what it is; and it is noted that it tried."""
    forged = {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https", "x_forwarded_host": "evil.example"}
    assert told(peer="198.51.100.1", **forged) == ("198.51.100.1", "http", "inner:8080")
    assert told(peer="not an address", **forged)[1:] == ("http", "inner:8080")
    environ = {"REMOTE_ADDR": "198.51.100.1", "HTTP_X_FORWARDED_PROTO": "https"}
    assert Proxies(TRUSTED, "Forwarded").origin(environ).doubtful


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.1.1, 10.2.2.2", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.9, unknown, 10.2.2.2", "10.2.2.2"),
        ("203.0.113.9, , 10.2.2.2", "10.2.2.2"),
        ("203.0.113.9, 10.2.2.2.2", "127.0.0.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8:9::1]:4711", "2001:db8:9::1"),
        ("2001:db8:9::1", "2001:db8:9::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9"),
        ("", "127.0.0.1"),
    ],
)
def test_the_walk_ends_at_the_first_hop_without_trust(chain: str, address: str) -> None:
    """From the peer outwards; what can't be read ends it, too."""
    assert told(x_forwarded_for=chain)[0] == address
    assert told(x_forwarded_for=chain, peer="::ffff:127.0.0.1")[0] == address


def test_scheme_and_host_are_those_of_the_outermost_trusted_proxy() -> None:
    """Each proxy of a chain adds its own view; one that writes a single value stands for all."""
    assert told(
        x_forwarded_for="6.6.6.6, 203.0.113.9, 10.1.1.1",
        x_forwarded_proto="gopher, https, http",
        x_forwarded_host="evil.example, good.example, inner.example",
    ) == ("203.0.113.9", "https", "good.example")
    assert told(x_forwarded_for="203.0.113.9, 10.1.1.1", x_forwarded_proto="https")[1] == "https"
    assert told(x_forwarded_proto="gopher", x_forwarded_host="a b")[1:] == ("http", "inner:8080")
    assert told(x_forwarded_host="contacts.example:8443")[2] == "contacts.example:8443"


def test_forwarded_is_read_as_the_rfc_has_it() -> None:
    """RFC 7239: quoted values, parameters in any order and case, IPv6 in brackets, obfuscated names."""
    header = 'for=6.6.6.6, For="[2001:DB8:9::1]:4711";PROTO=https;host="contacts.example", for=10.1.1.1;proto=http'
    assert told("Forwarded", forwarded=header) == ("2001:db8:9::1", "https", "contacts.example")
    assert told("Forwarded", forwarded="for=203.0.113.9, for=_hidden")[0] == "127.0.0.1"
    assert told("Forwarded", forwarded='for="203.0.113.9')[0] == "127.0.0.1"
    assert told("Forwarded", forwarded='for="203.0.113.9, for=10.1.1.1"')[0] == "127.0.0.1"


def test_only_the_configured_header_is_read() -> None:
    """A proxy that writes one header passes the others on as the client sent them."""
    assert told("X-Forwarded-For", forwarded="for=6.6.6.6;proto=https") == ("127.0.0.1", "http", "inner:8080")
    assert told("Forwarded", x_forwarded_for="6.6.6.6")[0] == "127.0.0.1"
    assert told("CF-Connecting-IP", cf_connecting_ip="203.0.113.9", x_forwarded_for="6.6.6.6")[0] == "203.0.113.9"
    assert told("CF-Connecting-IP", cf_connecting_ip="203.0.113.9, 6.6.6.6")[0] == "127.0.0.1"


def test_a_unix_socket_is_trusted_when_listed() -> None:
    """Its peers have no address."""
    assert told(peer="", x_forwarded_for="203.0.113.9")[0] == "203.0.113.9"
    environ = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    origin = Proxies(Sources(["127.0.0.1"]), "X-Forwarded-For").origin(environ)
    assert (origin.address, origin.unix) == ("", True)


def test_a_proxy_proves_itself_with_the_secret() -> None:
    """With a secret, the address alone is not enough."""
    proxies = Proxies(TRUSTED, "X-Forwarded-For", secret_header="X-Proof", secret="café")
    for proof, address in (
        ("", "127.0.0.1"),
        ("cafe", "127.0.0.1"),
        ("café".encode().decode("latin-1"), "203.0.113.9"),
    ):
        environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_X_PROOF": proof}
        assert proxies.origin(environ).address == address
    assert "HTTP_X_PROOF" in proxies.dropped


@given(st.text(max_size=80), st.sampled_from(["X-Forwarded-For", "Forwarded", "X-Real-IP"]))
def test_no_header_breaks_the_walk(value: str, header: str) -> None:
    """The address is always one, whatever was sent."""
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_" + header.upper().replace("-", "_"): value}
    environ |= {"HTTP_X_FORWARDED_PROTO": value, "HTTP_X_FORWARDED_HOST": value}
    origin = Proxies(TRUSTED, header).origin(environ)
    assert parse_address(origin.address) is not None
    assert origin.scheme in ("http", "https")


def test_sources_are_addresses_and_ranges() -> None:
    """IPv4 in IPv6 clothes is IPv4 on both sides; nonsense is refused with its name."""
    sources = Sources(["192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120"])
    inside = ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:ffff::1", "198.51.100.3"]
    assert all(address in sources for address in inside)
    assert not any(address in sources for address in ["192.0.3.1", "2001:db9::1", "", "x", "198.51.101.3"])
    for wrong in ("192.0.2.1/24", "example.com", "unix"):
        with pytest.raises(InvalidValue, match="shared_sources"):
            Sources([wrong], "shared_sources")


def test_what_addresses_stand_for() -> None:
    """Tries are counted by address and /64, surroundings are a /24 or /64."""
    assert address_key("203.0.113.9") == address_key("::ffff:203.0.113.9") == "203.0.113.9"
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:2") == "2001:db8::/64"
    assert place_of("203.0.113.9") == place_of("203.0.113.200") == "203.0.113.0/24"
    assert place_of("2001:db8:0:1::1") != place_of("2001:db8::1")
    assert (address_key(""), place_of("nonsense")) == ("", "")
    assert all(map(is_loopback, ("127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("192.0.2.1", "example.com", "")))
