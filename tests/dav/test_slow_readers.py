"""Phones on slow lines: while an answer goes out to them nothing is held in the database."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from carddav_msg.bootstrap import Services
from carddav_msg.directory.sql.engine import CHECKPOINT_PAGES
from carddav_msg.domain.access import Book, BookKind
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.publishing.cards import put_card
from carddav_msg.settings import Settings
from tests.builders import add_network, add_user
from tests.dav.clients import basic
from tests.servers import Servers

READERS = 16
CARDS = 600
NOTE = "x" * 16_000
WRITES = 1000
CHECKPOINT = CHECKPOINT_PAGES * 4096
"""A log of so many bytes is written back, and begun again when nobody reads an older state."""
ASKED = (
    b'<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/>'
    b'<address-data xmlns="urn:ietf:params:xml:ns:carddav"/></prop></sync-collection>'
)


def put(services: Services, book: Book, *uids: str, note: str = NOTE) -> None:
    """Cards of some size in one transaction."""

    def work(tx: object) -> None:
        for uid in uids:
            body = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:X\r\nNOTE:{note}\r\nEND:VCARD\r\n".encode()
            put_card(tx, services.renderer, book, f"{uid}.vcf", body, Preconditions(), max_size=100_000)  # type: ignore[arg-type]

    services.directory.transact(work)


@contextlib.contextmanager
def slow_reader(url: str) -> Iterator[socket.socket]:
    """Has the whole book sent to it, and has taken no more than the beginning."""
    address = urlsplit(url)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(60)
        reader.connect((address.hostname, address.port))
        lines = (
            *("REPORT /dav/acme~anna/team/ HTTP/1.1", "Host: x", "Depth: 0", "Content-Type: application/xml"),
            *(f"Authorization: {basic('acme~anna:right')}", f"Content-Length: {len(ASKED)}", "Connection: close"),
        )
        head = "\r\n".join([*lines, "\r\n"])
        reader.sendall(head.encode() + ASKED)
        assert reader.recv(12) == b"HTTP/1.1 207"
        yield reader


def test_slow_readers_do_not_keep_the_log_of_sqlite(settings: Settings, services: Services, server: Servers) -> None:
    """While phones load a book slowly the write-ahead log is written back and stays short, however much is written."""
    acme = add_network(services, "acme")
    add_user(services, acme, "anna", password="right")
    shared = Book(0, acme.id, BookKind.SHARED, "team", "team", 0, "", 1, 0, 0)
    book = services.directory.transact(lambda tx: tx.add_book(shared, everyone="write"))
    put(services, book, *(f"card-{number}" for number in range(CARDS)))
    log = Path(settings.database_url.removeprefix("sqlite:///") + "-wal")

    def write() -> int:
        """Writes much more than a checkpoint holds, and returns how long the log became by it."""
        with contextlib.closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(WRITES):
            put(services, book, "written", note=f"{number} {NOTE}")
        return log.stat().st_size

    started = server(settings, threads=READERS + 4)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(slow_reader(started.url)) for _ in range(READERS)]
        assert write() < 2 * CHECKPOINT
        for reader in readers:
            received = sum(map(len, iter(lambda reader=reader: reader.recv(1 << 20), b"")))  # type: ignore[misc]
            assert received > CARDS * len(NOTE)
    with contextlib.closing(sqlite3.connect(log.with_name(log.name.removesuffix("-wal")))) as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT count(*) FROM cards").fetchone()
        assert write() > 2 * CHECKPOINT  # what a reader would do that holds on to a state
