"""MKCOL and PROPPATCH of books: all of a request is done or nothing, and each property is told why."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.wsgi import mount
from tests.plugins.installation import PASSWORD, fill
from tests.plugins.webdav import NAMES, Answer, Dav, mkcol, propfind, proppatch, wsgi

HOME = "/dav/acme~anna/"
BOOK = HOME + "friends/"
PROTECTED = "D:cannot-modify-protected-property"


@pytest.fixture
def dav(services: Services) -> Dav:
    """Anna at the whole server, with a book of her own."""
    fill(services)
    dav = wsgi(mount(services), "acme~anna", PASSWORD)
    assert dav("MKCOL", BOOK, mkcol(D__displayname="Friends")).status == 201
    return dav


def told(answer: Answer) -> set[tuple[str, str, str]]:
    """(property, status, condition) of each property that an answer names."""
    found = set()
    for propstat in ElementTree.fromstring(answer.body).iter("{DAV:}propstat"):
        status = (propstat.findtext("{DAV:}status") or "").split()[1]
        condition = "".join(_short(child.tag) for child in propstat.findall("{DAV:}error/*"))
        found |= {(_short(prop.tag), status, condition) for prop in propstat.findall("{DAV:}prop/*")}
    return found


def _short(tag: str) -> str:
    for prefix, uri in NAMES.items():
        tag = tag.replace(f"{{{uri}}}", f"{prefix}:")
    return tag


@pytest.mark.parametrize(
    "name",
    [
        "D:resourcetype",
        "D:getetag",
        "D:sync-token",
        "D:owner",
        "D:current-user-privilege-set",
        "D:supported-report-set",
        "CR:supported-address-data",
        "CR:max-resource-size",
        "CR:supported-collation-set",
    ],
)
def test_what_is_protected_stays(dav: Dav, name: str) -> None:
    """RFC 6352 §6.2.2, §6.2.3, §8.3.1 and RFC 6578 §4; nothing else of the request is done (RFC 4918 §9.2)."""
    before = dav("PROPFIND", BOOK, propfind(name)).prop(BOOK, name)
    answer = dav("PROPPATCH", BOOK, proppatch(D__displayname="New", **{name.replace(":", "__"): "x"}))
    assert answer.status == 207
    assert told(answer) == {(name, "403", PROTECTED), ("D:displayname", "424", "")}
    assert dav("PROPFIND", BOOK, propfind(name)).prop(BOOK, name) == before
    assert dav("PROPFIND", BOOK, propfind("D:displayname")).prop(BOOK, "D:displayname") == "Friends"


def test_what_is_not_kept_is_refused(dav: Dav) -> None:
    """A dead property is not stored and forgotten."""
    answer = dav("PROPPATCH", BOOK, proppatch(CS__mood="good", CR__addressbook_description="Mine"))
    assert told(answer) == {("CS:mood", "403", ""), ("CR:addressbook-description", "424", "")}
    assert dav("PROPPATCH", HOME + "nothing/", proppatch(CS__mood="good")).status == 404


def test_name_description_and_colour_can_be_set(dav: Dav) -> None:
    """The description is not protected (RFC 6352 §6.2.1)."""
    answer = dav("PROPPATCH", BOOK, proppatch(D__displayname="Best", CR__addressbook_description="Mine"))
    assert told(answer) == {("D:displayname", "200", ""), ("CR:addressbook-description", "200", "")}
    names = ("D:displayname", "CR:addressbook-description")
    found = dav("PROPFIND", BOOK, propfind(*names))
    assert [found.prop(BOOK, name) for name in names] == ["Best", "Mine"]


@pytest.mark.parametrize("kind", ["<D:collection/>", "<D:collection/><CAL:calendar/>", "<CR:addressbook/>", ""])
def test_only_address_books_are_made(dav: Dav, kind: str) -> None:
    """RFC 5689 §3.3: valid-resourcetype, in a mkcol-response."""
    body = mkcol(D__displayname="New").replace("<D:collection/><CR:addressbook/>", kind)
    answer = dav("MKCOL", HOME + "new/", body)
    assert answer.status == 403
    assert ElementTree.fromstring(answer.body).tag == "{DAV:}mkcol-response"
    assert told(answer) == {("D:resourcetype", "403", "D:valid-resourcetype"), ("D:displayname", "424", "")}
    assert dav("PROPFIND", HOME + "new/", propfind("D:displayname")).status == 404


def test_a_book_with_a_property_that_it_can_not_have_is_not_made(dav: Dav) -> None:
    """RFC 5689 §3: all instructions succeed or all fail."""
    answer = dav("MKCOL", HOME + "new/", mkcol(D__displayname="New", CS__mood="good", D__getetag="x"))
    assert answer.status == 403
    assert told(answer) == {
        ("CS:mood", "403", ""),
        ("D:getetag", "403", PROTECTED),
        ("D:resourcetype", "424", ""),
        ("D:displayname", "424", ""),
    }
    assert dav("PROPFIND", HOME + "new/", propfind("D:displayname")).status == 404


def test_what_a_mkcol_is_not(dav: Dav) -> None:
    """405 where something is already, 415 for another body, 403 for a plain collection (RFC 4918 §9.3.1)."""
    assert dav("MKCOL", BOOK, mkcol(CS__mood="good")).status == 405
    assert dav("MKCOL", HOME + "new/", propfind("D:displayname")).status == 415
    assert dav("MKCOL", HOME + "new/").status == 403
