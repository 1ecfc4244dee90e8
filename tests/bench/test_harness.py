"""The harness notices wrong answers: a benchmark that can't is worth nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from xml.etree import ElementTree

import pytest

from bench import dav, plot
from bench.cards import HITS, contacts
from bench.client import Client, closed_loop
from bench.errors import WrongAnswer
from bench.operations import percentile
from bench.report import Row


def test_contacts_are_the_same_each_time() -> None:
    """Runs are compared with each other, so they store the same cards; ten are marked, whatever the size."""
    assert contacts(30) == contacts(30)
    assert all(sum(contact.marked for contact in contacts(count)) == HITS for count in (10, 200, 1234))


def test_altered_card_is_noticed() -> None:
    """A card may be folded and reordered, but lacks no line and no letter."""
    contact = contacts(1)[0]
    text = contact.vcard(3)
    contact.check(text.replace("Ltd", "L\r\n td"), 3)
    for wrong in (text.replace("Ltd", "Lt"), text.replace("END:VCARD", ""), contact.vcard(2)):
        with pytest.raises(WrongAnswer):
            contact.check(wrong, 3)


@pytest.mark.parametrize(
    "inner",
    [
        "<response><href>/b/1</href></response><response><href>/b/1</href></response>",
        "<response><status>HTTP/1.1 200 OK</status></response>",
        "<response>",
    ],
)
def test_broken_multistatus_is_noticed(inner: str) -> None:
    """An href twice, one that is missing, and what is no XML."""
    with pytest.raises(WrongAnswer):
        dav.read(f'<multistatus xmlns="DAV:">{inner}</multistatus>'.encode(), "test")


@contextmanager
def _answering(*answers: bytes) -> Iterator[Client]:
    """A server of one connection at a time that gives these answers, then the last one for ever."""

    def serve() -> None:
        left = list(answers)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                while connection.recv(65536):
                    connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    client = Client("127.0.0.1", listener.getsockname()[1])
    try:
        yield client
    finally:
        client.close()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _chunked(body: str, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces)
    return f"HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode()


def test_closed_loop_takes_the_same_answer_in_other_pieces() -> None:
    """How an answer is cut into chunks is the server's choice."""
    with _answering(*(_chunked("the same answer", size) for size in (15, 4, 7, 15))) as client:
        first = client.request("GET", "/")
        client.close()
        assert first.body == b"the same answer"
        loop = closed_loop(client, [client.message("GET", "/")], [first], 0.01, least=5)
        assert len(loop.latencies) >= 5


def test_closed_loop_notices_another_answer() -> None:
    """One wrong answer among many right ones stops the loop."""
    right, wrong = (f"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}".encode() for body in ("right", "wrong"))
    with _answering(right, right, right, wrong) as client:
        first = client.request("GET", "/")
        client.close()
        with pytest.raises(WrongAnswer):
            closed_loop(client, [client.message("GET", "/")], [first], 5)


def test_ratios_say_how_many_times_worse() -> None:
    """For rates less is worse, for times more is; from 0.8 of a core on the client is named as the limit."""
    mine = {"measured": {"poll": {"rps": 50.0, "ms": 8.0, "client_cpu_share": 0.9}}}
    floor = {"measured": {"poll": {"rps": 200.0, "ms": 2.0, "client_cpu_share": 0.5}}}
    assert Row("poll", "rps", "", more_is_better=True).ratio(mine, floor) == 4
    assert Row("poll", "ms", "").ratio(mine, floor) == 4
    assert Row("poll", "ms", "").limit(mine) == " †0.90"
    assert Row("poll", "ms", "").limit(floor) == ""


def test_percentiles() -> None:
    """The value that a share of all don't exceed."""
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.99) == 4


def test_plots_are_xml() -> None:
    """Plots are read by browsers, whatever the names in them."""
    for image in (plot.bars("a < b", {"x": {"y & z": 3.0}}), plot.lines("a < b", {"s": [(1.0, 2.0), (10.0, 200.0)]})):
        assert "a < b" in "".join(ElementTree.fromstring(image).itertext())
