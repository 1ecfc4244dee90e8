"""The guard: who is let in where, and what reaches the engine behind it."""

from __future__ import annotations

import logging
from io import BytesIO

import pytest

from carddav_msg.dav.environ import PRINCIPAL_SEGMENT, VISITOR
from carddav_msg.errors import Unavailable
from tests.builders import add_user
from tests.dav.clients import D, Dav, propfind
from tests.dav.conftest import SECRET, House


def test_options_is_answered_without_credentials(house: House) -> None:
    """Clients look for the addressbook token before they sign in, and on any path."""
    for path in ("/dav/", house.home, house.personal, "/dav/acme~bob/personal/x.vcf"):
        reply = Dav(house.guard, "", "")("OPTIONS", path)
        assert reply.status == 200
        assert reply.headers["DAV"] == "1, 3, addressbook, extended-mkcol"
        assert "REPORT" in reply.headers["Allow"]


def test_the_engine_gets_visitor_path_and_body(house: House) -> None:
    """What the lane leaves to the engine arrives decoded, complete and with the visitor."""
    body = '<propertyupdate xmlns="DAV:"><set><prop><displayname>x</displayname></prop></set></propertyupdate>'
    assert house.anna("PROPPATCH", "/dav/acme%7Eanna/personal/", body).status == 299
    environ = house.engine.seen[0]
    assert environ["PATH_INFO"] == "/acme~anna/personal/"
    assert environ["SCRIPT_NAME"] == "/dav"
    assert environ[VISITOR].principal.login == "acme~anna"
    assert environ[PRINCIPAL_SEGMENT] == "acme~anna"
    assert house.engine.bodies[0] == body.encode()


def test_a_path_that_is_not_ascii_reaches_the_engine_as_text(house: House) -> None:
    """PATH_INFO is latin-1 in WSGI; the engine needs it decoded."""
    add_user(house.services, house.network, "jürgen", password=SECRET)
    client = house.client("acme~jürgen")
    assert client("MKCOL", "/dav/acme~j%C3%BCrgen/B%C3%BCcher%2520x/").status == 299
    assert house.engine.seen[0]["PATH_INFO"] == "/acme~jürgen/Bücher%20x/"


@pytest.mark.parametrize("mounted", [True, False])
def test_the_mount_point_may_be_in_script_name_or_in_the_path(house: House, mounted: bool) -> None:
    """Both ways to mount an application lead to the same answer, with and without a raw path."""
    split = {"SCRIPT_NAME": "/dav", "PATH_INFO": "/acme~anna/personal/"}
    whole = {"SCRIPT_NAME": "", "PATH_INFO": "/dav/acme~anna/personal/"}
    for line in ("/dav/acme~anna/personal/?x=1", "http://example.com/dav/acme~anna/personal/", ""):
        raw = {**(split if mounted else whole), "RAW_URI": line, "REQUEST_URI": line}
        reply = house.anna("PROPFIND", house.personal, propfind(D + "displayname"), raw=raw)
        assert list(reply.members) == [house.personal]


def test_a_raw_path_that_was_not_routed_here_is_not_believed(house: House) -> None:
    """The path that the server routed by decides, not another one in the request line."""
    raw = {"PATH_INFO": "/dav/acme~bob/personal/", "RAW_URI": "/dav/acme~anna/personal/", "REQUEST_URI": ""}
    assert house.anna("PROPFIND", house.personal, propfind(D + "displayname"), raw=raw).status == 403


def test_forgeable_headers_and_credentials_do_not_reach_the_engine(house: House) -> None:
    """Engines believe X-Script-Name and its kin from any client."""
    forged = {
        "x_script_name": "/evil",
        "x_forwarded_for": "203.0.113.9",
        "x_forwarded_host": "evil.example",
        "x_forwarded_proto": "gopher",
        "x_forwarded_prefix": "/evil",
        "x_remote_user": "acme~bob",
        "forwarded": "for=203.0.113.9",
    }
    reply = house.anna("MKCOL", house.home + "new/", **forged)
    assert reply.status == 299
    environ = house.engine.seen[0]
    assert not [name for name in environ if "FORWARDED" in name or "SCRIPT_NAME" in name.removeprefix("SCRIPT_NAME")]
    assert "HTTP_X_REMOTE_USER" not in environ
    assert "HTTP_AUTHORIZATION" not in environ
    assert SECRET not in str(environ)


