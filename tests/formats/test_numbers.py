"""Telephone numbers as people type them."""

from __future__ import annotations

import pytest

from carddav_msg.errors import InvalidValue
from carddav_msg.formats.numbers import parse


@pytest.mark.parametrize(
    ("kind", "text", "country", "e164"),
    [
        ("mobile", "+1 (555) 123-4567", "", "+15551234567"),
        ("mobile", "601 123 456", "CZ", "+420601123456"),
        ("mobile", "601 123 456", "", ""),
        ("work", "030 1234567", "DE", "+49301234567"),
        ("work", "1000", "DE", ""),
        ("extension", "+15551234567", "US", "+15551234567"),
        ("extension", "2024561414", "US", ""),
        ("work", "+155", "", ""),
        ("work", "reception", "US", ""),
        ("work", "", "US", ""),
    ],
)
def test_e164(kind: str, text: str, country: str, e164: str) -> None:
    """National spellings need the country and a number in use; extensions never become E.164 by guessing."""
    number = parse(kind, f" {text} ", country)
    assert (number.kind, number.entered, number.e164, number.verified) == (kind, text, e164, False)


def test_verified_numbers_are_international() -> None:
    """A number that is vouched for to others is written with + and digits only."""
    assert parse("main", "+420601123456", "CZ", True).verified
    with pytest.raises(InvalidValue, match="verified_number"):
        parse("main", "601 123 456", "CZ", True)


@pytest.mark.parametrize("text", ["1" * 65, "12\x0034"])
def test_what_is_no_number_at_all(text: str) -> None:
    """Over-long texts and control characters are refused, with the kind as the field."""
    with pytest.raises(InvalidValue, match="work"):
        parse("work", text, "US")
