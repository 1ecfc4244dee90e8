"""Cards of every kind, through the guard: stored as they are or refused with the right element, never anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vobject
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from carddav_msg import bootstrap
from carddav_msg.formats.vcard.contentlines import ContentLine, param, scan, split_components
from carddav_msg.formats.vcard.read import profile_of
from carddav_msg.services.authentication import Face
from tests.databases import Databases, quick_folder
from tests.dav.clients import CR, Reply
from tests.dav.conftest import SECRET, House, build
from tests.formats.cards import ANYTHING, CARDS, LARGEST, PLAIN_CARDS, Sent, name_of, with_uid
from tests.profiles import SOAK, examples

BATCH = 20
OWNED = {"X-CLOUD-USERNAME", "X-NETWORK-ID"}
DATA = CR + "address-data"
CONDITIONS = {CR + name for name in ("valid-address-data", "supported-address-data", "max-resource-size")}
BOOK = "/dav/acme~anna/fuzz/"


@pytest.fixture
def fuzzed(databases: Databases) -> Iterator[House]:
    """A house where small cards are too large already."""
    with quick_folder() as name:
        settings = replace(databases.settings(Path(name), databases.sqlite(Path(name))), max_card_size=LARGEST)
        with closing(bootstrap.build(settings)) as services:
            yield build(services)


@pytest.mark.parametrize("shard", range(4 if SOAK else 1))
def test_cards_of_every_kind(fuzzed: House, shard: int) -> None:
    """Stored: the same bytes outside the server's properties, by GET, multiget and sync. Refused: the right element."""

    @hypothesis_settings(max_examples=examples(ci=8, soak=1250))
    @given(st.lists(CARDS, min_size=BATCH, max_size=BATCH))
    def put_all(batch: list[Sent]) -> None:
        book = _Book(fuzzed)
        for number, sent in enumerate(batch):
            book.put(number, with_uid(sent, f"uid-{number}"))
        book.read_all()

    put_all()


class _Book:
    """A book for one batch of cards."""

    def __init__(self, house: House) -> None:
        self._dav = house.anna
        self._stored: dict[str, bytes] = {}
        books = house.services.addressbooks
        principal = house.services.authentication.enter("acme~anna", SECRET, Face.CARDDAV).principal
        for old in [book for book in books.home(principal) if book.slug == "fuzz"]:
            books.delete_book(principal, old)
        books.create_book(principal, "fuzz", "Fuzz", "", "")

    def put(self, number: int, sent: Sent) -> None:
        """Stores a card and reads it back, or finds out why not."""
        path = f"{BOOK}{number}.vcf"
        reply = self._dav.put(path, sent.body, content_type=sent.content_type)
        if reply.status == 201:
            assert sent.condition in ("", ANYTHING), (sent, reply)
            got = self._dav("GET", path)
            assert got.status == 200
            _is_what_was_sent(sent.body, got.body)
            # An ETag says: what you sent is what is served (RFC 6352 §6.3.2.3).
            assert reply.headers.get("ETag") == (got.headers["ETag"] if got.body == sent.body else None)
            self._stored[path] = got.body
        else:
            assert reply.status == 403, (sent, reply)
            assert self._dav("GET", path).status == 404
            if sent.condition == ANYTHING:
                assert reply.condition in {*CONDITIONS, CR + "no-uid-conflict"}
            else:
                assert reply.condition == CR + sent.condition, (sent, reply)
            assert reply.sentence

    def read_all(self) -> None:
        """Each card by multiget in both versions and by sync: byte for byte in the version it is stored in."""
        for version in ("3.0", "4.0"):
            data = f'<prop><CR:address-data version="{version}"/></prop>'
            hrefs = "".join(f"<href>{path}</href>" for path in self._stored)
            namespaces = 'xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"'
            multiget = f"<CR:addressbook-multiget {namespaces}>{data}{hrefs}</CR:addressbook-multiget>"
            sync = f"<sync-collection {namespaces}><sync-token/><sync-level>1</sync-level>{data}</sync-collection>"
            for report in (multiget, sync):
                self._compare(self._dav("REPORT", BOOK, report, depth="0"), version)
        whole = self._dav("GET", BOOK)
        assert whole.body == b"".join(
            body if body.endswith(b"\n") else body + b"\r\n" for body in self._stored.values()
        )

    def _compare(self, reply: Reply, version: str) -> None:
        assert {href: list(member.found) for href, member in reply.members.items()} == {
            href: [DATA] for href in self._stored
        }
        for href, member in reply.members.items():
            stored = self._stored[href].decode()
            if _version_of(stored) == version:
                assert member.text(DATA) == stored
            else:
                assert _version_of(member.text(DATA)) == version


