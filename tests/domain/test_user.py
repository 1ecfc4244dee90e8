"""Values of a user: what is accepted and what is refused."""

from __future__ import annotations

import pytest

from carddav_msg.domain import user
from carddav_msg.errors import InvalidValue


def test_a_text_keeps_what_was_typed() -> None:
    """Markup, joiners, direction and inner line ends belong to names; blanks at the ends don't."""
    for text in ('O\'Brien, "Bob"', "<b>&amp;</b>", "👩🏽‍🚀 Ada", "نועה כהן", "Line\nBreak", "a\tb"):
        assert user.parse_text(text, "display_name") == text
    assert user.parse_text("  a\r\nb ", "display_name") == "a\nb"


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\ud800", "a\ufffeb", "x" * 501])
def test_a_text_that_no_wire_format_carries_is_refused(text: str) -> None:
    """One control character in one card would make a whole multistatus ill-formed."""
    with pytest.raises(InvalidValue):
        user.parse_text(text, "display_name")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("sinch:15571234567|bandwidth:+15570000000", [("sinch", "15571234567"), ("bandwidth", "15570000000")]),
        ("sinch:15571234567|sinch:15571234567", [("sinch", "15571234567")]),
        ("", []),
    ],
)
def test_sms_numbers(text: str, pairs: list[tuple[str, str]]) -> None:
    """Carrier and digits without `+`, each pair once."""
    assert [(sms.carrier, sms.number) for sms in user.parse_sms_numbers(text)] == pairs


@pytest.mark.parametrize("text", ["sinch", "sinch:", ":155", "sinch:abc", "Sinch:15571234567"])
def test_other_sms_numbers_are_refused(text: str) -> None:
    """A wrong carrier or number would fail in the gateway, out of sight."""
    with pytest.raises(InvalidValue, match="sms_numbers"):
        user.parse_sms_numbers(text)


def test_a_verified_number_is_international() -> None:
    """The messaging service needs `+` and digits for what it vouches for."""
    assert user.parse_number("main", "+15551234567", verified=True).e164 == "+15551234567"
    with pytest.raises(InvalidValue, match="international"):
        user.parse_number("main", "1000", verified=True)


def test_numbers_of_one_kind_are_replaced_in_place() -> None:
    """An import that brings extensions leaves the other numbers alone."""
    old = (user.Number("extension", "1"), user.Number("mobile", "2"), user.Number("main", "+1555", verified=True))
    new = user.replace_numbers(old, "extension", [user.Number("extension", "9")], verified=False)
    assert [number.entered for number in new] == ["9", "2", "+1555"]
    assert user.replace_numbers(old, "main", [], verified=False) == old


@pytest.mark.parametrize("text", ["x", "@b", "a@", "a b@c"])
def test_what_is_no_email_address_is_refused(text: str) -> None:
    """It would be a dead link in every address book."""
    with pytest.raises(InvalidValue, match="e-mail"):
        user.parse_email(text)


def test_dates_and_urls() -> None:
    """A birthday is a date, a photo an absolute URL, and both may be missing."""
    assert user.parse_birthday("1990-02-03") == "1990-02-03"
    assert user.parse_birthday("") == user.parse_url("", "avatar") == ""
    with pytest.raises(InvalidValue):
        user.parse_birthday("03.02.1990")
    with pytest.raises(InvalidValue):
        user.parse_url("javascript:alert(1)", "avatar")
