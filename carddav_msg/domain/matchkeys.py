"""Match keys: what makes a card and a user the same person (DESIGN §1, `auto_link`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.user import Profile

MatchKey = tuple[str, str]
EXTENSION: Final = "ext"


def match_keys(profile: Profile, sip: Iterable[str]) -> Iterator[MatchKey]:
    """(kind, key) of a profile and SIP addresses: `tel` in E.164, `ext`, `email`, `sip`; keys are folded."""
    for number in profile.numbers:
        if number.e164:
            yield "tel", number.e164
        elif number.kind == "extension":
            yield EXTENSION, fold(number.entered)
    for email in profile.emails:
        yield "email", fold(email.address)
    for address in filter(None, sip):
        yield "sip", fold(address)
