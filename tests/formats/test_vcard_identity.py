"""The pair that the server owns in every card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain.contact import MessagingIdentity
from carddav_msg.errors import InvalidCard, InvalidValue
from carddav_msg.formats.vcard.contentlines import escape, fold, scan
from carddav_msg.formats.vcard.convert import convert
from carddav_msg.formats.vcard.identity import IdentityNames, identity_in, identity_lines, owned, with_identity
from tests.formats.strategies import IDENTITY, TEXT

PLAIN = IdentityNames()
ALIASED = IdentityNames("X-Cloud-User", "X-NETWORK-ID", ("X-CLOUDUSERNAME", "X-CU"), ("X-NETWORKID",))
ANN = MessagingIdentity("ann@example.org", "acme")

_others = st.builds(lambda name, value: f"{name}:{escape(value)}", st.sampled_from(["FN", "NOTE", "item1.TEL"]), TEXT)
_claims = st.builds(
    "{}{}:{}".format,
    st.sampled_from(["", "item1."]),
    st.sampled_from(["X-CLOUD-USERNAME", "x-network-id", "X-Cloud-User", "X-NETWORKID", "X-CU", "X-NETWORK-ID;A=b"]),
    TEXT.map(escape),
)
LINES = st.lists((_others | _claims).flatmap(lambda line: st.sampled_from([line, fold(line, 20)])), max_size=8)


def card(lines: list[str], end: str = "\r\n") -> str:
    return end.join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]).replace("\r\n", end)


@given(LINES, st.none() | IDENTITY, st.sampled_from([PLAIN, ALIASED]), st.sampled_from(["\r\n", "\n"]))
def test_with_identity_owns_its_lines_and_no_others(
    lines: list[str], identity: MessagingIdentity | None, names: IdentityNames, end: str
) -> None:
    """The card has exactly the wanted pair, every other line as it was, and a second time nothing changes."""
    before = card(lines, end)
    after = with_identity(before, identity, names)
    assert identity_in(scan(after), names) == identity
    kept = [line.raw + line.end for line in scan(before) if line.name not in owned(names)]
    assert [line.raw + line.end for line in scan(after) if line.name not in owned(names)] == kept
    mine = [(line.name, line.value) for line in scan(after) if line.name in owned(names)]
    assert len(mine) == (len(owned(names)) if identity else 0)
    assert {line.end for line in scan(after)} == {end}
    assert with_identity(after, identity, names) is after


@given(LINES, IDENTITY)
def test_with_identity_can_be_taken_back(lines: list[str], identity: MessagingIdentity) -> None:
    """A card without owned lines is the same text after an identity was put in and taken out again."""
    before = with_identity(card(lines), None, ALIASED)
    assert with_identity(with_identity(before, identity, ALIASED), None, ALIASED) == before


@pytest.mark.parametrize(
    "lines",
    [
        ["X-CLOUD-USERNAME:ann@example.org", "FN:A", "X-NETWORK-ID:acme", "NOTE:b"],
        ["X-NETWORK-ID:acme", "X-CLOUD-USERNAME:ann@exa", " mple.org"],
    ],
)
def test_with_identity_leaves_the_right_pair_alone(lines: list[str]) -> None:
    """A client that writes the pair in its own place, order and folding gets its bytes back."""
    text = card(lines)
    assert with_identity(text, ANN, PLAIN) is text


@pytest.mark.parametrize(
    "lines",
    [
        ["X-CLOUD-USERNAME:ann@example.org"],
        ["X-CLOUD-USERNAME:ann@example.org", "X-NETWORK-ID:acme", "X-NETWORK-ID:acme"],
        ["X-CLOUD-USERNAME:Ann@example.org", "X-NETWORK-ID:acme"],
        ["X-CLOUD-USERNAME: ann@example.org", "X-NETWORK-ID:acme"],
        ["item1.X-CLOUD-USERNAME:ann@example.org", "X-NETWORK-ID:acme"],
        ["X-CLOUD-USERNAME;ENCODING=b:ann@example.org", "X-NETWORK-ID:acme"],
        ["X-CLO", " UD-USERNAME:mallory", "X-NETWORK-ID:acme"],
    ],
)
def test_with_identity_corrects_every_other_pair(lines: list[str]) -> None:
    """A missing, doubled, misspelt, grouped, encoded or folded-away line gives way to the pair before END."""
    text = card(["FN:A", *lines, "NOTE:b"])
    assert with_identity(text, ANN, PLAIN) == card(["FN:A", "NOTE:b", *identity_lines(ANN, PLAIN)])


def test_with_identity_without_a_last_line_end() -> None:
    """A card whose END:VCARD has no line end still gets whole lines before it."""
    text = card(["FN:A"]).removesuffix("\r\n")
    assert with_identity(text, ANN, PLAIN) == card(["FN:A", *identity_lines(ANN, PLAIN)]).removesuffix("\r\n")


def test_with_identity_needs_an_end() -> None:
    """What is no card can't carry an identity, and is not made into something else."""
    with pytest.raises(InvalidCard, match="END:VCARD"):
        with_identity("BEGIN:VCARD\r\nFN:A\r\n", ANN, PLAIN)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["X-CLOUD-USER:ann@example.org", "X-NETWORK-ID:acme"], ANN),
        (["item7.x-cloud-user:ann@example.org", "item8.X-Network-Id: acme "], ANN),
        (["X-CLOUD-USER:mallory", "X-CLOUDUSERNAME:ann@example.org", "X-NETWORKID:acme"], ANN),
        (["X-CU:ann@example.org", "X-NETWORK-ID:acme"], ANN),
        (["X-CLOUD-USER:", "X-CLOUD-USER:ann@example.org", "X-NETWORK-ID:acme"], ANN),
        (["X-CLOUD-USER:a\\,b\\\\", "X-NETWORK-ID:acme"], MessagingIdentity("a,b\\", "acme")),
        (["X-CLOUD-USER:ann@example.org"], None),
        (["X-CLOUD-USER:ann@example.org", "X-NETWORK-ID:"], None),
        (["X-NETWORK-ID:acme", "X-NETWORKID:acme"], None),
        (["X-CLOUD-USERNAME:ann@example.org", "X-NETWORK-ID:acme"], None),
    ],
)
def test_identity_in_finds_the_first_complete_pair(lines: list[str], expected: MessagingIdentity | None) -> None:
    """The pair of the first names counts, then that of aliases; half a pair and foreign names are no identity."""
    assert identity_in(scan(card(lines)), ALIASED) == expected


