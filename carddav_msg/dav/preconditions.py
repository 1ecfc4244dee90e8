"""Conditional headers: If-Match, If-None-Match (RFC 9110 §13.1) and what can be kept of If (RFC 4918 §10.4)."""

from __future__ import annotations

import re
from typing import Final

from carddav_msg.dav.exchange import Request
from carddav_msg.domain.preconditions import ANY, Preconditions
from carddav_msg.errors import PreconditionFailed

# A tag without quotes is no entity-tag, but some clients send the text of getetag without them.
_TAG: Final = re.compile(r'(W/)?("[^"]*"|[^\s",]+)')
_IF_ETAGS: Final = re.compile(r'\s*(\(\s*\[\s*"[^"]*"\s*\]\s*\)\s*)+\Z')


def preconditions_of(request: Request) -> Preconditions:
    """The preconditions of a write. PreconditionFailed for an If header with anything but entity-tags."""
    if_match = request.header("IF_MATCH")
    if_none_match = request.header("IF_NONE_MATCH")
    required = None if if_match is None else _tags(if_match, weak=False)
    state = request.header("IF")
    if state is not None:
        # There are no locks here, and a state token is not compared in the writing transaction: it never holds.
        if not _IF_ETAGS.match(state):
            raise PreconditionFailed("An If header can name entity-tags of the card only.")
        named = tuple(re.findall(r'"[^"]*"', state))
        required = named if required is None or ANY in required else tuple(tag for tag in named if tag in required)
    return Preconditions(required, None if if_none_match is None else _tags(if_none_match, weak=True))


def none_match(request: Request, etag: str) -> bool:
    """False when If-None-Match names the entity-tag: the client has this card already."""
    header = request.header("IF_NONE_MATCH")
    if header is None:
        return True
    tags = _tags(header, weak=True)
    return ANY not in tags and etag not in tags


def _tags(header: str, *, weak: bool) -> tuple[str, ...]:
    """The entity-tags of a list; weak ones never match strongly, so that they count only where `weak` is True."""
    found = _TAG.findall(header)
    return tuple(
        tag if tag == ANY or tag.startswith('"') else f'"{tag}"' for weakness, tag in found if weak or not weakness
    )
