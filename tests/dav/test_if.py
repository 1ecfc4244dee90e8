"""The If header (RFC 4918 §10.4) with entity tags and sync tokens (RFC 6578 §5), tested in the writing transaction."""

from __future__ import annotations

import pytest

from tests.dav.clients import CR, D, vcard
from tests.dav.conftest import House


def _token(house: House) -> str:
    book = house.anna.propfind(house.personal, D + "sync-token").members[house.personal]
    return book.text(D + "sync-token")


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        ("([{etag}])", True),
        ("([{variant}])", True),
        ('(["x"])', False),
        ('(["x"]) ([{etag}])', True),
        ('(["x"] [{etag}])', False),
        ('(Not ["x"] [{etag}])', True),
        ("(not [{etag}])", False),
        ("([W/{etag}])", False),
        ("(<DAV:no-lock>)", False),
        ("(Not <DAV:no-lock>)", True),
        ("(<{token}>)", False),  # a card has no sync token
        ("<{book}> (<{token}>)", True),
        ("<http://localhost{book}> (<{token}>)", True),
        ("<{book}> (<{old}>)", False),
        ("<{book}> (<{old}>) ([{ctag}])", True),
        ("<{book}> (<{token}>) <{card}> ([{etag}])", True),
        ("<{book}> (<{old}>) <{card}> ([{etag}])", True),
        ("<{book}> (<{token}> [{etag}])", False),
        ("<{card}> ([{etag}])", True),
        ("<http://elsewhere.example{book}> (<{token}>)", False),
        ("<{other}> ([{etag}])", False),
        ("<{other}> (Not [{etag}])", True),
        ("</elsewhere/> (<{token}>)", False),
        ("<http://[> (<{token}>)", False),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "MOVE"])
def test_one_list_with_all_its_conditions_has_to_hold(house: House, method: str, header: str, holds: bool) -> None:
    """Tags of the card, tokens and tags of its book; what is not known does not hold."""
    card = house.personal + "a.vcf"
    house.anna.put(card, vcard("1"))
    old = _token(house)
    etag = house.anna.put(card, vcard("2")).headers["ETag"]
    token = _token(house)
    ctag = house.anna.propfind(house.personal, D + "getetag").members[house.personal].text(D + "getetag")
    values = {"etag": etag, "variant": f'{etag[:-1]}-v4"', "token": token, "old": old, "ctag": ctag, "card": card}
    given = header.format(**values, book=house.personal, other=house.personal + "b.vcf")
    headers = {"if": given, "host": "localhost", "destination": house.personal + "c.vcf"}
    reply = house.anna(method, card, vcard("3") if method == "PUT" else b"", content_type="text/vcard", **headers)
    assert (reply.status < 300) == holds, reply.body
    if not holds:
        assert reply.status == 412
        assert house.anna("GET", card).body == vcard("2").encode()


def test_a_card_can_be_made_in_a_book_that_has_not_changed(house: House) -> None:
    """The state of the book guards a card that is not there yet; a second one needs the next token."""
    state = f"<{house.personal}> (<{_token(house)}>)"
    assert house.anna.put(house.personal + "a.vcf", vcard(uid="a"), **{"if": state}).status == 201
    assert house.anna.put(house.personal + "b.vcf", vcard(uid="b"), **{"if": state}).status == 412


def test_a_book_can_be_deleted_in_a_state(house: House) -> None:
    """Without a resource tag the header speaks of the resource itself, here the book."""
    assert house.anna("GET", house.personal, **{"if": f"(<{_token(house)}>)"}).status == 200
    assert house.anna("GET", house.personal, **{"if": "(<data:,1/1.1.9>)"}).status == 412


def test_a_get_of_a_card_that_has_changed_can_be_refused(house: House) -> None:
    """If-Match works for reading too (RFC 9110 §13.1.1)."""
    card = house.personal + "a.vcf"
    etag = house.anna.put(card, vcard()).headers["ETag"]
    assert house.anna("GET", card, if_match=etag).status == 200
    assert house.anna("GET", card, if_match='"x"').status == 412
    assert house.anna("HEAD", card, if_match="*").status == 200


def test_times_are_no_precondition(house: House) -> None:
    """Two changes of one second have one time: who goes by it would keep the older card."""
    card = house.personal + "a.vcf"
    house.anna.put(card, vcard("1"))
    time = house.anna("GET", card).headers["Last-Modified"]
    house.anna.put(card, vcard("2"))
    assert house.anna("GET", card, if_modified_since=time).body == vcard("2").encode()


@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "PROPPATCH", "MKCOL"])
def test_other_methods_are_conditional_too(house: House, method: str) -> None:
    """Of a book with its token or tag, of a card with its tag; a book that is to be made has neither."""
    card = house.personal + "a.vcf"
    etag = house.anna.put(card, vcard()).headers["ETag"]
    token = _token(house)
    path = {"MKCOL": house.home + "new/", "PROPFIND": card}.get(method, house.personal)
    made = "<D:resourcetype><D:collection/><CR:addressbook/></D:resourcetype>"
    body = {
        "PROPFIND": "",
        "REPORT": '<sync-collection xmlns="DAV:"><sync-token/><prop/></sync-collection>',
        "PROPPATCH": '<propertyupdate xmlns="DAV:"><set><prop><getetag/></prop></set></propertyupdate>',
        "MKCOL": f'<D:mkcol xmlns:D="DAV:" xmlns:CR="{CR[1:-1]}"><D:set><D:prop>{made}</D:prop></D:set></D:mkcol>',
    }[method]
    its_own = {"PROPFIND": f"([{etag}])", "MKCOL": "(Not <data:,x>)"}.get(method, f"(<{token}>)")
    of_the_book = f"<{house.personal}> (<{token}>)" if method != "MKCOL" else f"(Not <{token}>)"
    for header in (its_own, of_the_book):
        assert house.anna(method, path, body, **{"if": header}).status < 300
    for header in ('(["x"])', f"<{house.personal}> (Not <{token}>)", "</dav/acme~anna/> (<data:,x>)"):
        expected = 200 if method == "MKCOL" and "Not" in header else 412
        assert house.anna(method, path, body, **{"if": header}).status // 100 == expected // 100, header
