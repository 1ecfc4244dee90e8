"""The one pipeline that all log lines go through."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the pipeline writes, at the level debug."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("debug", stream=lambda: stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logs.keep_out()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "GET /auth?username=anna&password=S3cret&cloud_id=APP",
            "GET /auth?username=anna&password=********&cloud_id=APP",
        ),
        ("GET /x?token=S3cret&host=h HTTP/1.1", "GET /x?token=********&host=h HTTP/1.1"),
        ("cloud_password=S3cret&x=1", "cloud_password=********&x=********"),
        ("extProvPassword%3DS3cret", "extProvPassword%3D********"),
        ('{"password": "S3\\"cret", "a": 1}', '{"password": "********", "a": 1}'),
        ("{'cloud_password': 'S3cret'}", "{'cloud_password': '********'}"),
        ("('sip_password', 'S3cret')", "('sip_password', '********')"),
        ("<password>S3cret</password><title>t</title>", "<password>********</password><title>t</title>"),
        ("Authorization: Basic S3cretS3cret", "Authorization: ********"),
        ("'HTTP_AUTHORIZATION': 'Basic S3cret'", None),
        ("sent basic S3cretS3cret== to us", "sent basic ******** to us"),
        ("key d1.k12.YXBwOg.S3cret-_= was sent", "key ******** was sent"),
        ("hash $argon2id$v=19$m=8,t=1,p=1$S3cret$S3cret.", "hash ********"),
        ("hash $2b$12$S3cretS3cret' of", "hash ********' of"),
        ("hash $6$rounds=5000$S3cret$S3cret", "hash ********"),
        ("hash $pbkdf2-sha256$29000$S3cret$S3cret", "hash ********"),
        ("postgresql+psycopg://me:S3cret@db/name", "postgresql+psycopg://me:********@db/name"),
        ("scan csc:anna:S3cret@APP now", "scan csc:anna:********@APP now"),
        ("INSERT [parameters: ('anna', 'S3cret')]", "INSERT [parameters: ********]"),
    ],
)
def test_secrets_are_masked(text: str, kept: str | None) -> None:
    """Every shape in which a secret may turn up in somebody's log line is masked, and the rest of the line is kept."""
    masked = logs.redact(text)
    assert "S3cret" not in masked
    assert kept is None or masked == kept


@pytest.mark.parametrize(
    "text",
    [
        "face=provisioning status=403 reason=password login='bert' client=127.0.0.1",
        "face=external_authentication status=200 user='a~b' method=sip_password matched=sip_username client=::1",
        "Listening at: http://127.0.0.1:8080 (17)",
        "Is it ready? a=b",
        "The parameter 'password' (or 'cloud_password') is missing.",
        "The password hash of user 7 was not upgraded: basic trust",
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    """What holds no secret is not touched."""
    assert logs.redact(text) == text


def test_a_record_is_one_line(written: io.StringIO) -> None:
    """Line ends and escape sequences in a message can't forge a second line or paint the terminal."""
    logging.getLogger("somebody").warning("first\r\nsecond\x1b[31m\u2028third %s", "\x00")
    (line,) = written.getvalue().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning somebody: first \| second", line)
    assert line.isprintable()


def test_traceback_is_in_the_line_without_what_was_sent(written: io.StringIO) -> None:
    """A traceback names place and error; what the request sent in secret is masked there until it is forgotten."""

    def fail() -> None:
        try:
            raise ValueError("can't use 'hunter two' here")
        except ValueError:
            logging.getLogger("somebody").exception("broken for %s", "hunter two")

    logs.keep_out("hunter two")
    fail()
    logs.keep_out()
    fail()
    masked, plain = written.getvalue().splitlines()
    assert "test_logs.py" in masked
    assert "ValueError: can't use '********' here" in masked
    assert "broken for hunter two" in masked
    assert "can't use 'hunter two' here" in plain


def test_text_of_other_formatters_is_not_taken(written: io.StringIO) -> None:
    """A traceback that somebody cached with local variables is made anew."""
    record = logging.LogRecord("x", logging.ERROR, "", 0, "oops", (), (ValueError, ValueError("why"), None))
    record.exc_text = "secret_local = 'S3cret'"
    logging.getLogger().handle(record)
    assert "S3cret" not in written.getvalue()
    assert "ValueError: why" in written.getvalue()


def test_a_record_that_can_not_be_formatted_shows_no_arguments(
    written: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standard library would print message and arguments; here it is one line that says so."""
    root = logging.getLogger()  # where the test runner has handlers that raise
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if type(one).__module__ == logs.__name__])
    logging.getLogger("somebody").warning("%d", "S3cret")
    assert written.getvalue().count("\n") == 1
    assert "could not be formatted" in written.getvalue()
    assert "S3cret" not in written.getvalue() + capsys.readouterr().err


def test_loggers_with_own_handlers_are_taken_over(written: io.StringIO) -> None:
    """werkzeug and Radicale keep handlers of their own; their lines come through ours, once."""
    own = io.StringIO()
    for name in ("werkzeug", "radicale"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler(own))
        logger.propagate = False
        logs.adopt(name)
        logger.error("password=S3cret")
    assert own.getvalue() == ""
    assert written.getvalue().count("password=********") == 2


def test_configuring_again_does_not_double_lines(written: io.StringIO) -> None:
    """The level can be set again; a record is still one line, to the new stream."""
    stream = io.StringIO()
    logs.configure("warning", stream=lambda: stream)
    logging.getLogger("somebody").info("not this")
    logging.getLogger("somebody").warning("this")
    assert written.getvalue() == ""
    assert stream.getvalue().count("\n") == 1


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """Whatever is logged, it is one line that any terminal shows."""
    line = logs.printable(logs.redact(text))
    assert line.isprintable()
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize("path", ["/dav/acme~anna/Canary", "/dav/it's Canary/", '/dav/"Canary"/it\'s', "/Canary\\'/x"])
def test_the_engine_s_paths_are_in_no_line(written: io.StringIO, path: str) -> None:
    """Radicale quotes the path of a request that it refuses; a client may have put anything into it."""
    logging.getLogger("radicale").warning("Bad %s request on %r: %s", "MKCOL", path, "why")
    assert "Canary" not in written.getvalue()
    assert "Bad MKCOL request on '(path)': why" in written.getvalue()
