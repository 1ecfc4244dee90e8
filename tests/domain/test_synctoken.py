"""Sync tokens: round trip, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain.synctoken import SyncToken, ctag
from carddav_msg.errors import InvalidSyncToken

numbers = st.integers(0, 10**18 - 1)


@given(numbers, numbers, numbers, st.none() | numbers)
def test_every_token_comes_back(book: int, epoch: int, seq: int, start: int | None) -> None:
    """What a client sends back is what it was given, and it is a URI (RFC 6578 §3.2)."""
    token = SyncToken(book, epoch, seq, start)
    assert str(token).startswith("data:,")
    assert SyncToken.parse(str(token)) == token


@pytest.mark.parametrize(
    "text", ["", "x", "data:,1/1.1", "data:,1/1.1.-1", "data:,2/1.1.1", "data:,1/1.1.1\n", "data:,1/١.1.1"]
)
def test_other_texts_are_no_tokens(text: str) -> None:
    """Foreign tokens lead to a new initial sync, never to a wrong delta."""
    with pytest.raises(InvalidSyncToken):
        SyncToken.parse(text)


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (SyncToken(2, 1, 5), "another book"),
        (SyncToken(1, 2, 5), "another epoch"),
        (SyncToken(1, 1, 11), "the future"),
        (SyncToken(1, 1, 5, 11), "a start in the future"),
        (SyncToken(1, 1, 3), "older than the floor"),
        (SyncToken(1, 1, 9, 3), "an initial sync that began before the floor"),
    ],
)
def test_a_token_of_another_state_is_refused(token: SyncToken, fault: str) -> None:
    """A token is good for its own book, epoch and the time deletions are remembered."""
    with pytest.raises(InvalidSyncToken):
        token.check(book=1, epoch=1, seq=10, floor=4)


def test_an_unfinished_initial_sync_is_measured_by_its_start() -> None:
    """Its place in the list may be below the floor; deletions before its start are none of its business."""
    token = SyncToken(1, 1, 2, 6).check(book=1, epoch=1, seq=10, floor=4)
    assert token.deletions_after == 6
    assert SyncToken(1, 1, 8).deletions_after == 8


def test_the_collection_tag_moves_with_book_epoch_and_number() -> None:
    """A change, a restored backup and another book (a view that takes its place) all have another tag."""
    assert len({ctag(1, 1, 1), ctag(1, 1, 2), ctag(1, 2, 1), ctag(2, 1, 1)}) == 4
