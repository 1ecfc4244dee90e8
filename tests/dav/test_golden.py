"""Requests in the shape in which clients send them, and the whole answers: `golden/NAME.request` and `NAME.answer`.

A request is what the client needs, a request line, headers, an empty line and a body; an answer is a status, the
headers that matter and the body, laid out. Numbers and digests are replaced: `{etag:a.vcf}`, `{token:3}` for the third
change of the book. Who changes an answer on purpose changes its file.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.dom import minidom

import pytest

from tests.dav.clients import D, vcard
from tests.dav.conftest import House

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.request"))
_HEADERS = ("Preference-Applied", "Allow", "DAV", "Content-Type", "ETag", "Vary", "Location")


@pytest.fixture
def room(house: House) -> House:
    """Anna's book with a card that she changed, one of 4.0, and one that she deleted; and two shared books."""
    house.shared_book("notices", "read")
    house.shared_book("team", "write")
    house.anna.put(house.personal + "a.vcf", vcard("Ada", "a"))
    house.anna.put(house.personal + "b%20%26.vcf", vcard("Böb, Inc.", "b", "ORG:Acme, Inc.").replace("3.0", "4.0"))
    house.anna.put(house.personal + "c.vcf", vcard("Cy", "c"))
    house.anna.put(house.personal + "a.vcf", vcard("Ada L.", "a"))
    house.anna("DELETE", house.personal + "c.vcf")
    return house


@pytest.mark.parametrize("name", NAMES)
def test_clients_get_what_they_need(room: House, name: str) -> None:
    """Each recorded shape of a request is answered with the recorded answer, byte for byte but for numbers."""
    assert answered(room, (GOLDEN / f"{name}.request").read_text("utf-8")) == _golden(name)


def _golden(name: str) -> str:
    return (GOLDEN / f"{name}.answer").read_text("utf-8")


def answered(house: House, request: str) -> str:
    """The answer to a request file in the form of an answer file."""
    book = house.anna.propfind(house.personal, D + "sync-token").members[house.personal].text(D + "sync-token")
    start = book.rpartition(".")[0]
    head, _, body = request.partition("\n\n")
    first, *lines = [line for line in head.splitlines() if not line.startswith("#")]
    method, path = first.split(" ")
    headers = {name.lower().replace("-", "_"): value for name, value in (line.split(": ", 1) for line in lines)}
    body = re.sub(r"\{token:(\d+)\}", rf"{start}.\1", body)
    reply = house.anna(method, path, body, **headers)
    shown = [str(reply.status), *[f"{name}: {reply.headers[name]}" for name in _HEADERS if name in reply.headers], ""]
    text = reply.body.decode()
    if text.startswith("<?xml"):
        text = minidom.parseString(reply.body).toprettyxml(indent=" ").replace("\r", "&#13;")  # noqa: S318  # our own
    return _numberless(house, "\n".join(shown) + "\n" + text.rstrip("\n") + "\n")


def _numberless(house: House, text: str) -> str:
    for href, member in house.anna.propfind(house.personal, D + "getetag", depth="1").members.items():
        if href != house.personal:
            etag = member.text(D + "getetag").strip('"')
            text = text.replace(etag, f"{{etag:{href.removeprefix(house.personal)}}}")
    text = re.sub(r"data:,1/\d+\.\d+\.(\d+)", r"{token:\1}", text)
    text = re.sub(r"&quot;\d+-\d+-(\d+)&quot;", r"{ctag:\1}", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "{uuid}", text)
    return re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "{date}", text)
