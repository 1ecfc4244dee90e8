"""sync-collection and addressbook-multiget."""

from __future__ import annotations

import pytest

from carddav_msg.dav import requests
from tests.dav.clients import CR, D, Reply, propfind, vcard
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


def test_a_card_that_came_and_went_is_gone_and_one_that_came_back_is_not(house: House) -> None:
    """Each href once, in its last state (RFC 6578 §3.5.1, §3.5.2): who wrote the card that is gone has to learn it."""
    house.anna.put(house.personal + "back.vcf", vcard(uid="back"))
    token = _token(house.anna.sync(house.personal))
    for name in ("gone", "back"):
        house.anna.put(f"{house.personal}{name}.vcf", vcard("New", uid=name))
        house.anna("DELETE", f"{house.personal}{name}.vcf")
    house.anna.put(house.personal + "back.vcf", vcard("Again", uid="back"))
    reply = house.anna.sync(house.personal, token)
    assert [e.text for e in reply.xml.iter(D + "href")].count(house.personal + "back.vcf") == 1
    gone = {href: member.gone for href, member in reply.members.items()}
    assert gone == {house.personal + "gone.vcf": True, house.personal + "back.vcf": False}


def test_an_answer_without_cards_is_an_empty_multistatus(house: House) -> None:
    """A search that finds nothing (RFC 6352 §8.6)."""
    reply = house.anna.query(house.personal, '<CR:prop-filter name="FN"/>')
    assert (reply.status, len(reply.xml)) == (207, 0)


def test_what_a_card_has_not_is_told_as_missing(house: House) -> None:
    """In searches and multigets, as in PROPFIND (RFC 6352 §8.6)."""
    card = house.personal + "a.vcf"
    house.anna.put(card, vcard())
    names = "<D:getetag/><D:displayname/>"
    for reply in (
        house.anna.query(house.personal, "", prop=names),
        house.anna.multiget(house.personal, [card], D + "getetag", D + "displayname"),
    ):
        assert (set(reply.members[card].found), reply.members[card].missing) == ({D + "getetag"}, {D + "displayname"})


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


def test_reports_show_the_time_of_a_change(house: House) -> None:
    """The time and size of a card are the same in every report, and those of GET."""
    path = house.personal + "a.vcf"
    house.anna.put(path, vcard("Zoë"))
    got = house.anna("GET", path)
    asked = (D + "getlastmodified", D + "getcontentlength", D + "getetag")
    replies = [
        house.anna.sync(house.personal, "", *asked),
        house.anna.multiget(house.personal, [path], *asked),
        house.anna.query(house.personal, "", "<D:getlastmodified/><D:getcontentlength/><D:getetag/>"),
        house.anna.propfind(path, *asked),
    ]
    for reply in replies:
        member = reply.members[path]
        assert member.text(D + "getlastmodified") == got.headers["Last-Modified"]
        assert member.text(D + "getcontentlength") == str(len(got.body))
        assert member.text(D + "getetag") == got.headers["ETag"]


def test_reports_may_ask_for_all_properties(house: House) -> None:
    """allprop has never the card itself; propname and no prop at all are answered too."""
    path = house.personal + "a.vcf"
    house.anna.put(path, vcard())
    for inside, some in (("<allprop/>", True), ("<propname/>", True), ("", False)):
        body = f'<sync-collection xmlns="DAV:"><sync-token/><sync-level>infinite</sync-level>{inside}</sync-collection>'
        found = house.anna("REPORT", house.personal, body).members[path].found
        assert bool(found) == some
        assert DATA not in found


def test_a_card_can_be_asked_itself(house: House) -> None:
    """Reports on the URL of a card are about this card only."""
    for name in "ab":
        house.anna.put(f"{house.personal}{name}.vcf", vcard(name, uid=name))
    here, other = house.personal + "a.vcf", house.personal + "b.vcf"
    members = house.anna.multiget(here, [here, other]).members
    assert (members[here].text(DATA), members[other].gone) == (vcard("a", uid="a"), True)
    named = '<CR:prop-filter name="FN"><CR:text-match>{}</CR:text-match></CR:prop-filter>'
    assert list(house.anna.query(here, named.format("a"), depth="0").members) == [here]
    assert house.anna.query(here, named.format("b")).members == {}
    assert house.anna.query(house.personal + "none.vcf", "").status == 404
    assert house.anna.multiget(house.home + "none/a.vcf", [here]).status == 404


