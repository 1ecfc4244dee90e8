"""Answers packed with gzip (RFC 9110 §8.4, §12.5.3)."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.dav.clients import Reply, vcard
from tests.dav.conftest import House

LONG = "NOTE:" + "long " * 1000


@pytest.fixture
def full(house: House) -> House:
    """Anna's book with so many cards that a listing is more than one piece."""
    for number in range(60):
        house.anna.put(f"{house.personal}{number}.vcf", vcard("Ada", f"u{number}", LONG))
    return house


def listed(house: House, accepted: str | None) -> Reply:
    """All cards with their texts."""
    headers = {} if accepted is None else {"accept_encoding": accepted}
    hrefs = "".join(f"<D:href>{house.personal}{number}.vcf</D:href>" for number in range(60))
    body = (
        '<CR:addressbook-multiget xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><D:prop><D:getetag/>'
        f"<CR:address-data/></D:prop>{hrefs}</CR:addressbook-multiget>"
    )
    return house.anna("REPORT", house.personal, body, **headers)


@pytest.mark.parametrize(
    "accepted", ["gzip", "br, GZIP;q=0.5", "x-gzip , deflate", "deflate, gzip;q=1.0", "gzip;q=0.001"]
)
def test_a_long_answer_is_packed_for_who_takes_gzip(full: House, accepted: str) -> None:
    """It is the same to the byte, much smaller, and its length is not that of the plain one."""
    plain, packed = listed(full, None), listed(full, accepted)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Content-Length" not in packed.headers
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4


@pytest.mark.parametrize(
    "accepted", [None, "", "identity", "deflate", "gzip;q=0", "gzip;q=0.000, br", "notgzip", "gzipped"]
)
def test_nobody_else_gets_it(full: House, accepted: str | None) -> None:
    """Without the word, or with a weight of nothing, the answer is plain."""
    assert "Content-Encoding" not in listed(full, accepted).headers


def test_what_fits_a_packet_stays_plain(house: House) -> None:
    """A poll, a refusal and a card are sent as they are: a card's tag is that of its bytes."""
    answers = [
        house.anna("PROPFIND", house.personal, "", depth="0", accept_encoding="gzip"),
        house.anna("GET", house.personal + "nothing.vcf", accept_encoding="gzip"),
        house.anna.put(house.personal + "a.vcf", vcard("Ada", "a", LONG)),
        house.anna("GET", house.personal + "a.vcf", accept_encoding="gzip"),
    ]
    assert [("Content-Encoding" in answer.headers, answer.status) for answer in answers] == [
        (False, 207),
        (False, 404),
        (False, 201),
        (False, 200),
    ]


def test_it_comes_piece_by_piece(full: House) -> None:
    """The first piece can be unpacked by itself: a phone sees at once that something comes."""
    packed = listed(full, "gzip").body
    beginning = zlib.decompressobj(31).decompress(packed[:2000])
    assert beginning.startswith(b"<?xml")
