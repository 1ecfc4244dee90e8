"""sync-collection and addressbook-multiget."""

from __future__ import annotations

import pytest

from tests.dav.clients import CR, D, Reply, vcard
from tests.dav.conftest import House

DATA = CR + "address-data"


def _token(reply: Reply) -> str:
    token = reply.xml.findtext(D + "sync-token")
    assert token, reply.body
    return token


def test_a_sync_lists_changes_and_deletions_since_its_token(house: House) -> None:
    """Changed cards with their etag, deleted ones as 404, nothing else; and nothing at all when nothing changed."""
    for name in "abc":
        house.anna.put(f"{house.personal}{name}.vcf", vcard(uid=name))
    first = house.anna.sync(house.personal)
    assert len(first.members) == 3
    house.anna("DELETE", house.personal + "a.vcf")
    etag = house.anna.put(house.personal + "b.vcf", vcard("New", uid="b")).headers["ETag"]
    second = house.anna.sync(house.personal, _token(first))
    assert set(second.members) == {house.personal + "a.vcf", house.personal + "b.vcf"}
    assert second.members[house.personal + "a.vcf"].gone
    assert second.members[house.personal + "b.vcf"].text(D + "getetag") == etag
    assert house.anna.sync(house.personal, _token(second)).members == {}


def test_a_first_sync_lists_no_deletions(house: House) -> None:
    """A new phone has nothing to delete."""
    house.anna.put(house.personal + "a.vcf", vcard())
    house.anna("DELETE", house.personal + "a.vcf")
    assert house.anna.sync(house.personal).members == {}


def test_the_token_of_a_propfind_is_that_of_a_sync(house: House) -> None:
    """Clients compare the two to know whether to sync."""
    house.anna.put(house.personal + "a.vcf", vcard())
    listed = house.anna.propfind(house.personal, D + "sync-token").members[house.personal].text(D + "sync-token")
    assert _token(house.anna.sync(house.personal)) == listed


def test_a_sync_without_properties_still_shows_changed_cards(house: House) -> None:
    """With an empty prop a changed card is a response like any other."""
    house.anna.put(house.personal + "a.vcf", vcard())
    body = '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop/></sync-collection>'
    members = house.anna("REPORT", house.personal, body).members
    assert list(members) == [house.personal + "a.vcf"]
    assert not members[house.personal + "a.vcf"].gone


def test_a_sync_may_ask_for_the_cards_themselves(house: House) -> None:
    """Some clients save themselves the multiget."""
    for number in range(210):  # more than are read at a time
        house.anna.put(f"{house.personal}{number}.vcf", vcard(f"Name {number}", uid=str(number)))
    token = _token(house.anna.sync(house.personal))
    house.anna("DELETE", house.personal + "3.vcf")
    whole = house.anna.sync(house.personal, "", D + "getetag", DATA, D + "getcontentlength").members
    assert len(whole) == 209
    card = whole[house.personal + "209.vcf"]
    assert card.text(DATA) == vcard("Name 209", uid="209")
    assert card.text(D + "getcontentlength") == str(len(vcard("Name 209", uid="209")))
    assert house.anna.sync(house.personal, token, DATA).members[house.personal + "3.vcf"].gone


def test_a_multiget_answers_each_href_once(house: House) -> None:
    """Named cards with their text, unknown and foreign ones as 404 under the href that was sent."""
    house.anna.put(house.personal + "a.vcf", vcard())
    house.bob.put("/dav/acme~bob/personal/b.vcf", vcard())
    asked = [
        house.personal + "a.vcf",
        house.personal + "none.vcf",
        "/dav/acme~bob/personal/b.vcf",
        house.directory + "a.vcf",
        house.personal,
        "/elsewhere/a.vcf",
        house.personal + "%FF.vcf",
        "<&>",
        "",
    ]
    members = house.anna.multiget(house.personal, asked).members
    assert members[house.personal + "a.vcf"].text(DATA) == vcard()
    assert len(members) == len(asked)
    assert [href for href, member in members.items() if not member.gone] == [house.personal + "a.vcf"]


@pytest.mark.parametrize(
    "href",
    [
        "http://localhost/dav/acme~anna/personal/a.vcf",
        "/dav/ACME%7EAnna/personal/a%2Evcf",
        "/dav/acme%7eanna/personal/a.vcf",
    ],
)
def test_a_multiget_understands_other_spellings_of_a_path(house: House, href: str) -> None:
    """Clients encode differently, and some send whole URLs."""
    house.anna.put(house.personal + "a.vcf", vcard())
    assert not house.anna.multiget(house.personal, [href]).members[house.personal + "a.vcf"].gone


def test_a_multiget_shows_other_properties_too(house: House) -> None:
    """What a listing shows of a card, a multiget shows as well."""
    house.anna.put(house.personal + "a.vcf", vcard())
    asked = (D + "getcontenttype", D + "resourcetype", D + "displayname", D + "getcontentlength")
    member = house.anna.multiget(house.personal, [house.personal + "a.vcf"], *asked).members[house.personal + "a.vcf"]
    assert member.missing == {D + "displayname"}
    assert member.text(D + "getcontentlength") == str(len(vcard()))


@pytest.mark.parametrize(
    "body",
    [
        f'<C:addressbook-multiget xmlns="DAV:" xmlns:C="{CR[1:-1]}"><prop><C:address-data><C:prop name="FN"/>'
        "</C:address-data></prop><href>/x</href></C:addressbook-multiget>",
        f'<C:addressbook-multiget xmlns="DAV:" xmlns:C="{CR[1:-1]}"><prop><C:address-data content-type="text/vcard" '
        'version="4.0"/></prop><href>/x</href></C:addressbook-multiget>',
        f'<C:addressbook-query xmlns:C="{CR[1:-1]}"/>',
        '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><limit><nresults>1</nresults></limit>'
        "<prop><getetag/></prop></sync-collection>",
        '<sync-collection xmlns="DAV:"><sync-token/><prop><getlastmodified/></prop></sync-collection>',
    ],
)
def test_unusual_reports_go_on_to_the_engine(house: House, body: str) -> None:
    """Partial cards, other versions, queries and limits are not for the lane."""
    assert house.anna("REPORT", house.personal, body).status == 299
    assert house.engine.bodies == [body.encode()]


def test_reports_may_come_with_depth_1(house: House) -> None:
    """Thunderbird and Apple send Depth 1 where the RFC wants 0."""
    house.anna.put(house.personal + "a.vcf", vcard())
    body = '<sync-collection xmlns="DAV:"><sync-token/><prop><getetag/></prop></sync-collection>'
    assert len(house.anna("REPORT", house.personal, body, depth="1").members) == 1


def test_comments_and_blanks_in_a_body_do_not_matter(house: House) -> None:
    """A token with line ends around it, a comment between elements."""
    house.anna.put(house.personal + "a.vcf", vcard())
    token = _token(house.anna.sync(house.personal))
    body = (
        f'<!-- x --><sync-collection xmlns="DAV:"><sync-token>\n {token}<!-- y -->\n</sync-token><?pi?>'
        "<prop><!-- z --><getetag/></prop></sync-collection>"
    )
    assert house.anna("REPORT", house.personal, body).members == {}
