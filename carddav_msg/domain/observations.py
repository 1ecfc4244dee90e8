"""What was last seen of a user on a face: enough to answer "why does it not work for them", and nothing secret."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import Final

AGENT_LENGTH: Final = 120
LOGIN_LENGTH: Final = 150
DEVICE_LENGTH: Final = 200


class Outcome(enum.StrEnum):
    """Of each user and face the last success and the last failure are kept."""

    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Observation:
    """One visit. Empty texts were not told; `at` is microseconds UTC.

    `reason` says why a failure was one (see `errors.Rejected`); `agent` is the User-Agent, `login` the spelling that
    was typed, `matched` which name of the user it is, `device` the phone, `cloud_id` the app. `network_id` is what
    provisioning served (empty: left out, so the app uses its Cloud ID). `book` and `seq` are the directory book and
    its last change at the moment when its contacts or cards were fetched, 0 when nothing was.
    """

    user: int
    face: str
    outcome: Outcome
    at: int = 0
    reason: str = ""
    agent: str = ""
    login: str = ""
    matched: str = ""
    device: str = ""
    cloud_id: str = ""
    network_id: str = ""
    book: int = 0
    seq: int = 0


def shown(text: str, length: int) -> str:
    """A text of a stranger as it is kept: printable characters only, and not too many."""
    short = text[:length]
    return "".join(c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in short)
