"""Tests of the storage plugin through the engine: bytes kept, tokens, queries, books made, named and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.errors import Unavailable
from carddav_msg.services.addressbooks import AddressBooks
from carddav_msg.services.authentication import Face
from tests.plugins.installation import CARD, PASSWORD, card, engine_client
from tests.plugins.webdav import Dav, mkcol, multiget, propfind, proppatch, query, sync

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

HOME = "/acme~anna/"
PERSONAL = "/acme~anna/personal/"
DIRECTORY = "/acme~anna/directory/"
ETAG = propfind("D:getetag")


def test_the_bytes_of_the_client_are_kept(dav: Dav) -> None:
    """Commas, folds, case and order of a card come back as they were sent, and its ETag is the one of the PUT."""
    put = dav("PUT", PERSONAL + "a.vcf", CARD, content_type="text/vcard")
    got = dav("GET", PERSONAL + "a.vcf")
    assert (put.status, got.body) == (201, CARD.encode())
    assert put.headers["etag"] == got.headers["etag"]


def test_a_card_without_uid_gets_one_and_keeps_it(dav: Dav) -> None:
    """The store gives a UID; what is served differs then, so the ETag of the answer is that of no card."""
    bare = CARD.replace("UID:card-1\r\n", "")
    put = dav("PUT", PERSONAL + "a.vcf", bare)
    first = dav("GET", PERSONAL + "a.vcf")
    assert put.status == 201
    assert put.headers["etag"] != first.headers["etag"]
    assert dav("PUT", PERSONAL + "a.vcf", bare.replace("Kamil", "Karel")).status == 204
    second = dav("GET", PERSONAL + "a.vcf")
    assert "FN:Karel" in second.text
    assert [line for line in first.text.splitlines() if line.startswith("UID")] == [
        line for line in second.text.splitlines() if line.startswith("UID")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nFN:cut",
        CARD + CARD,
        CARD.replace("3.0", "2.1"),
        "BEGIN:VCALENDAR",
    ],
)
def test_what_is_no_card_is_refused(dav: Dav, body: str) -> None:
    """400, and nothing is stored."""
    assert dav("PUT", PERSONAL + "a.vcf", body).status == 400
    assert dav("GET", PERSONAL + "a.vcf").status == 404


def test_a_uid_is_in_a_book_once(dav: Dav) -> None:
    """Another card with a UID of the book is refused with `no-uid-conflict`, in another book it is welcome."""
    dav("PUT", PERSONAL + "a.vcf", CARD)
    again = dav("PUT", PERSONAL + "b.vcf", CARD)
    assert (again.status, "no-uid-conflict" in again.text) == (409, True)
    assert dav("PUT", HOME + "team/a.vcf", CARD).status == 201


def test_a_put_on_the_url_of_a_book_does_not_replace_it(dav: Dav) -> None:
    """Refused, with and without the slash; the book and its cards stay."""
    dav("PUT", PERSONAL + "a.vcf", CARD)
    for path in (PERSONAL, PERSONAL.rstrip("/")):
        assert dav("PUT", path, card("other", "FN:Other"), content_type="text/vcard").status == 403
    assert PERSONAL + "a.vcf" in dav("PROPFIND", PERSONAL, ETAG, depth="1").responses


def test_preconditions_are_tested(dav: Dav) -> None:
    """If-Match of another state and If-None-Match of a card that is there are answered 412."""
    etag = dav("PUT", PERSONAL + "a.vcf", CARD, If_None_Match="*").headers["etag"]
    assert dav("PUT", PERSONAL + "a.vcf", CARD, If_None_Match="*").status == 412
    assert dav("PUT", PERSONAL + "a.vcf", CARD, If_Match='"old"').status == 412
    assert dav("DELETE", PERSONAL + "a.vcf", If_Match='"old"').status == 412
    assert dav("PUT", PERSONAL + "a.vcf", CARD.replace("Kamil", "Karel"), If_Match=etag).status == 204


@pytest.mark.parametrize("header", ["if_match", "if_none_match"])
def test_two_writers_with_the_same_precondition_do_not_both_win(
    filled: Services, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """A change between the engine's test and the write is noticed by the writing transaction."""
    dav = engine_client(filled)
    principal = filled.authentication.enter("acme~anna", PASSWORD, Face.CARDDAV).principal
    book = filled.addressbooks.book(principal, "personal")
    assert book is not None
    value = "*"
    if header == "if_match":
        value = dav("PUT", PERSONAL + "a.vcf", CARD).headers["etag"]
    put = AddressBooks.put

    def overtaken(self: AddressBooks, *arguments: object) -> object:
        monkeypatch.setattr(AddressBooks, "put", put)
        put(self, principal, book, "a.vcf", card("card-1", "FN:First").encode(), Preconditions())
        return put(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(AddressBooks, "put", overtaken)
    assert dav("PUT", PERSONAL + "a.vcf", card("card-1", "FN:Second"), **{header: value}).status == 400
    assert "FN:First" in dav("GET", PERSONAL + "a.vcf").text


def test_sync_lists_changes_and_deletions(dav: Dav) -> None:
    """A token leads to what changed since; an initial sync lists no old deletions."""
    dav("PUT", PERSONAL + "old.vcf", card("old", "FN:Old"))
    dav("DELETE", PERSONAL + "old.vcf")
    dav("PUT", PERSONAL + "a.vcf", card("a", "FN:A"))
    dav("PUT", PERSONAL + "b.vcf", card("b", "FN:B"))
    first = dav("REPORT", PERSONAL, sync("", "D:getetag"))
    assert first.responses.keys() == {PERSONAL + "a.vcf", PERSONAL + "b.vcf"}
    assert first.token == dav("PROPFIND", PERSONAL, propfind("D:sync-token")).prop(PERSONAL, "D:sync-token")
    dav("DELETE", PERSONAL + "a.vcf")
    dav("PUT", PERSONAL + "c.vcf", card("c", "FN:C"))
    second = dav("REPORT", PERSONAL, sync(first.token, "CR:address-data"))
    assert second.responses[PERSONAL + "a.vcf"].status == 404
    assert second.prop(PERSONAL + "c.vcf", "CR:address-data").splitlines() == card("c", "FN:C").splitlines()
    assert PERSONAL + "b.vcf" not in second.responses
    assert dav("REPORT", PERSONAL, sync(second.token, "D:getetag")).responses == {}


@pytest.mark.parametrize("token", ["nonsense", "data:,1/999.1.1", "http://radicale.org/ns/sync/1"])
def test_a_foreign_sync_token_starts_anew(dav: Dav, token: str) -> None:
    """403 with `valid-sync-token`: clients then ask without one."""
    answer = dav("REPORT", PERSONAL, sync(token, "D:getetag"))
    assert (answer.status, "valid-sync-token" in answer.text) == (403, True)


def test_multiget_answers_every_href(dav: Dav) -> None:
    """Found cards with their data, others as 404."""
    dav("PUT", PERSONAL + "a b.vcf", card("a", "FN:A"))
    answer = dav("REPORT", PERSONAL, multiget([PERSONAL + "a%20b.vcf", PERSONAL + "none.vcf"], "CR:address-data"))
    assert "FN:A" in answer.prop(PERSONAL + "a b.vcf", "CR:address-data")
    assert answer.responses[PERSONAL + "none.vcf"].status == 404


@pytest.mark.parametrize("name", ["a,b.vcf", "it's.vcf", "50%.vcf", "x@y:z.vcf", "ž é.vcf", "*.vcf"])
def test_hrefs_may_have_what_clients_put_into_them(dav: Dav, name: str) -> None:
    """Stored, listed and read under the very name."""
    assert dav("PUT", PERSONAL + name, CARD).status == 201
    assert PERSONAL + name in dav("PROPFIND", PERSONAL, ETAG, depth="1").responses
    assert dav("GET", PERSONAL + name).body == CARD.encode()


def test_a_listing_has_what_is_asked_of_each_card(dav: Dav) -> None:
    """Size, time and type of the cards come with PROPFIND Depth 1 too."""
    dav("PUT", PERSONAL + "a.vcf", CARD)
    answer = dav("PROPFIND", PERSONAL, propfind("D:getcontentlength", "D:getlastmodified", "D:resourcetype"), depth="1")
    assert answer.prop(PERSONAL + "a.vcf", "D:getcontentlength") == str(len(CARD.encode()))
    assert answer.prop(PERSONAL + "a.vcf", "D:getlastmodified").endswith(" GMT")
    assert answer.prop(PERSONAL + "a.vcf", "D:resourcetype") == ""


def test_a_listing_of_etags_reads_no_card(dav: Dav, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evolution lists etags of whole books: no text is read for that."""
    dav("PUT", PERSONAL + "a.vcf", CARD)
    monkeypatch.setattr(AddressBooks, "texts", None)
    assert PERSONAL + "a.vcf" in dav("PROPFIND", PERSONAL, ETAG, depth="1").responses


FILTERS = {
    "": {"a", "b", "c"},
    '<CR:prop-filter name="FN"><CR:text-match>adler</CR:text-match></CR:prop-filter>': {"a"},
    '<CR:prop-filter name="FN"><CR:text-match match-type="starts-with">b</CR:text-match></CR:prop-filter>': {"b"},
    '<CR:prop-filter name="EMAIL"/>': {"b"},
    '<CR:prop-filter name="EMAIL"><CR:is-not-defined/></CR:prop-filter>': {"a", "c"},
    '<CR:prop-filter name="TEL"><CR:param-filter name="TYPE"><CR:text-match>cell</CR:text-match></CR:param-filter>'
    "</CR:prop-filter>": {"c"},
    '<CR:prop-filter name="CATEGORIES"><CR:text-match match-type="equals">vip, really</CR:text-match>'
    "</CR:prop-filter>": {"c"},
    '<CR:prop-filter name="N"><CR:text-match>ada</CR:text-match></CR:prop-filter>': {"a"},
    '<CR:prop-filter name="X-OWN"><CR:text-match>1; 2</CR:text-match></CR:prop-filter>': {"c"},
}


@pytest.mark.parametrize("filters", FILTERS)
def test_queries_filter(dav: Dav, filters: str) -> None:
    """addressbook-query by text, parameter and absence; without a condition every card matches."""
    dav("PUT", PERSONAL + "a", card("a", "FN:Ada Adler", "N:Adler;Ada;;;"))
    dav("PUT", PERSONAL + "b", card("b", "FN:Bob, of course", "EMAIL:bob@example.com"))
    dav(
        "PUT",
        PERSONAL + "c",
        card("c", "FN:Cy", "item1.TEL;TYPE=CELL:1", "CATEGORIES:work,VIP\\, really", "X-Own:1\\; 2"),
    )
    answer = dav("REPORT", PERSONAL, query(f"<CR:filter>{filters}</CR:filter>", "D:getetag"), depth="1")
    assert {href.removeprefix(PERSONAL) for href in answer.responses} == FILTERS[filters]


def test_a_query_with_a_broken_filter_is_a_bad_request(dav: Dav) -> None:
    """400, not a failure of the server."""
    dav("PUT", PERSONAL + "a", CARD)
    filters = '<CR:filter><CR:prop-filter name="FN"><CR:nonsense/><CR:nonsense/></CR:prop-filter></CR:filter>'
    assert dav("REPORT", PERSONAL, query(filters, "D:getetag")).status == 400


def test_a_whole_book_can_be_read(dav: Dav) -> None:
    """GET of a book is an export of its cards."""
    dav("PUT", PERSONAL + "a.vcf", card("a", "FN:A"))
    dav("PUT", PERSONAL + "b.vcf", card("b", "FN:B"))
    assert dav("GET", PERSONAL).text == card("a", "FN:A") + card("b", "FN:B")


def test_books_are_made_named_and_deleted(dav: Dav) -> None:
    """Extended MKCOL makes a personal book, PROPPATCH changes it, DELETE removes it with its cards."""
    book = HOME + "friends/"
    made = mkcol(D__displayname="Friends", CR__addressbook_description="of mine", INF__addressbook_color="#ff0000")
    assert dav("MKCOL", book, made).status == 201
    names = ("D:displayname", "CR:addressbook-description", "INF:addressbook-color", "D:resourcetype")
    answer = dav("PROPFIND", book, propfind(*names))
    assert [answer.prop(book, name) for name in names[:3]] == ["Friends", "of mine", "#ff0000"]
    assert dav("PROPPATCH", book, proppatch(D__displayname="Best friends")).status == 207
    answer = dav("PROPFIND", book, propfind(*names))
    assert [answer.prop(book, name) for name in names[:3]] == ["Best friends", "of mine", "#ff0000"]
    assert "CR:addressbook" in answer.prop(book, "D:resourcetype")
    assert dav("MKCOL", book, made).status == 405
    assert dav("PUT", book + "a.vcf", CARD).status == 201
    assert dav("DELETE", book).status == 200
    assert dav("PROPFIND", book, ETAG).status == 404
    assert dav("DELETE", PERSONAL).status == 403


def test_a_new_book_is_there_for_the_rest_of_the_day(dav: Dav) -> None:
    """A book made in one request takes cards in the next, and is in the home."""
    dav("MKCOL", HOME + "friends/", mkcol())
    assert dav("PUT", HOME + "friends/a.vcf", CARD).status == 201
    assert HOME + "friends/" in dav("PROPFIND", HOME, propfind("D:displayname"), depth="1").responses


@pytest.mark.parametrize(
    "update",
    [
        "<D:set><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop></D:set>",
        "<D:set><D:prop><D:resourcetype><D:collection/><CR:addressbook/></D:resourcetype></D:prop></D:set>",
        "<D:remove><D:prop><D:resourcetype/></D:prop></D:remove>",
    ],
)
def test_no_proppatch_takes_the_type_of_a_book_away(dav: Dav, update: str) -> None:
    """The book stays an address book, and nothing else of that request is done either."""
    name = "<D:set><D:prop><D:displayname>Broken</D:displayname></D:prop></D:set>"
    body = (
        f'<D:propertyupdate xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">{name}{update}</D:propertyupdate>'
    )
    assert dav("PROPPATCH", PERSONAL, body).status == 403
    answer = dav("PROPFIND", PERSONAL, propfind("D:resourcetype", "D:displayname"))
    assert "CR:addressbook" in answer.prop(PERSONAL, "D:resourcetype")
    assert answer.prop(PERSONAL, "D:displayname") != "Broken"
    assert dav("PUT", PERSONAL + "a.vcf", CARD).status == 201


def test_properties_that_are_not_kept_are_refused(dav: Dav) -> None:
    """Rather than accepted and forgotten; the properties beside them are not changed then."""
    body = proppatch(D__displayname="New", CR__nonsense="x")
    assert dav("PROPPATCH", PERSONAL, body).status == 403
    assert dav("MKCOL", HOME + "friends/", mkcol(CR__nonsense="x")).status == 403
    assert dav("PROPFIND", PERSONAL, propfind("D:displayname")).prop(PERSONAL, "D:displayname") != "New"
    assert dav("PROPFIND", HOME + "friends/", ETAG).status == 404


def test_cards_are_not_moved(dav: Dav) -> None:
    """MOVE is refused and leaves the card where it is."""
    dav("PUT", PERSONAL + "a.vcf", CARD)
    assert dav("MOVE", PERSONAL + "a.vcf", destination=HOME + "team/a.vcf").status == 403
    assert dav("GET", PERSONAL + "a.vcf").status == 200
    assert dav("GET", HOME + "team/a.vcf").status == 404


def test_a_writer_of_a_shared_book_writes_for_all(dav: Dav, dav_of: Callable[..., Dav]) -> None:
    """A card of one member is the card of the others, with the same etag."""
    dav("PUT", HOME + "team/a.vcf", CARD)
    mine, theirs = dav("GET", HOME + "team/a.vcf"), dav_of("acme~bob")("GET", "/acme~bob/team/a.vcf")
    assert (mine.body, mine.headers["etag"]) == (theirs.body, theirs.headers["etag"])


def test_the_directory_has_the_users_with_their_identity(dav: Dav) -> None:
    """The cards of the directory carry the messaging identity."""
    cards = [
        one.props["CR:address-data"][1]
        for one in dav("REPORT", DIRECTORY, sync("", "CR:address-data")).responses.values()
    ]
    assert sorted(line for text in cards for line in text.splitlines() if line.startswith("X-CLOUD")) == [
        "X-CLOUD-USERNAME:anna",
        "X-CLOUD-USERNAME:bob",
    ]


def test_the_home_is_found_before_anything_is_read(filled: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine looks for the user's home before each request: that costs no read of the books."""
    read: list[str] = []
    home = AddressBooks.home

    def counted(self: AddressBooks, principal: object) -> object:
        read.append("home")
        return home(self, principal)  # type: ignore[arg-type]

    monkeypatch.setattr(AddressBooks, "home", counted)
    dav = engine_client(filled)
    assert dav("PROPFIND", HOME, propfind("D:current-user-principal")).status == 207
    assert read == []
    assert dav("PROPFIND", HOME, propfind("D:displayname", "D:sync-token"), depth="1").status == 207
    assert read == ["home"]


def test_an_unavailable_database_is_a_failure_of_the_server(dav: Dav, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 and nothing stored; never a success, and never a 404 for which clients would delete their copies."""

    def away(*_: object) -> None:
        raise Unavailable("The database is away.")

    dav("PUT", PERSONAL + "a.vcf", CARD)
    for method in ("home", "put", "card", "create_book", "set_properties"):
        with monkeypatch.context() as patch:
            patch.setattr(AddressBooks, method, away)
            if method in ("home", "card"):
                assert dav("GET", PERSONAL + "a.vcf").status == 500
            if method in ("home", "put"):
                assert dav("PUT", PERSONAL + "b.vcf", card("b", "FN:B")).status == 500
            if method in ("home", "create_book"):
                assert dav("MKCOL", HOME + "friends/", mkcol()).status == 500
            if method in ("home", "set_properties"):
                assert dav("PROPPATCH", PERSONAL, proppatch(D__displayname="x")).status == 500
    assert dav("GET", PERSONAL + "a.vcf").status == 200
