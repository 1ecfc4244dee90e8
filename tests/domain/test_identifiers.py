"""Spellings: what is accepted, what is refused, and how names are compared."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain import identifiers
from carddav_msg.errors import InvalidValue


@given(st.text())
def test_folding_is_idempotent_and_ignores_case_and_composition(text: str) -> None:
    """Two spellings that differ in case or in Unicode composition are the same name."""
    folded = identifiers.fold(text)
    assert identifiers.fold(folded) == folded
    assert identifiers.fold(unicodedata.normalize("NFD", text)) == folded
    assert folded == unicodedata.normalize("NFC", folded)


@pytest.mark.parametrize("text", ["acme", "globex.example.net", "Initech-CZ", "A_1", "0"])
def test_network_ids_keep_their_spelling(text: str) -> None:
    """A Network ID is wire-visible: it comes back as it was given."""
    assert identifiers.parse_network_id(text) == text


@pytest.mark.parametrize("text", ["", ".acme", "a b", "a~b", "a/b", "äcme", "a\n", "x" * 65])
def test_other_network_ids_are_refused(text: str) -> None:
    """What could not be a path segment or a login of every client is no Network ID."""
    with pytest.raises(InvalidValue, match="Network ID"):
        identifiers.parse_network_id(text)


@pytest.mark.parametrize("text", ["1000", "First.Last3", "user@acme.example.org", "Zoë", "a~b", "a b", "o'brien,x"])
def test_cloud_usernames_of_every_kind_are_accepted(text: str) -> None:
    """Extensions, names, e-mail addresses and blanks inside are Cloud Usernames."""
    assert identifiers.parse_cloud_username(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("a:b", "':'"),
        ("a/b", "'/'"),
        ("a@b@c", "one '@'"),
        ("@a", "one '@'"),
        ("a@", "one '@'"),
        ("a\x07", "control"),
        ("a\u200bb", "control"),
        (" a", "blank"),
        ("x" * 129, "characters long"),
    ],
)
def test_other_cloud_usernames_are_refused_with_the_reason(text: str, why: str) -> None:
    """The sentence says which rule is broken."""
    with pytest.raises(InvalidValue, match=why):
        identifiers.parse_cloud_username(text)


def test_a_cloud_username_is_stored_composed() -> None:
    """Decomposed input becomes NFC, so that equal names are equal bytes on the wire."""
    assert identifiers.parse_cloud_username("Zoe\u0308") == "Zoë"


@pytest.mark.parametrize(("text", "cloud_id"), [("acmeapp", "ACMEAPP"), ("AcmeApp*", "ACMEAPP"), (" x1 ", "X1")])
def test_cloud_ids_are_normalised(text: str, cloud_id: str) -> None:
    """The editable version of an app (`*`) and every case mean the same Cloud ID."""
    assert identifiers.parse_cloud_id(text) == cloud_id
    assert identifiers.normalise_cloud_id(text) == cloud_id


@pytest.mark.parametrize("text", ["", "*", "A B", "É"])
def test_other_cloud_ids_are_refused(text: str) -> None:
    """A Cloud ID has letters and digits."""
    with pytest.raises(InvalidValue):
        identifiers.parse_cloud_id(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("SIP.Acme.example.com:5061", "sip.acme.example.com"),
        ("sips:acme.example;transport=tls", "acme.example"),
        ("a.b.", "a.b"),
        ("", ""),
    ],
)
def test_a_host_hint_is_reduced_to_a_host(text: str, host: str) -> None:
    """Port, case, scheme and parameters of a hint don't matter."""
    assert identifiers.normalise_host(text) == host


@pytest.mark.parametrize("text", ["sip.example.com:0", "sip.example.com:x", "sip.example.com:65536", "-a.example", ""])
def test_a_sip_host_needs_a_host_and_a_possible_port(text: str) -> None:
    """A wrong port would reach every phone."""
    with pytest.raises(InvalidValue):
        identifiers.parse_sip_host(text)


@pytest.mark.parametrize(
    ("login", "parts"),
    [("acme~1000", ("acme", "1000")), ("acme~a~b", ("acme", "a~b")), ("1000", None), ("~x", None), ("x~", None)],
)
def test_a_login_is_split_at_its_first_tilde(login: str, parts: tuple[str, str] | None) -> None:
    """A Cloud Username may contain `~`, a Network ID may not."""
    assert identifiers.split_login(login) == parts