def _logical_lines(text: str) -> list[str]:
    """The lines of a card with their folds and ends. Written without the scanner that is tested."""
    lines: list[str] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+\Z", text):
        if lines and line[0] in " \t" and lines[-1].strip("\r\n"):
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _version_of(text: str) -> str:
    (line,) = [line for line in _logical_lines(text) if name_of(line) == "VERSION"]
    return re.sub(r"\r?\n[ \t]", "", line).partition(":")[2].strip()


def _is_what_was_sent(sent: bytes, served: bytes) -> None:
    """Nothing differs but the server's own properties, and a UID where there was none."""
    before, after = _logical_lines(sent.decode()), _logical_lines(served.decode())
    uids = [
        line for line in before if name_of(line) == "UID" and re.sub(r"\r?\n[ \t]", "", line).partition(":")[2].strip()
    ]
    ours = OWNED if uids else {*OWNED, "UID"}
    if not uids:
        assert [name_of(line) for line in after].count("UID") == 1
    assert [line for line in after if name_of(line) not in ours] == [
        line for line in before if name_of(line) not in ours
    ]
    if uids and not any(name_of(line) in OWNED for line in before):
        assert served == sent


@hypothesis_settings(max_examples=examples(ci=40, soak=10_000))
@given(PLAIN_CARDS)
def test_values_agree_with_vobject(text: str) -> None:
    """An independent reader finds the same names, parameters, groups and values in well-formed cards of version 3.0."""
    theirs = vobject.readOne(text).contents
    ours = [line for line in scan(text) if line.name not in ("", "BEGIN", "END")]
    assert {line.name.lower() for line in ours} == set(theirs)
    for name, found in theirs.items():
        mine = [line for line in ours if line.name.lower() == name]
        assert [line.group for line in mine] == [line.group or "" for line in found]
        assert [{key: list(param(line, key)) for key, _ in line.params} for line in mine] == [
            line.params for line in found
        ]
        assert [_value(line) for line in mine] == [_parts_of(line.value) for line in found]
    profile = profile_of(ours)
    ((formatted,), (n,)) = ([line.value for line in theirs[name]] for name in ("fn", "n"))
    assert profile.display_name == formatted.strip() or not formatted.strip()
    assert (profile.family_name, profile.given_name) == (n.family.strip(), n.given.strip())
    assert profile.title in {"", *(line.value.strip() for line in theirs.get("title", []))}
    emails = [line.value.strip() for line in theirs.get("email", [])]
    assert [email.address for email in profile.emails] == [re.sub("(?i)^mailto:", "", one) for one in emails if one]


def _value(line: ContentLine) -> list[str]:
    """The parts of a value as the card means them: one text, or components (of ORG without empty ones at the end)."""
    if line.name == "ORG":
        return _filled(split_components(line.value))
    return split_components(line.value) if line.name in ("N", "ADR") else [line.text]


def _filled(parts: list[str]) -> list[str]:
    """Without the empty parts at the end, of which vobject keeps none."""
    while len(parts) > 1 and not parts[-1]:
        parts = parts[:-1]
    return parts


def _parts_of(value: Any) -> list[str]:
    """The same of what vobject has made of it."""
    if isinstance(value, vobject.vcard.Name):
        return [value.family, value.given, value.additional, value.prefix, value.suffix]
    if isinstance(value, vobject.vcard.Address):
        return [value.box, value.extended, value.street, value.city, value.region, value.code, value.country]
    return _filled(value) if isinstance(value, list) else [value]
