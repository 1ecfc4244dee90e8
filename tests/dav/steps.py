"""What happens to a server with two clients: edits, syncs, and whatever else there is (for hypothesis)."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.dav.expected import WRITTEN

BOOKS = ("directory", *WRITTEN)
HREFS = ("a.vcf", "b&.vcf", "c ü.vcf", "d%.vcf", "e.vcf")
NETWORK_IDS = ("acme", "globex", "initech")


@dataclass(frozen=True)
class Edit:
    """What a client does to a card: `basis` is what it compares with, `pair` what it writes of the identity."""

    action: str
    book: str
    href: str
    basis: str
    pair: str
    uid: str


EDITS = st.builds(
    Edit,
    st.sampled_from(["put", "put", "put", "again", "delete", "delete"]),
    st.sampled_from(["team", "team", "personal", "friends"]),
    st.sampled_from(HREFS),
    st.sampled_from(["known", "known", "known", "new", "none", "none", "stale"]),
    st.sampled_from(["known", "known", "right", "old", "forged", "none"]),
    st.sampled_from([*["own"] * 6, "none", "another's"]),
)


@dataclass(frozen=True)
class Edits:
    """A device writes, one card after the other."""

    device: int
    edits: list[Edit]


@dataclass(frozen=True)
class Sync:
    """A device asks for one report, perhaps of a sync that goes on later; the other one writes between its pages."""

    device: int
    book: str
    limit: int | None
    inline: bool
    meanwhile: Edit | None


@dataclass(frozen=True)
class Event:
    """Whatever else happens at a server; `which` of several things there are to choose from."""

    name: str
    which: int


_DEVICES = st.sampled_from([0, 1])
_LIMITS = st.sampled_from([None, 1, 1, 2, 3])
_EVENTS = ("ben", "ben", "rename", "carl", "remake", "prune", "prune", "back up", "restore", "settle")
# One strategy, not a rule for each: of several rules hypothesis leaves some out for a whole history.
STEPS = st.one_of(
    st.builds(Edits, _DEVICES, st.lists(EDITS, min_size=1, max_size=4)),
    st.builds(Sync, _DEVICES, st.sampled_from(BOOKS), _LIMITS, st.booleans(), st.none() | EDITS),
    st.builds(Event, st.sampled_from(_EVENTS), st.integers(0, 9)),
)