def test_a_thunderbird_with_a_bad_token_can_recover(house: House) -> None:
    """It takes 400 for a reason to begin anew; the RFC and all others want 403."""
    thunderbird = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"
    body = '<sync-collection xmlns="DAV:"><sync-token>data:,1/99.1.0</sync-token><prop/></sync-collection>'
    for agent, status in ((thunderbird, 400), ("DAVx5/4.4 (2025/01/01)", 403), ("", 403)):
        reply = house.anna("REPORT", house.personal, body, user_agent=agent)
        assert (reply.status, reply.condition) == (status, D + "valid-sync-token")


def test_reports_may_come_with_depth_1(house: House) -> None:
    """Thunderbird and Apple send Depth 1 where the RFC wants 0."""
    house.anna.put(house.personal + "a.vcf", vcard())
    body = '<sync-collection xmlns="DAV:"><sync-token/><prop><getetag/></prop></sync-collection>'
    assert len(house.anna("REPORT", house.personal, body, depth="1").members) == 1


@pytest.mark.parametrize("depth", ["0", "1", "infinity"])
def test_depth_does_not_matter_to_a_multiget(house: House, depth: str) -> None:
    """The hrefs say what is wanted (RFC 6352 §8.7)."""
    house.anna.put(house.personal + "a.vcf", vcard())
    body = (
        f'<C:addressbook-multiget xmlns="DAV:" xmlns:C="{CR[1:-1]}"><prop><getetag/></prop>'
        f"<href>{house.personal}a.vcf</href></C:addressbook-multiget>"
    )
    members = house.anna("REPORT", house.personal, body, depth=depth).members
    assert [(href, member.gone) for href, member in members.items()] == [(house.personal + "a.vcf", False)]


@pytest.mark.parametrize(
    "shape", ['version="2.1"', 'content-type="application/vcard+json"', 'content-type="text/x-vcard"']
)
def test_a_multiget_for_a_version_that_is_not_served_is_refused(house: House, shape: str) -> None:
    """The condition tells the client to ask for another one."""
    body = (
        f'<C:addressbook-multiget xmlns="DAV:" xmlns:C="{CR[1:-1]}"><prop><C:address-data {shape}/></prop>'
        f"<href>{house.personal}a.vcf</href></C:addressbook-multiget>"
    )
    reply = house.anna("REPORT", house.personal, body)
    assert (reply.status, reply.condition) == (403, CR + "supported-address-data")


def test_comments_and_blanks_in_a_body_do_not_matter(house: House) -> None:
    """A token with line ends around it, a comment between elements."""
    house.anna.put(house.personal + "a.vcf", vcard())
    token = _token(house.anna.sync(house.personal))
    body = (
        f'<!-- x --><sync-collection xmlns="DAV:"><sync-token>\n {token}<!-- y -->\n</sync-token><?pi?>'
        "<prop><!-- z --><getetag/></prop></sync-collection>"
    )
    assert house.anna("REPORT", house.personal, body).members == {}


def test_a_small_body_that_comes_again_is_not_parsed_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Phones send the same bytes every three minutes. A long body is parsed each time, and not kept."""
    body = propfind(D + "displayname", D + "sync-token")
    long = body.replace("</propfind>", " " * 3000 + "</propfind>")
    parsed: list[bytes] = []
    root = requests._root
    monkeypatch.setattr(requests, "_root", lambda sent: (parsed.append(sent), root(sent))[1])
    requests._remembered.cache_clear()
    for user in ("one", "two"):  # each looks at the book for the first time: no answer is remembered
        assert house.anna("PROPFIND", house.personal, body, depth="0", user_agent=user).status == 207
        assert house.anna("PROPFIND", house.personal, long, depth="0", user_agent=user).status == 207
    assert parsed == [body.encode(), long.encode(), long.encode()]
