"""The one table from errors to answers; clients act on the condition elements (RFC 3253 §1.6, RFC 6352 §6.3.2.1)."""

from __future__ import annotations

from typing import Final

from carddav_msg.dav import multistatus
from carddav_msg.dav.exchange import XML, Answer, answer
from carddav_msg.errors import (
    AlreadyExists,
    CarddavMsgError,
    CardError,
    CardTooLarge,
    Forbidden,
    InvalidCard,
    InvalidSyncToken,
    InvalidValue,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    TooManyMatches,
    UidConflict,
    Unavailable,
    UnsupportedCard,
    UnsupportedCollation,
    UnsupportedConversion,
    UnsupportedFilter,
)

# In the order of looking: a subclass before its base.
_TABLE: Final[tuple[tuple[type[CarddavMsgError], int, str], ...]] = (
    (UnsupportedCard, 403, "<CR:supported-address-data/>"),
    (InvalidCard, 403, "<CR:valid-address-data/>"),
    (CardTooLarge, 403, "<CR:max-resource-size/>"),
    (UidConflict, 403, "<CR:no-uid-conflict><href>{book}{href}</href></CR:no-uid-conflict>"),
    (CardError, 403, "<CR:valid-address-data/>"),
    # DAVx5 gives up the whole sync when a refused write says anything else than need-privileges.
    (
        Forbidden,
        403,
        "<need-privileges><resource><href>{resource}</href><privilege><{privilege}/></privilege></resource>"
        "</need-privileges>",
    ),
    (InvalidSyncToken, 403, "<valid-sync-token/>"),
    (UnsupportedFilter, 403, "<CR:supported-filter>{prop_filter}</CR:supported-filter>"),
    (UnsupportedCollation, 403, "<CR:supported-collation/>"),
    (UnsupportedConversion, 403, "<CR:supported-address-data-conversion/>"),
    (TooManyMatches, 403, "<number-of-matches-within-limits/>"),
    (PreconditionFailed, 412, ""),
    (NotFound, 404, ""),
    (AlreadyExists, 405, ""),
    (InvalidValue, 400, ""),
    (Rejected, 401, ""),
    (Throttled, 429, ""),
    (Unavailable, 503, ""),
)
CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="carddav-msg", charset="UTF-8"')


def fault(error: CarddavMsgError, *, book: str = "", resource: str = "") -> Answer:
    """The answer for an error; `book` and `resource` are the hrefs that conditions name, escaped for XML."""
    status, condition = next(((s, c) for kind, s, c in _TABLE if isinstance(error, kind)), (500, ""))
    if isinstance(error, UidConflict):
        condition = condition.format(book=book, href=multistatus.href_segment(error.href))
    elif isinstance(error, Forbidden):
        # Making and removing members is a privilege on the collection (RFC 3744 §3.9, §3.10).
        place = book if error.privilege in ("bind", "unbind") and book else resource
        condition = condition.format(resource=place, privilege=error.privilege)
    elif isinstance(error, UnsupportedFilter):
        name = multistatus.sentence(error.prop_filter[:80]).replace('"', "&quot;")
        condition = condition.format(prop_filter=f'<CR:prop-filter name="{name}"/>' if name else "")
    words = error.message if isinstance(error, InvalidValue) else str(error)
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, (Throttled, Unavailable)):
        headers = (("Retry-After", str(error.retry_after)),)
    elif isinstance(error, Rejected):
        headers = (CHALLENGE,)
    return refusal(status, words, *headers, condition=condition, reason=type(error).__name__)


def refusal(status: int, words: str, *headers: tuple[str, str], condition: str = "", reason: str = "refused") -> Answer:
    """An answer that refuses, with a sentence for people and a condition for clients."""
    body = multistatus.error(condition, words)
    return answer(status, body, ("Content-Type", XML), *headers, reason=reason)
