"""SIP addresses and their URIs."""

from __future__ import annotations

import pytest
from hypothesis import given

from carddav_msg.formats.sip import sip_address, sip_uri
from tests.formats.strategies import USERNAME


@given(USERNAME)
def test_an_address_survives_its_uri(user: str) -> None:
    """Any cloud username can be the user part of a SIP URI, which is plain ASCII."""
    uri = sip_uri(f"{user}@sip.example.com")
    assert uri.isascii()
    assert not set(uri) & set(' ,;"<>\\')
    assert sip_address(uri) == f"{user}@sip.example.com"


@pytest.mark.parametrize(
    ("address", "uri"),
    [("1000@h", "sip:1000@h"), ("a b,c@h", "sip:a%20b%2Cc@h"), ("a@b@h", "sip:a%40b@h"), ("h", "sip:h"), ("", "")],
)
def test_sip_uri(address: str, uri: str) -> None:
    """What a URI can't hold is percent-encoded; nothing gives nothing."""
    assert sip_uri(address) == uri


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("SIP:ann@h:5060;transport=tcp?subject=x@y", "ann@h"),
        ("sips:ann:secret@h", "ann@h"),
        ("sip:a%40b@h", "a@b@h"),
        ("sip:a@b@h;transport=udp", "a@b@h"),
        ("sip:ann;x=1@h", "ann;x=1@h"),
        ("sip:ann@[::1]:5060", "ann@[::1]"),
        ("sip:h", "h"),
        ("sip:", ""),
        ("sip:ann@", ""),
        ("sip:a%0Ab@h", ""),
        ("tel:+1555", ""),
        ("ann@h", ""),
    ],
)
def test_sip_address(uri: str, address: str) -> None:
    """Only user and host are left, and what is no SIP URI, or smuggles a control character, is no address."""
    assert sip_address(uri) == address
