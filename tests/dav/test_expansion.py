"""DAV:expand-property (RFC 3253 §3.8)."""

from __future__ import annotations

import pytest

from tests.dav.clients import CR, D, Member, Reply, member_of, vcard
from tests.dav.conftest import House

CARDDAV = CR[1:-1]


def prop(name: str, *inside: str, namespace: str = "") -> str:
    """A property element of the report."""
    place = f' namespace="{namespace}"' if namespace else ""
    return f'<D:property name="{name}"{place}>{"".join(inside)}</D:property>'


def expand(house: House, path: str, *props: str, **headers: str) -> Reply:
    body = f'<D:expand-property xmlns:D="DAV:">{"".join(props)}</D:expand-property>'
    return house.anna("REPORT", path, body, **headers)


def led_to(member: Member, name: str) -> Member:
    """What a property says of the one resource that it leads to."""
    (response,) = member.found[name].findall(D + "response")
    assert member.found[name].find(D + "href") is None
    return member_of(response)


@pytest.mark.parametrize("place", ["/dav/", "/dav/acme~anna/", "/dav/acme~anna/personal/"])
def test_a_property_is_followed_to_the_principal(house: House, place: str) -> None:
    """From every collection one request gets what else takes one for each step, and misses what is not there."""
    home = prop("addressbook-home-set", prop("resourcetype"), namespace=CARDDAV)
    reply = expand(house, place, prop("current-user-principal", home, prop("displayname"), prop("mood")), prop("owner"))
    assert list(reply.members) == [place]
    principal = led_to(reply.members[place], D + "current-user-principal")
    assert (principal.href, principal.text(D + "displayname")) == (house.home, "acme~anna")
    assert principal.missing == {D + "mood"}
    found = led_to(principal, CR + "addressbook-home-set")
    assert found.href == house.home
    assert D + "principal" in {element.tag for element in found.found[D + "resourcetype"]}
    if place != "/dav/":  # what is not expanded is as PROPFIND has it
        assert reply.members[place].found[D + "owner"].findtext(D + "href") == house.home


def test_each_card_of_a_book_leads_to_its_owner(house: House) -> None:
    """Depth 1 is the book with its cards; a card can be asked itself; what leads nowhere is told as it is."""
    for name in ("a", "b%25"):
        house.anna.put(f"{house.personal}{name}.vcf", vcard(uid=name))
    asked = (prop("owner", prop("principal-URL")), prop("getetag", prop("displayname")))
    members = expand(house, house.personal, *asked, depth="1").members
    assert set(members) == {house.personal, house.personal + "a.vcf", house.personal + "b%.vcf"}
    for member in members.values():
        assert led_to(member, D + "owner").found[D + "principal-URL"].findtext(D + "href") == house.home
    card = house.personal + "a.vcf"
    alone = expand(house, card, *asked).members[card]
    assert alone.text(D + "getetag") == house.anna("GET", card).headers["ETag"] == members[card].text(D + "getetag")
    assert led_to(alone, D + "owner").href == house.home


def test_the_collection_of_principals_is_the_root(house: House) -> None:
    """The home leads up to the root, which has no name and no owner."""
    reply = expand(house, house.home, prop("principal-collection-set", prop("owner"), prop("resourcetype")))
    root = led_to(reply.members[house.home], D + "principal-collection-set")
    assert (root.href, root.missing) == ("/dav/", {D + "owner"})
    assert [element.tag for element in root.found[D + "resourcetype"]] == [D + "collection"]


@pytest.mark.parametrize("place", ["/dav/acme~bob/", "/dav/acme~bob/personal/", "/dav/globex~eve/"])
def test_nobody_is_led_to_others(house: House, place: str) -> None:
    """The places of others are refused as PROPFIND refuses them."""
    refused = expand(house, place, prop("owner", prop("displayname")))
    assert refused.status == house.anna.propfind(place, D + "owner").status == 403


@pytest.mark.parametrize(
    "asked",
    [
        prop(""),
        prop("a b"),
        prop("x/&gt;&lt;owner"),
        "<D:property/>",
        "".join('<D:property name="owner">' for _ in range(9)) + "</D:property>" * 9,
    ],
)
def test_what_is_no_property_is_refused(house: House, asked: str) -> None:
    """Names that XML can't have would end up in the answer, and there are fewer places than levels."""
    assert expand(house, house.home, asked).status == 400


def test_eight_levels_are_answered(house: House) -> None:
    """As deep as it may be."""
    asked = "".join('<D:property name="owner">' for _ in range(8)) + "</D:property>" * 8
    member = expand(house, house.home, asked).members[house.home]
    for _ in range(7):
        member = led_to(member, D + "owner")
    assert member.found[D + "owner"].findtext(D + "href") == house.home


def test_depth_is_0_or_1_and_little_can_be_wanted(house: House) -> None:
    """Depth: infinity is refused; what is missing is not told to who does not want it, at any level."""
    asked = prop("current-user-principal", prop("mood"))
    assert expand(house, house.home, asked, depth="infinity").status == 400
    reply = expand(house, house.home, asked, prefer="return=minimal")
    assert b"HTTP/1.1 404" not in reply.body
    assert reply.headers["Preference-Applied"] == "return=minimal"
    assert expand(house, house.home + "none/", asked).status == 404
    assert expand(house, house.personal + "none.vcf", asked).status == 404
