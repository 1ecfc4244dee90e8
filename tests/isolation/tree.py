"""The DAV tree: what may be asked of an address, and every address that a principal is led to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.dav.clients import D, Dav, vcard

_PROPFIND = '<propfind xmlns="DAV:"><allprop/></propfind>'
_SYNC = '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'
_QUERY = (
    '<CR:addressbook-query xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">'
    "<prop><getetag/><CR:address-data/></prop><CR:filter/></CR:addressbook-query>"
)
_EXPAND = (
    '<expand-property xmlns="DAV:"><property name="owner"><property name="displayname"/></property></expand-property>'
)
_SEARCH = (
    '<principal-property-search xmlns="DAV:"><property-search><prop><displayname/></prop><match/></property-search>'
    "<prop><displayname/></prop></principal-property-search>"
)
_PATCH = '<propertyupdate xmlns="DAV:"><set><prop><displayname>taken over</displayname></prop></set></propertyupdate>'


def multiget(*hrefs: str) -> str:
    """A report that asks for these cards."""
    named = "".join(f"<href>{href}</href>" for href in hrefs)
    return (
        '<CR:addressbook-multiget xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav">'
        f"<prop><getetag/><CR:address-data/></prop>{named}</CR:addressbook-multiget>"
    )


def requests(href: str, own: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """(method, path, body, headers): everything that the server lets be asked of an address, and `own` as its goal."""
    yield "PROPFIND", href, _PROPFIND, {"depth": "0"}
    yield "PROPFIND", href, _PROPFIND, {"depth": "1"}
    for body in (_SYNC, _QUERY, multiget(href), _EXPAND, _SEARCH, "<x/>"):
        yield "REPORT", href, body, {"depth": "1"}
    yield "REPORT", own, multiget(href), {"depth": "1"}
    yield "PROPPATCH", href, _PATCH, {}
    yield "MOVE", href, "", {"destination": f"{own}moved.vcf"}
    yield "MOVE", f"{own}same.vcf", "", {"destination": href, "overwrite": "T"}
    yield "PUT", href, vcard("Intruder", uid="intruder"), {"content_type": "text/vcard"}
    yield "PUT", href, vcard("Intruder", uid="intruder"), {"content_type": "text/vcard", "if_none_match": "*"}
    for method in ("GET", "HEAD", "OPTIONS", "MKCOL", "DELETE", "COPY", "LOCK", "ACL"):
        yield method, href, "", {}


def searched(client: Dav) -> str:
    """The answer to a search for all principals."""
    reply = client("REPORT", "/dav/", _SEARCH)
    assert reply.status == 207
    return reply.body.decode()


def crawl(client: Dav) -> dict[str, str]:
    """Every href that a principal is led to from the root, with what PROPFIND and GET say of it."""
    found: dict[str, str] = {}
    waiting = ["/dav/"]
    while waiting:
        href = waiting.pop()
        if href in found:
            continue
        said = client("PROPFIND", href, _PROPFIND, depth="1")
        assert said.status == 207, (href, said.status)
        got = client("GET", href)
        found[href] = said.body.decode() + (got.body.decode() if got.status == 200 else "")
        waiting += [element.text or "" for element in said.xml.iter(D + "href") if element.text not in found]
        waiting = [href for href in waiting if href.startswith("/dav/")]
    return found
