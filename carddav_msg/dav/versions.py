"""A card in another version than the stored one (RFC 6352 §5.1.1): asked for with Accept, under a tag of its own.

The tag of a variant is that of the stored card with the version behind it: who sends either in If-Match has seen this
state of the card, and so `stored_tag` makes one of the other before they are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from carddav_msg.dav.exchange import VCARD
from carddav_msg.errors import UnsupportedConversion
from carddav_msg.formats.vcard.card import VERSIONS
from carddav_msg.formats.vcard.convert import convert

_VARIANT: Final = re.compile(r'-v[34]"\Z')
_MEDIA_TYPES: Final = frozenset({"text/vcard", "text/x-vcard", "text/directory"})


@dataclass(frozen=True, slots=True)
class Served:
    """What is sent of a card."""

    text: str
    etag: str
    content_type: str = VCARD


def served(text: str, etag: str, accept: str | None) -> Served:
    """The stored card, or the version of it that an Accept header names.

    UnsupportedConversion when the header names versions and nothing else, and none of them can be had.
    """
    versions = _named(accept) if accept and "version" in accept.lower() else ()
    for version in versions:
        if convert(text, version) is text:
            return Served(text, etag)
    if not versions:
        return Served(text, etag)
    version = versions[0]
    return Served(convert(text, version), f'{etag[:-1]}-v{version[0]}"', f"{VCARD};version={version}")


def stored_tag(tag: str) -> str:
    """The tag of the stored card of which this is the tag, or a variant's."""
    return _VARIANT.sub('"', tag)


def _named(accept: str) -> tuple[str, ...]:
    """The versions that are preferred to everything else that is acceptable; empty when the stored one will do."""
    versions: dict[str, float] = {}
    others = strange = 0.0
    for item in accept.split(","):
        media_type, *parts = [part.strip().lower() for part in item.split(";")]
        parameters = {name.strip(): value.strip().strip('"') for name, _, value in (p.partition("=") for p in parts)}
        quality = _quality(parameters.get("q", "1"))
        version = parameters.get("version")
        if media_type in _MEDIA_TYPES and version:
            if version in VERSIONS:
                versions[version] = quality
            else:
                strange = max(strange, quality)
        elif media_type in _MEDIA_TYPES or media_type in ("text/*", "*/*"):
            others = max(others, quality)
    best = max(versions.values(), default=0.0)
    if strange and not best and not others:
        raise UnsupportedConversion("The card can't be had in that version: ask for vCard 3.0 or 4.0.")
    return () if others > best else tuple(version for version, quality in versions.items() if quality == best > 0)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0