def test_forged_headers_change_no_href_of_the_lane(house: House) -> None:
    """Hrefs are made of the mount point and the request's path alone."""
    reply = house.anna.propfind(house.personal, D + "owner")
    forged = house.anna(
        "PROPFIND", house.personal, propfind(D + "owner"), x_script_name="/evil", x_forwarded_prefix="/evil"
    )
    assert forged.body == reply.body


@pytest.mark.parametrize(
    "path", ["/dav/acme~bob/", "/dav/acme~bob/personal/", "/dav/acme~nobody/x/y.vcf", "/dav/.web/"]
)
@pytest.mark.parametrize("method", ["PROPFIND", "GET", "PUT", "DELETE", "MKCOL", "REPORT"])
def test_every_foreign_path_is_forbidden_whether_it_exists_or_not(house: House, method: str, path: str) -> None:
    """Nobody learns which principals exist."""
    reply = house.anna(method, path, propfind(D + "owner") if method != "PUT" else "x")
    assert (reply.status, reply.condition) == (403, D + "need-privileges")
    assert not house.engine.seen


def test_a_login_may_be_spelled_differently_and_is_echoed(house: House) -> None:
    """The path's own spelling comes back in hrefs, or clients would not know their books again."""
    reply = house.anna.propfind("/dav/ACME~Anna/personal/", D + "current-user-principal")
    assert list(reply.members) == ["/dav/ACME~Anna/personal/"]
    principal = reply.members["/dav/ACME~Anna/personal/"].found[D + "current-user-principal"]
    assert principal.findtext(D + "href") == "/dav/ACME~Anna/"


def test_the_login_that_was_typed_is_a_path_too(house: House) -> None:
    """Who signs in without a network has that name in the path."""
    reply = house.client("anna").propfind("/dav/anna/personal/", D + "displayname")
    assert list(reply.members) == ["/dav/anna/personal/"]


def test_the_database_being_away_is_503(house: House, lines: list[logging.LogRecord]) -> None:
    """Phones try again later; nobody is told that a password is wrong."""
    house.engine.fails_with = Unavailable("The database is away.", retry_after=7)
    reply = house.anna("MKCOL", house.home + "new/")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert [record.levelname for record in lines] == ["WARNING"]


def test_an_unexpected_fault_is_500_without_its_text(house: House, lines: list[logging.LogRecord]) -> None:
    """Texts of exceptions may quote what a client sent: neither the answer nor the log shows them."""
    house.engine.fails_with = RuntimeError(f"could not bind {SECRET}")
    reply = house.anna("MKCOL", house.home + "new/")
    assert reply.status == 500
    assert reply.sentence
    assert [record.levelname for record in lines] == ["ERROR"]
    assert SECRET not in lines[0].getMessage() + reply.body.decode()
    assert "RuntimeError" in lines[0].getMessage()


def test_a_chunked_body_is_complete(house: House) -> None:
    """A chunked PROPFIND is not an empty one, which would mean allprop."""
    body = propfind(D + "displayname").encode()
    raw = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    raw["CONTENT_LENGTH"] = ""
    reply = house.anna("PROPFIND", house.personal, raw=raw)
    assert list(reply.members[house.personal].found) == [D + "displayname"]
    body = b'<propertyupdate xmlns="DAV:"><set><prop><displayname>A</displayname></prop></set></propertyupdate>'
    raw["wsgi.input"] = BytesIO(body)
    assert house.anna("PROPPATCH", house.personal, raw=raw).status == 299
    assert house.engine.bodies[-1] == body
    assert "HTTP_TRANSFER_ENCODING" not in house.engine.seen[-1]


def test_head_has_no_body(house: House) -> None:
    """HEAD answers like GET, without the body, also when it refuses."""
    reply = house.anna("HEAD", house.personal + "none.vcf")
    assert (reply.status, reply.body) == (404, b"")
