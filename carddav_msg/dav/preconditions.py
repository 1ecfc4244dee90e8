"""Conditional headers: If-Match, If-None-Match (RFC 9110 §13.1) and If (RFC 4918 §10.4, RFC 6578 §5).

If-Modified-Since is not looked at: a time of whole seconds does not tell two changes of one second apart, and who has
the tag has no use for it (RFC 9110 §13.1.3). Nor is If-Unmodified-Since, for the same reason.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from carddav_msg.dav.exchange import Request
from carddav_msg.dav.versions import stored_tag
from carddav_msg.domain import hrefs
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.preconditions import ANY, Condition, Preconditions, Resource
from carddav_msg.errors import InvalidValue

# A tag without quotes is no entity-tag, but some clients send the text of getetag without them.
_TAG: Final = re.compile(r'(W/)?("[^"]*"|[^\s",]+)')
_LIST: Final = re.compile(r"\s*(?:<([^<>]*)>\s*)?\(((?:[^()\[\]<>]|\[[^\]]*\]|<[^<>]*>)*)\)")
_CONDITION: Final = re.compile(r'\s*(Not\s+)?(?:<([^<>]*)>|\[\s*(W/)?("[^"]*")\s*\])\s*', re.IGNORECASE)


def preconditions_of(request: Request) -> Preconditions:
    """The preconditions of a request. InvalidValue for an If header that can't be read."""
    if_match, if_none_match = request.header("IF_MATCH"), request.header("IF_NONE_MATCH")
    return Preconditions(
        None if if_match is None else _tags(if_match, weak=False),
        None if if_none_match is None else _tags(if_none_match, weak=True),
        _states(request),
    )


def preconditions_to_read(request: Request) -> Preconditions:
    """Those of a GET or HEAD: If-None-Match has another meaning there."""
    asked = preconditions_of(request)
    return Preconditions(asked.if_match, None, asked.states)


def states_of(request: Request) -> Preconditions:
    """Those of the If header alone."""
    return Preconditions(states=_states(request))


def none_match(request: Request, etag: str) -> bool:
    """False when If-None-Match names the entity-tag: the client has this very representation already."""
    header = request.header("IF_NONE_MATCH")
    if header is None:
        return True
    tags = [tag if tag == ANY or tag.startswith('"') else f'"{tag}"' for _, tag in _TAG.findall(header)]
    return ANY not in tags and etag not in tags


def _tags(header: str, *, weak: bool) -> tuple[str, ...]:
    """The entity-tags of a list; weak ones never match strongly, so that they count only where `weak` is True."""
    return tuple(
        tag if tag == ANY else stored_tag(tag if tag.startswith('"') else f'"{tag}"')
        for weakness, tag in _TAG.findall(header)
        if weak or not weakness
    )


def _states(request: Request) -> tuple[tuple[Condition, ...], ...] | None:
    """The lists of an If header; a resource tag is for all lists up to the next one, none is the resource itself."""
    header = request.header("IF")
    if header is None:
        return None
    lists = []
    itself = Resource.CARD if request.path.card else Resource.BOOK
    resource, at = itself, 0
    while at < len(header.rstrip()):
        match = _LIST.match(header, at)
        if not match:
            raise InvalidValue("If", "The header If can't be read.")
        tag, conditions = match.groups()
        resource = resource if tag is None else _resource(request, tag)
        lists.append(_conditions(conditions, resource))
        at = match.end()
    return tuple(lists)


def _conditions(text: str, resource: Resource) -> tuple[Condition, ...]:
    found, at = [], 0
    while at < len(text):
        match = _CONDITION.match(text, at)
        if not match:
            raise InvalidValue("If", "The header If can't be read.")
        negation, token, weakness, etag = match.groups()
        # Tags are compared strongly: a weak one is that of nothing here.
        state = token if etag is None else stored_tag(etag) if not weakness else f"W/{etag}"
        found.append(Condition(state, resource, bool(negation)))
        at = match.end()
    if not found:
        raise InvalidValue("If", "The header If has a list without a condition.")
    return tuple(found)


def _resource(request: Request, tag: str) -> Resource:
    """What a resource tag (a URL or an absolute path) means: the card of the request, its book, or something else."""
    try:
        url = urlsplit(tag)
        if not url.path.startswith(request.root_href) or not request.is_ours(url.netloc):
            return Resource.OTHER
        path = hrefs.parse(url.path[len(request.prefix) :])
    except (ValueError, InvalidValue):
        return Resource.OTHER
    own = request.path
    if fold(path.principal) not in (fold(own.principal), fold(request.principal.login)) or path.book != own.book:
        return Resource.OTHER
    if len(path.segments) == 2:
        return Resource.BOOK
    return Resource.CARD if path.card == own.card and len(path.segments) == 3 else Resource.OTHER
