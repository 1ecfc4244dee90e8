"""MKCOL and PROPPATCH of books (RFC 5689 §3, RFC 4918 §9.2): what can't be is refused here, property by property.

All of a request is done or nothing. What is left for the engine has only properties that a book keeps.
"""

from __future__ import annotations

from typing import Final

from carddav_msg.dav.exchange import XML, Answer, Request, answer
from carddav_msg.dav.faults import refusal
from carddav_msg.dav.multistatus import (
    CARDDAV_NS,
    CLOSE,
    CLOSE_MKCOL,
    OPEN,
    OPEN_MKCOL,
    PROTECTED,
    response,
    unchanged,
)
from carddav_msg.dav.properties import COLOR, DISPLAYNAME, RESOURCETYPE, is_live
from carddav_msg.dav.requests import MakeCollection, Other, PropertyUpdate, parse

_KEPT: Final = frozenset({DISPLAYNAME, f"{{{CARDDAV_NS}}}addressbook-description", COLOR})
_BOOK: Final = frozenset({"{DAV:}collection", f"{{{CARDDAV_NS}}}addressbook"})
_DEPENDENT: Final = "424 Failed Dependency"


def refused_update(request: Request, update: PropertyUpdate) -> Answer | None:
    """The answer to a PROPPATCH with a property that is protected or that no book has; None when there is none."""
    if _KEPT.issuperset(update.props):
        return None
    text = f"{OPEN}{response(request.href, _failed(update.props, _KEPT))}{CLOSE}"
    return answer(207, text.encode(), ("Content-Type", XML), reason="PROPPATCH")


def refused_making(request: Request) -> Answer | None:
    """The answer to a MKCOL of something else than an address book, or with properties that no book has."""
    body = parse(request.body)
    if isinstance(body, Other) and not body.name:
        return None  # a plain collection, which the engine refuses
    if not isinstance(body, MakeCollection):
        return refusal(415, "The body of a MKCOL is a mkcol element.", reason="MKCOL")
    allowed = _KEPT | {RESOURCETYPE}
    if body.types != _BOOK:
        others = [name for name in body.props if name != RESOURCETYPE]
        propstats = unchanged([RESOURCETYPE], condition="<valid-resourcetype/>") + unchanged(others, _DEPENDENT)
    elif not allowed.issuperset(body.props):
        propstats = _failed(body.props, allowed)
    else:
        return None
    text = f"{OPEN_MKCOL}{propstats}{CLOSE_MKCOL}"
    return answer(403, text.encode(), ("Content-Type", XML), reason="MKCOL")


def _failed(props: tuple[str, ...], allowed: frozenset[str]) -> str:
    """The propstats of a request that changes nothing: what is protected, what no book has, and what fails with it."""
    bad = [name for name in props if name not in allowed]
    protected = unchanged([name for name in bad if is_live(name)], condition=PROTECTED)
    unknown = unchanged([name for name in bad if not is_live(name)])
    return protected + unknown + unchanged([name for name in props if name in allowed], _DEPENDENT)
