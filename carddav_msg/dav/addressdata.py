"""CR:address-data in a request (RFC 6352 §10.4): in which version a card is sent, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from carddav_msg.dav.multistatus import CARDDAV_NS
from carddav_msg.errors import InvalidValue, UnsupportedCard
from carddav_msg.formats.vcard.card import VERSIONS
from carddav_msg.formats.vcard.contentlines import ContentLine, fold, scan, unfold
from carddav_msg.formats.vcard.convert import convert

ADDRESS_DATA: Final = f"{{{CARDDAV_NS}}}address-data"
DEFAULT_VERSION: Final = "3.0"
"""What is sent to who names no version: the default of §10.4, and the one that Apple's clients can read."""

_PROP: Final = f"{{{CARDDAV_NS}}}prop"
# How nearly all cards begin: such a card of the version that is wanted is known for one without being searched.
_COMMON: Final = {version: f"BEGIN:VCARD\r\nVERSION:{version}\r\n" for version in VERSIONS}
# Without these a part of a card could not be read as a card.
_FRAME: Final = frozenset({"BEGIN", "VERSION", "END"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A property that a part of a card has (§10.4.2): of this `group` only, unless that is empty."""

    group: str
    name: str
    value: bool = True

    def is_in(self, line: ContentLine) -> bool:
        return line.name == self.name and (not self.group or line.group.upper() == self.group)


@dataclass(frozen=True, slots=True)
class AddressData:
    """How a card is sent; without `props` it is whole."""

    version: str = DEFAULT_VERSION
    props: tuple[Wanted, ...] | None = None

    def of(self, text: str) -> str:
        """The stored card as it was asked for."""
        if not text.startswith(_COMMON[self.version]):
            text = convert(text, self.version)
        return text if self.props is None else _part(text, self.props)


WHOLE: Final = AddressData()


def parse(element: etree._Element) -> AddressData:
    """What a CR:address-data element asks for. UnsupportedCard for another media type or version."""
    media_type = (element.get("content-type") or "text/vcard").partition(";")[0].strip().lower()
    if media_type != "text/vcard":
        raise UnsupportedCard(f"Cards are not served as {media_type[:60]!r}: ask for text/vcard.")
    version = (element.get("version") or DEFAULT_VERSION).strip()
    if version not in VERSIONS:
        raise UnsupportedCard(f"vCard {version[:20]!r} is not served: ask for {' or '.join(sorted(VERSIONS))}.")
    wanted = tuple([_wanted(child) for child in element if child.tag == _PROP])
    return AddressData(version, wanted or None)


def _wanted(element: etree._Element) -> Wanted:
    group, _, name = element.get("name", "").upper().rpartition(".")
    if not name:
        raise InvalidValue("body", "A prop of address-data has the attribute name: the name of a vCard property.")
    return Wanted(group, name, element.get("novalue", "no").lower() != "yes")


def _part(text: str, props: tuple[Wanted, ...]) -> str:
    pieces = []
    for line in scan(text):
        found = [wanted.value for wanted in props if wanted.is_in(line)]
        if line.name in _FRAME or any(found):
            pieces.append(line.raw + line.end)
        elif found:
            unfolded = unfold(line.raw)
            pieces.append(fold(unfolded[: len(unfolded) - len(line.value)]) + line.end)
    return "".join(pieces)
