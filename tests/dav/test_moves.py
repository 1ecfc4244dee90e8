"""MOVE: the card arrives as it was, under exactly the name that was sent, and nobody's card is lost on the way."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.dav.clients import D, vcard
from tests.dav.conftest import House


def _shelf(house: House) -> str:
    house.anna.put(house.personal + "a.vcf", vcard("A", "a"))
    return house.personal + "a.vcf"


@pytest.mark.parametrize("name", ["b.vcf", "2?z.vcf", "100%25.vcf", "a#b.vcf", "Ünï & <c>.vcf", "x;y,z:'*.vcf"])
@pytest.mark.parametrize("url", ["http://localhost", ""])
def test_a_card_arrives_under_the_name_that_was_sent(house: House, name: str, url: str) -> None:
    """The destination is a URL or a path, parsed before it is decoded."""
    source = _shelf(house)
    target = house.personal + quote(name)
    reply = house.anna("MOVE", source, destination=url + target, host="localhost")
    assert reply.status == 201
    assert set(house.anna.sync(house.personal).members) == {house.personal + name}
    assert house.anna("GET", target).body.decode() == vcard("A", "a")
    assert house.anna("GET", reply.headers["Location"]).status == 200
    assert house.anna("GET", source).status == 404


def test_a_move_is_a_deletion_and_a_new_card_to_who_syncs(house: House) -> None:
    """Other clients of both books learn of it."""
    source = _shelf(house)
    team = house.shared_book("team", "write")
    tokens = [house.anna.sync(book).xml.findtext(D + "sync-token") or "" for book in (house.personal, team)]
    assert house.anna("MOVE", source, destination=team + "a.vcf").status == 201
    here, there = (house.anna.sync(*pair).members for pair in zip((house.personal, team), tokens, strict=True))
    assert [(href, member.gone) for href, member in here.items()] == [(source, True)]
    assert [(href, member.gone) for href, member in there.items()] == [(team + "a.vcf", False)]


def test_a_card_at_the_destination_is_replaced_unless_that_is_forbidden(house: House) -> None:
    """Overwrite is T where it is not sent (RFC 4918 §10.6); with F nothing happens."""
    source = _shelf(house)
    target = house.personal + "b.vcf"
    house.anna.put(target, vcard("B", "b"))
    assert house.anna("MOVE", source, destination=target, overwrite="F").status == 412
    assert house.anna("GET", target).body.decode() == vcard("B", "b")
    assert house.anna("MOVE", source, destination=target).status == 204
    assert house.anna("GET", target).body.decode() == vcard("A", "a")
    assert house.anna("MOVE", target, destination=source, overwrite="F").status == 201


def test_a_move_of_a_card_that_has_changed_is_refused(house: House) -> None:
    """If-Match and If speak of the card that is moved."""
    source = _shelf(house)
    target = house.personal + "b.vcf"
    etag = house.anna("GET", source).headers["ETag"]
    house.anna.put(source, vcard("New", "a"))
    assert house.anna("MOVE", source, destination=target, if_match=etag).status == 412
    assert house.anna("MOVE", source, destination=target, **{"if": f"([{etag}])"}).status == 412
    assert house.anna("MOVE", source, destination=target, if_match="*").status == 201


def test_who_may_not_delete_may_not_move_away(house: House) -> None:
    """A card of a read-only book stays, and one can't be put there."""
    source = _shelf(house)
    readonly = house.shared_book("readonly", "read")
    reply = house.anna("MOVE", source, destination=readonly + "a.vcf")
    assert (reply.status, reply.condition) == (403, D + "need-privileges")
    card = next(href for href in house.anna.sync(house.directory).members)
    assert house.anna("MOVE", card, destination=house.personal + "x.vcf").status == 403
    assert house.anna("GET", source).status == 200


def test_a_destination_in_an_other_spelling_of_the_home_is_the_home(house: House) -> None:
    """As everywhere else, case and percent-encoding of the principal do not matter."""
    source = _shelf(house)
    assert house.anna("MOVE", source, destination="/dav/ACME%7Eanna/personal/b.vcf").status == 201
    assert house.anna("GET", house.personal + "b.vcf").status == 200
