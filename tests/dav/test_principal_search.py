"""principal-property-search and principal-search-property-set (RFC 3744 §9.4, §9.5)."""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.dav.principalsearch import MOST
from carddav_msg.domain.contact import View
from tests.builders import add_network, add_user, add_users, new_user
from tests.dav.clients import CR, CS, D, Dav, Reply
from tests.dav.conftest import SECRET, House

NAMED = "<D:displayname/>"


def wanted(match: str, *props: str) -> str:
    """A condition on properties, which are elements."""
    props = props or (NAMED,)
    return f"<D:property-search><D:prop>{''.join(props)}</D:prop><D:match>{match}</D:match></D:property-search>"


def search(client: Dav, *conditions: str, path: str = "/dav/", test: str = "", **headers: str) -> Reply:
    attribute = f' test="{test}"' if test else ""
    body = (
        f'<D:principal-property-search xmlns:D="DAV:" xmlns:CS="{CS[1:-1]}" xmlns:CR="{CR[1:-1]}"{attribute}>'
        f"{''.join(conditions)}<D:prop><D:displayname/><D:principal-URL/><D:resourcetype/><CR:addressbook-home-set/>"
        "</D:prop></D:principal-property-search>"
    )
    return client("REPORT", path, body, **headers)


def found(client: Dav, match: str = "") -> set[str]:
    return set(search(client, wanted(match)).members)


def test_principals_are_found_by_a_part_of_their_names(house: House) -> None:
    """Without regard to case, with their names, addresses and types, and nothing of their homes."""
    add_user(house.services, house.network, "zoe ü", display_name="Zoë <Ünal>")
    (member,) = search(house.anna, wanted("oË &lt;ü")).members.values()
    assert member.href == "/dav/acme~zoe ü/"
    assert member.text(D + "displayname") == "Zoë <Ünal>"
    assert (member.found[D + "principal-URL"].findtext(D + "href") or "").startswith("/dav/acme~zoe%20")
    assert [element.tag for element in member.found[D + "resourcetype"]] == [D + "principal"]
    assert member.missing == {CR + "addressbook-home-set"}
    assert house.anna.propfind("/dav/acme~zoe%20%C3%BC/", D + "displayname").status == 403
    assert found(house.anna, "nobody") == set()
    assert found(house.anna) == {f"/dav/acme~{name}/" for name in ("anna", "bob", "carl", "zoe ü")}


def test_only_who_is_in_the_directory_is_found(house: House) -> None:
    """Nobody of another network, no one unlisted or disabled, and no login that no card shows."""
    add_user(house.services, add_network(house.services, "globex"), "eve", display_name="Bob of globex")
    for name, hidden in (("u", {"listed": False}), ("d", {"enabled": False}), ("m", {"messaging": False})):
        add_user(house.services, house.network, name, display_name="Bob too", **hidden)
    assert found(house.anna, "bob") == {"/dav/acme~bob/"}


def test_views_are_obeyed(house: House) -> None:
    """Who sees a department finds who is in it, at once when that changes."""
    services = house.services
    services.administration.views.add("acme", "sales", View(departments=frozenset({"Sales"})))
    services.administration.users.change("acme", "anna", lambda old: old, view="sales")
    assert found(house.anna) == set()
    services.administration.users.change(
        "acme", "bob", lambda old: replace(old, profile=replace(old.profile, department="Sales"))
    )
    assert found(house.anna) == {"/dav/acme~bob/"}
    assert found(house.bob) == {f"/dav/acme~{name}/" for name in ("anna", "bob", "carl")}


def test_an_operator_of_another_network_finds_colleagues_only(house: House) -> None:
    """A grant opens the books of a network, which are found by other reports."""
    globex = add_network(house.services, "globex")
    add_user(house.services, globex, "boss", password=SECRET, display_name="Boss")
    house.services.administration.grants.add("globex", "boss", "operator", "acme")
    assert found(house.client("globex~boss")) == {"/dav/globex~boss/"}


def test_conditions_are_joined(house: House) -> None:
    """All must hold, or with Apple's attribute one; what can't be searched is found in nobody."""
    email = "<CS:email-address-set/>"
    anna, bob = "/dav/acme~anna/", "/dav/acme~bob/"
    cases = [
        ((wanted("an"), wanted("na")), "", {anna}),
        ((wanted("an"), wanted("bo")), "", set()),
        ((wanted("an"), wanted("bo")), "anyof", {anna, bob}),
        ((wanted("an"), wanted("an", email)), "", set()),
        ((wanted("an"), wanted("an", email)), "anyof", {anna}),
        ((wanted("an", NAMED, email),), "anyof", set()),
        ((wanted("an", email),), "anyof", set()),
    ]
    for conditions, test, expected in cases:
        assert set(search(house.anna, *conditions, test=test).members) == expected


def test_a_long_answer_ends_with_507(house: House) -> None:
    """As many as are allowed are all; of more the first ones come, and a response that says so."""
    others = [new_user(f"u{number}") for number in range(MOST - 3)]  # Anna, Bob and Carl are there
    add_users(house.services, house.network, others)
    members = search(house.anna, wanted("")).members
    assert (len(members), any(member.truncated for member in members.values())) == (MOST, False)
    add_user(house.services, house.network, "one-more")
    members = search(house.anna, wanted("")).members
    assert [member.href for member in members.values() if member.truncated] == ["/dav/"]
    assert len(members) == MOST + 1


def test_the_properties_that_are_searched_are_told(house: House) -> None:
    """A document of its own, not a multistatus (§9.5)."""
    reply = house.anna("REPORT", "/dav/", '<principal-search-property-set xmlns="DAV:"/>', depth="0")
    assert (reply.status, reply.xml.tag) == (200, D + "principal-search-property-set")
    props = reply.xml.findall(f"{D}principal-search-property/{D}prop/*")
    assert [prop.tag for prop in props] == [D + "displayname"]
    root = house.anna.propfind("/dav/", D + "supported-report-set").members["/dav/"].found[D + "supported-report-set"]
    reports = {element.tag for element in root.findall(f"*/{D}report/*")}
    assert reports == {D + "expand-property", D + "principal-property-search", D + "principal-search-property-set"}


def test_what_is_no_search_is_refused(house: House) -> None:
    """Conditions have a property and a text, Depth is 0, and only the root has principals."""
    bare = "<D:property-search><D:match>a</D:match></D:property-search>"
    for conditions in ((), (bare,), ("<D:property-search><D:prop><D:displayname/></D:prop></D:property-search>",)):
        assert search(house.anna, *conditions).status == 400
    assert search(house.anna, wanted("a"), depth="1").status == 400
    for place in (house.home, house.personal):
        assert search(house.anna, wanted("a"), path=place).condition == D + "supported-report"
    assert search(house.anna, wanted("a"), path="/dav/acme~bob/").status == 403
