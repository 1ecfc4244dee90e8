"""A card as a client stores it: what a PUT may carry (RFC 6352 §6.3.2), kept as it was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carddav_msg.errors import CardTooLarge, InvalidCard, UnsupportedCard
from carddav_msg.formats.vcard.contentlines import ContentLine, escape, fold, scan, unescape

VERSIONS = frozenset({"3.0", "4.0"})

# Control characters, and the two that XML 1.0 can't carry: one of them makes a whole multistatus ill-formed. A carriage
# return of its own would let a lenient reader see a line, and so a messaging identity, that this server does not see.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|\r(?!\n)")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Card:
    """A card that can be stored. `text` is what the bytes of the client decode to; `uid` is "" if it has none."""

    text: str
    version: str
    uid: str
    lines: tuple[ContentLine, ...]


def parse(body: bytes, *, max_size: int) -> Card:
    """The card of a request body of at most `max_size` bytes.

    Lenient where readers agree (LF ends, empty lines, a 3.0 card without N, VERSION at any place), strict where they
    would not. Raises CardTooLarge; UnsupportedCard for what is no vCard 3.0 or 4.0; InvalidCard for a broken one.
    """
    if len(body) > max_size:
        raise CardTooLarge(f"The card has {len(body)} bytes, {max_size} fit: leave out or shrink its photo.")
    text = _decode(body)
    lines = tuple(scan(text))
    _check_frame(lines)
    versions = [line.value.strip() for line in lines if line.name == "VERSION"]
    if len(versions) > 1:
        raise InvalidCard("The card has more than one VERSION: send exactly one.")
    if not versions:
        raise UnsupportedCard("The card has no VERSION: send a vCard 3.0 or 4.0.")
    if versions[0] not in VERSIONS:
        raise UnsupportedCard(f"vCard {versions[0][:20]!r} is not kept: send a vCard 3.0 or 4.0.")
    for place, line in enumerate(lines):
        if not line.name and line.raw.strip(" \t"):
            raise InvalidCard(
                f"Line {_number(lines, place)} is not a property, a name and a ':' before its value: "
                f"{_shown(line.raw)}. A line that continues another begins with a blank."
            )
    if not any(line.name == "FN" for line in lines):
        raise InvalidCard("The property FN is missing: give the contact a formatted name.")
    uids = [unescape(line.value).strip() for line in lines if line.name == "UID"]
    if len(uids) > 1:
        raise InvalidCard("The card has more than one UID: send exactly one.")
    return Card(text, versions[0], uids[0] if uids else "", lines)


def with_uid(card: Card, uid: str) -> Card:
    """The card with this UID, in a line after VERSION; the same card when it has that UID already."""
    if card.uid == uid:
        return card
    pieces = []
    for line in card.lines:
        if line.name == "UID":
            continue
        pieces.append(line.raw + line.end)
        if line.name == "VERSION":
            pieces.append(fold(f"UID:{escape(uid)}").replace("\r\n", line.end) + line.end)
    text = "".join(pieces)
    return Card(text, card.version, uid, tuple(scan(text)))


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        number = body.count(b"\n", 0, error.start) + 1
        raise InvalidCard(f"Line {number} is not UTF-8 (byte {error.start}): send the card in UTF-8.") from None
    if text.startswith(_BOM):
        raise InvalidCard("The card begins with a byte order mark: send it without one.")
    unfit = _UNFIT.search(text)
    if unfit:
        number = text.count("\n", 0, unfit.start()) + 1
        raise InvalidCard(f"Line {number} contains the character U+{ord(unfit[0]):04X}: send the card without it.")
    return text


def _check_frame(lines: Sequence[ContentLine]) -> None:
    """Exactly one BEGIN:VCARD, first, and one END:VCARD, last."""
    inside = ended = False
    for place, line in enumerate(lines):
        if not line.raw.strip(" \t"):
            continue
        if ended:
            what = "a second card" if line.name == "BEGIN" else "text"
            raise InvalidCard(
                f"Line {_number(lines, place)} begins {what} after END:VCARD: send one card, and nothing after it."
            )
        if not inside:
            if line.name != "BEGIN" or not _is_vcard(line):
                raise UnsupportedCard("This is not a vCard: its first line must be BEGIN:VCARD.")
            inside = True
        elif line.name == "BEGIN":
            raise InvalidCard(
                f"Line {_number(lines, place)} has a BEGIN inside the card: send one card, with none inside it."
            )
        elif line.name == "END":
            if not _is_vcard(line):
                raise InvalidCard(f"Line {_number(lines, place)} ends something else than the card: send END:VCARD.")
            ended = True
    if not inside:
        raise UnsupportedCard("This is not a vCard: it is empty.")
    if not ended:
        raise InvalidCard("The last line, END:VCARD, is missing: the card may have been cut off; send it again.")


def _is_vcard(line: ContentLine) -> bool:
    return line.value.strip().upper() == "VCARD"


def _number(lines: Sequence[ContentLine], place: int) -> int:
    """The number of the physical line on which a logical one begins."""
    return 1 + place + sum(line.raw.count("\n") for line in lines[:place])


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
