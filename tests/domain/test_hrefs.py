"""Paths of the CardDAV tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain import hrefs
from carddav_msg.errors import InvalidValue

segments = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=60
).filter(lambda text: text not in (".", "..") and len(text.encode()) <= hrefs.HREF_LENGTH)


@given(st.lists(segments, max_size=3), st.booleans())
def test_every_segment_survives_the_url(parts: list[str], slash: bool) -> None:
    """What is encoded into an href is what is decoded from the request for it."""
    path = "/" + "/".join(map(hrefs.encode, parts)) + ("/" if slash and parts else "")
    parsed = hrefs.parse(path)
    assert parsed.segments == tuple(parts)
    assert parsed.collection == (slash or not parts)


@pytest.mark.parametrize("path", ["/a/../b", "/a/%2e%2e", "/a/%00", "/a/%2F", "/%ff", "/" + "x" * 256, "/a%0Ab"])
def test_paths_that_name_nothing_are_refused(path: str) -> None:
    """Traversal, control characters, encoded slashes and broken UTF-8 end at the door."""
    with pytest.raises(InvalidValue):
        hrefs.parse(path)


def test_the_parts_of_a_path_have_names() -> None:
    """Principal, book, card; empty where the path is shorter."""
    path = hrefs.parse("/acme~1000/directory/a%20b.vcf")
    assert (path.principal, path.book, path.card, path.collection) == ("acme~1000", "directory", "a b.vcf", False)
    assert hrefs.parse("/").segments == ()
