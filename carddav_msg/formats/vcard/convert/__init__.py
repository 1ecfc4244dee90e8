"""A card in the other version, from text to text (RFC 2426 and RFC 6350), so that nothing of it is lost.

Only the lines that the other version writes differently are written anew; all others pass as they are, above all every
X- property that is not named in this package, and so the messaging identity. What the other version can't say stands
in it under a name that begins with `X-VCARD3-` or `X-VCARD4-`, the version that it comes from, and is restored on the
way back. Where a value can be said, but not in a way that gives the same text on the way back, the text it had stays
beside it in the parameter `X-VCARD3-WAS` or `X-VCARD4-WAS`: it is restored only while the value has not been edited.
"""

from __future__ import annotations

import re

from carddav_msg.errors import UnsupportedCard
from carddav_msg.formats.vcard.card import VERSIONS
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.formats.vcard.convert.v3to4 import to_4
from carddav_msg.formats.vcard.convert.v4to3 import to_3

# The common spelling, found without scanning: this can't be part of another line, and there is one VERSION only.
_VERSION = re.compile(r"^VERSION:([34]\.0)\r?\n(?![ \t])", re.MULTILINE)


def convert(text: str, version: str) -> str:
    """The card in `version` ("3.0" or "4.0"); the same object when it has that version.

    `text` is a card that `card.parse` accepts, and so is the answer. The same text gives the same answer. Raises
    UnsupportedCard for another version, of the card or to convert to.
    """
    if version not in VERSIONS:
        raise UnsupportedCard(f"vCard {version[:20]!r} is not served: ask for 3.0 or 4.0.")
    found = _VERSION.search(text)
    if found and found[1] == version:
        return text
    lines = scan(text)
    current = next((line.value.strip() for line in lines if line.name == "VERSION"), "")
    if current == version:
        return text
    if current not in VERSIONS:
        raise UnsupportedCard(f"vCard {current[:20]!r} can't be converted: send a vCard 3.0 or 4.0.")
    return to_4(lines) if version == "4.0" else to_3(lines)
