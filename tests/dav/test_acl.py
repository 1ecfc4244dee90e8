"""Rights as clients see them (RFC 3744)."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.builders import add_user
from tests.dav.clients import D, Dav, vcard
from tests.dav.conftest import SECRET, House

ACL = (
    '<acl xmlns="DAV:"><ace><principal><href>/dav/acme~bob/</href></principal>'
    "<grant><privilege><read/></privilege></grant></ace></acl>"
)


def granted(client: Dav, path: str) -> dict[str, set[str]]:
    """Principal → privileges of a DAV:acl, of which every entry is protected."""
    acl = client.propfind(path, D + "acl").members[path].found[D + "acl"]
    assert all([part.tag[len(D) :] for part in ace] == ["principal", "grant", "protected"] for ace in acl)
    return {
        ace.findtext(f"{D}principal/{D}href") or "": {e.tag[len(D) :] for e in ace.findall(f"{D}grant/{D}privilege/*")}
        for ace in acl
    }


@pytest.mark.parametrize(
    ("path", "privileges"),
    [
        ("/dav/", {"read"}),
        ("/dav/acme~anna/", {"read", "bind", "unbind"}),
        ("/dav/acme~anna/directory/", {"read"}),
        ("/dav/acme~anna/notices/", {"read"}),
        ("/dav/acme~anna/team/", {"read", "write-content", "bind", "unbind"}),
        ("/dav/acme~anna/personal/", {"read", "write-content", "bind", "unbind", "write-properties"}),
        ("/dav/acme~anna/personal/a.vcf", {"read", "write-content"}),
    ],
)
def test_the_rights_of_the_visitor_are_told(house: House, path: str, privileges: set[str]) -> None:
    """One entry, for who asks, with the parts of DAV:write by themselves."""
    house.shared_book("notices", "read")
    house.shared_book("team", "write")
    house.anna.put(house.personal + "a.vcf", vcard())
    assert granted(house.anna, path) == {house.home: privileges}


def test_an_admin_may_change_cards_of_the_directory(house: House) -> None:
    """Grants count as they do for writing."""
    add_user(house.services, house.network, "boss", password=SECRET)
    house.services.administration.grants.add("acme", "boss", "admin", "acme")
    path = "/dav/acme~boss/directory/"
    assert granted(house.client("acme~boss"), path) == {"/dav/acme~boss/": {"read", "write-content"}}


@pytest.mark.parametrize(
    "path", ["/dav/", "/dav/acme~anna/", "/dav/acme~anna/personal/", "/dav/acme~anna/personal/a.vcf"]
)
def test_all_resources_tell_what_rights_there_are(house: House, path: str) -> None:
    """The tree of privileges contains each that is ever told; rights can only be granted, and are not inherited."""
    house.anna.put(house.personal + "a.vcf", vcard())
    names = ("supported-privilege-set", "acl-restrictions", "inherited-acl-set", "current-user-privilege-set")
    found = house.anna.propfind(path, *[D + name for name in names]).members[path].found
    tree = found[D + "supported-privilege-set"]
    assert _tree(tree) == {
        "all": {
            "read": {},
            "write": {"write-properties": {}, "write-content": {}, "bind": {}, "unbind": {}},
            "write-acl": {},
        }
    }
    (every,) = tree
    assert every.find(D + "abstract") is not None
    assert all(part.findtext(D + "description") for part in tree.iter(D + "supported-privilege"))
    assert {part.tag for part in found[D + "acl-restrictions"]} == {D + "grant-only", D + "no-invert"}
    assert len(found[D + "inherited-acl-set"]) == 0
    mine = found[D + "current-user-privilege-set"].findall(f"{D}privilege/*")
    assert {part.tag for part in mine} <= {part.tag for part in tree.findall(f".//{D}privilege/*")}


def _tree(element: ElementTree.Element) -> dict[str, dict[str, object]]:
    inside = element.findall(D + "supported-privilege")
    return {part.findall(f"{D}privilege/*")[0].tag[len(D) :]: dict(_tree(part)) for part in inside}


def test_a_principal_has_no_groups(house: House) -> None:
    """It is in none, and has no members (RFC 3744 §4)."""
    names = {D + name for name in ("alternate-URI-set", "group-member-set", "group-membership")}
    found = house.anna.propfind(house.home, *names).members[house.home].found
    assert found.keys() == names
    assert all(len(element) == 0 for element in found.values())


@pytest.mark.parametrize(
    "place", ["/dav/", "/dav/acme~anna/", "/dav/acme~anna/personal/", "/dav/acme~anna/personal/a.vcf"]
)
def test_nobody_changes_rights(house: House, place: str) -> None:
    """The method ACL needs a privilege that even an owner has not, and changes nothing."""
    house.anna.put(house.personal + "a.vcf", vcard())
    before = granted(house.anna, place)
    for body in (ACL, '<acl xmlns="DAV:"/>', ""):
        reply = house.anna("ACL", place, body)
        assert (reply.status, reply.condition) == (403, D + "need-privileges")
        assert reply.xml.findtext(f".//{D}resource/{D}href") == place
        assert [e.tag for e in reply.xml.findall(f".//{D}privilege/*")] == [D + "write-acl"]
    assert granted(house.anna, place) == before
    assert house.bob.propfind("/dav/acme~anna/personal/", D + "acl").status == 403


def test_rights_of_what_is_not_there_are_404(house: House) -> None:
    """As with every method; the addresses of others are refused without a look."""
    for place in (house.home + "none/", house.personal + "none.vcf"):
        assert house.anna("ACL", place, ACL).status == 404
    assert house.anna("ACL", "/dav/acme~bob/personal/", ACL).condition == D + "need-privileges"


def test_access_control_is_not_promised(house: House) -> None:
    """The class of RFC 3744 §7.2 would mean all of it."""
    assert "access-control" not in house.anna("OPTIONS", "/dav/").headers["DAV"]
