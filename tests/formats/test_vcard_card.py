"""What a PUT may carry, and what it is told otherwise."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.errors import CardError, CardTooLarge, InvalidCard, UnsupportedCard
from carddav_msg.formats.vcard.card import Card, parse, with_uid
from carddav_msg.formats.vcard.contentlines import escape, fold
from tests.formats.strategies import TEXT


def card(*lines: str, version: str = "3.0", end: str = "\r\n") -> bytes:
    """A card with these lines."""
    return "".join(line + end for line in ("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD")).encode()


def accept(body: bytes) -> Card:
    return parse(body, max_size=10_000)


@pytest.mark.parametrize("version", ["3.0", "4.0"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_accepts_both_versions_and_line_ends(version: str, end: str) -> None:
    """A card of either version with either line end is kept as it was written."""
    body = card("UID:u\\,1", "FN:Ann", "item1.TEL:1", version=version, end=end)
    accepted = accept(body)
    assert (accepted.text.encode(), accepted.version, accepted.uid) == (body, version, "u,1")
    assert [line.name for line in accepted.lines] == ["BEGIN", "VERSION", "UID", "FN", "TEL", "END"]


@pytest.mark.parametrize(
    "body",
    [
        b"begin:vcard\nfn:A\nversion: 3.0\nend:vcard",
        b"BEGIN:VCARD\r\nVERSION:3.0\r\n\r\nFN:\r\n \r\nEND:VCARD\r\n\r\n",
        card("FN:A", "TITLE:Head, of; \\, raw", 'X-A;P="a:b":c'),
        card("FN:A", "N:A;B", "N:A;B", "FN:B"),
        card("FN:tab\there", "NOTE:\u2028 \U0001f469\U0001f3fd\u200d\U0001f680 \u202eRTL"),
    ],
)
def test_accepts_what_clients_write(body: bytes) -> None:
    """Lower case, empty lines, raw commas, duplicates, odd order and unusual characters are no reason to refuse."""
    assert accept(body).text.encode() == body


@pytest.mark.parametrize(
    ("body", "error", "sentence"),
    [
        (b"", UnsupportedCard, "empty"),
        (b"\r\n\r\n", UnsupportedCard, "empty"),
        (b"hello", UnsupportedCard, "BEGIN:VCARD"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", UnsupportedCard, "BEGIN:VCARD"),
        (b" BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\n", UnsupportedCard, "BEGIN:VCARD"),
        (card("N;ENCODING=QUOTED-PRINTABLE:=", "=41", version="2.1"), UnsupportedCard, "2.1"),
        (b"BEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n", UnsupportedCard, "no VERSION"),
        (card("FN:A", "VERSION:4.0"), InvalidCard, "more than one VERSION"),
        (card("FN:A", "UID:1", "UID:2"), InvalidCard, "more than one UID"),
        (card("N:A;B"), InvalidCard, "FN"),
        (card("N:A;B", version="4.0"), InvalidCard, "FN"),
        (card("FN:A", "NOTE:a\r\n b", "no colon"), InvalidCard, "Line 6 .*'no colon'"),
        (card("FN:A", "a b:c"), InvalidCard, "Line 4 "),
        (card("FN:A", "", " X-CLOUD-USERNAME:m"), InvalidCard, "Line 5 "),
        (card("FN:A", "AGENT:", "BEGIN:VCARD", "END:VCARD"), InvalidCard, "Line 5 has a BEGIN"),
        (card("FN:A", "item1.BEGIN:X"), InvalidCard, "Line 4 has a BEGIN"),
        (card("FN:A") + card("FN:B"), InvalidCard, "Line 5 begins a second card"),
        (card("FN:A") + b"X-A:1\r\n", InvalidCard, "Line 5 begins text after"),
        (card("FN:A", "END:VEVENT"), InvalidCard, "Line 4 ends something else"),
        (card("FN:A").removesuffix(b"END:VCARD\r\n"), InvalidCard, "END:VCARD, is missing"),
        (b"\xef\xbb\xbf" + card("FN:A"), InvalidCard, "byte order mark"),
        (card("FN:A").replace(b":A", b":\xe4"), InvalidCard, "Line 3 is not UTF-8"),
        (card("FN:A\x0b"), InvalidCard, r"Line 3 .*U\+000B"),
        (card("FN:A\x00"), InvalidCard, r"U\+0000"),
        (card("FN:A\x85"), InvalidCard, r"U\+0085"),
        (card("FN:A\uffff"), InvalidCard, r"U\+FFFF"),
        (card("FN:A", "NOTE:x\rX-CLOUD-USERNAME:mallory"), InvalidCard, r"Line 4 .*U\+000D"),
    ],
)
def test_refuses_with_a_sentence(body: bytes, error: type[CardError], sentence: str) -> None:
    """What is no card that all readers agree on is refused, and the sentence names the line or property."""
    with pytest.raises(error, match=sentence):
        accept(body)


def test_refuses_what_is_too_large() -> None:
    """The size is tested first and counts bytes; the largest size itself fits."""
    body = card("FN:ü")
    assert parse(body, max_size=len(body)).text.encode() == body
    with pytest.raises(CardTooLarge, match=str(len(body) - 1)):
        parse(body, max_size=len(body) - 1)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | TEXT.map(lambda text: card(f"FN:{text}")))
def test_never_fails_otherwise(body: bytes) -> None:
    """Any bytes give a card with exactly that text, or a CardError."""
    with contextlib.suppress(CardError):
        assert accept(body).text.encode() == body


@given(TEXT)
def test_escaped_texts_are_accepted(text: str) -> None:
    """Whatever the domain lets into a name can be stored as a card."""
    assert accept(card(fold(f"FN:{escape(text)}")))


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_with_uid_inserts_one_line(end: str) -> None:
    """A card without UID gets one after VERSION, with its own line end, and nothing else changes."""
    uid = "urn:uuid:" + "a," * 50
    with_one = with_uid(accept(card("FN:A", "NOTE:b", end=end)), uid)
    assert with_one.text.encode() == card(fold(f"UID:{escape(uid)}").replace("\r\n", end), "FN:A", "NOTE:b", end=end)
    assert accept(with_one.text.encode()) == with_one
    assert with_uid(with_one, uid) is with_one


def test_with_uid_replaces_another() -> None:
    """A card has one UID: an empty or different one gives way."""
    assert with_uid(accept(card("FN:A", "UID:", "NOTE:b")), "u").text.encode() == card("UID:u", "FN:A", "NOTE:b")
    assert with_uid(accept(card("FN:A", "UID:x")), "u").uid == "u"