def test_identity_lines_use_the_configured_spelling() -> None:
    """The pair comes first, then the aliases, each named as the operator spells it."""
    assert identity_lines(ANN, ALIASED) == [
        "X-Cloud-User:ann@example.org",
        "X-NETWORK-ID:acme",
        "X-CLOUDUSERNAME:ann@example.org",
        "X-CU:ann@example.org",
        "X-NETWORKID:acme",
    ]


@pytest.mark.parametrize(
    ("cloud_username", "aliases"),
    [("FN", ()), ("X A", ()), ("X-A:B", ()), ("", ()), ("X-NETWORK-id", ()), ("X-A", ("X-a",))],
)
def test_names_are_checked(cloud_username: str, aliases: tuple[str, ...]) -> None:
    """A name of the standard, no name at all, or one that comes twice is refused."""
    with pytest.raises(InvalidValue, match="identity_names"):
        IdentityNames(cloud_username, cloud_username_aliases=aliases)


@pytest.mark.parametrize(
    "name",
    [
        "X-GENDER",
        "x-anniversary",
        "X-ABDATE",
        "X-ABRELATEDNAMES",
        "X-ABLabel",
        "X-ABADR",
        "X-ADDRESSBOOKSERVER-KIND",
        "X-ADDRESSBOOKSERVER-MEMBER",
        "X-VCARD3-CLASS",
        "X-vcard4-LANG",
        "X-PHONETIC-LAST-NAME",
        "X-SIP",
    ],
)
def test_a_name_with_a_meaning_of_its_own_is_refused(name: str) -> None:
    """A conversion between the versions would take the identity for it, and it would go from every card."""
    with pytest.raises(InvalidValue, match="something else"):
        IdentityNames(network_id_aliases=(name,))


def test_both_conversions_leave_the_identity_alone() -> None:
    """With the names of an operator, too."""
    text = card(["N:Example;Ann;;;", "FN:Ann Example", *identity_lines(ANN, ALIASED)])
    there = convert(text, "4.0")
    assert identity_in(scan(there), ALIASED) == ANN
    assert convert(there, "3.0") == text
