"""Logging: one pipeline for all loggers, to standard error, one line a record, with everything secret masked.

Our own lines never hold a secret. The masks are for what others write: engines, servers, tracebacks.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "********"
SHOWN_PARAMETERS: Final = frozenset({"cloud_id", "cloud_username", "host", "initialscreen", "username"})
_SHORTEST = 3  # masking shorter texts would leave nothing of a line, and they keep no secret

_sent: ContextVar[tuple[str, ...]] = ContextVar("secrets sent by the current request", default=())

_WORD = r"passw(?:or)?d|secret|api[_-]?key|access[_-]?token|credential"
_NAMED = rf"[\w.\[\]-]*(?:{_WORD})[\w.\[\]-]*"
_HAS_WORD = re.compile(_WORD, re.IGNORECASE)
_Masks = tuple[tuple[re.Pattern[str], str], ...]
_SHAPES: Final[_Masks] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)\bd1\.[\w-]+\.[\w=-]*\.[\w=-]+", MASK),
        (r"\$(?:argon2\w*|2[abxy]|[156]|scrypt|pbkdf2[\w-]*)\$[^\s'\"]+", MASK),
        (r"(?i)(\bauthorization\\?['\"]?\s*[:=,]\s*(?:b?\\?['\"])?)[^'\"\r\n]+", rf"\1{MASK}"),
        (r"(?i)(\b(?:basic|bearer|digest)\s+)[A-Za-z0-9+/=._~-]{6,}", rf"\1{MASK}"),
        (r"(://[^\s/:@'\"]*:)[^\s/@'\"]+(?=@)", rf"\1{MASK}"),
        (r"(?i)(\bcsc:[^\s:@]*:)[^\s@]+", rf"\1{MASK}"),
        (r"(?s)(\[parameters: ).*?(\](?=\s*(?:$|\(Background|\|))|$)", rf"\1{MASK}\2"),
    )
)
"""Secrets that are known by their look. They come first: their parts would look like something else."""
_NAMED_VALUES: Final[_Masks] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"(?is)(<({_NAMED})\b[^>]*>).*?(</\2>)", rf"\1{MASK}\3"),
        (rf"(?i)((?:b?\\?['\"]){_NAMED}\\?['\"]\s*[:,]\s*b?)(\\?['\"])(?:\\.|(?!\2).)*(\2|$)", rf"\1\2{MASK}\3"),
        (rf"(?i)(\b{_NAMED}(?:=|%3d))(?!\s)[^\s&;,\"')\]]*", rf"\1{MASK}"),
    )
)
"""Secrets that are known by the name in front of them."""
_QUOTED_PATH = re.compile(r"'/(?:[^'\\]|\\.)*'" r'|"/(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(r"([?&])([^\s=&?'\"]+)=([^\s&'\"]*)")


def configure(level: str = "info", *, stream: Callable[[], object] | None = None) -> None:
    """Sends all loggers through the one pipeline; `level` is debug, info, warning or error. May be called again.

    `stream` gives the stream to write to, standard error of the moment if it is left out.
    """
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _Handler):
            root.removeHandler(old)
    root.addHandler(_Handler(stream or (lambda: sys.stderr)))
    root.setLevel(level.upper())
    # The engine tells its whole configuration at every start; that is for whoever looks for a fault.
    logging.getLogger("radicale").setLevel(logging.NOTSET if level.lower() == "debug" else logging.WARNING)
    adopt("radicale", "werkzeug")


def adopt(*names: str) -> None:
    """Takes the handlers that a library gave to its own loggers away, so that its records come through ours."""
    for name in names:
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
        logger.propagate = True


def keep_out(*secrets: str) -> None:
    """Names what the current request sent in secret: no traceback of this context shows it. Without any: forgets.

    Only tracebacks are searched for it, so that nobody can blank a line (an address, say) by sending it as a password.
    """
    _sent.set(tuple(secret for secret in secrets if len(secret) >= _SHORTEST))


def redact(text: str) -> str:
    """The text with everything masked that looks like a secret, and all URL parameters but those known as harmless."""
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    # Most lines have none of the words, and to look for named values takes longer than all else.
    for pattern, replacement in _NAMED_VALUES if _HAS_WORD.search(text) else ():
        text = pattern.sub(replacement, text)
    return _PARAMETER.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    return f"{mark}{name}={value if name.lower() in SHOWN_PARAMETERS else MASK}"


class OneLine(logging.Formatter):
    """`time level logger: message`, redacted, with a traceback behind it where there is one, all in one line."""

    def format(self, record: logging.LogRecord) -> str:
        # Tracebacks are made here, never taken from `exc_text`, where other formatters may have put local variables.
        message = record.getMessage()
        if record.name == "radicale":  # it quotes paths, and in a path there may be anything
            message = _QUOTED_PATH.sub("'(path)'", message)
        parts = [f"{self.formatTime(record)} {record.levelname.lower()} {record.name}: {message}"]
        if record.exc_info and record.exc_info[0]:
            parts.append(_without_sent(self.formatException(record.exc_info)))
        if record.stack_info:
            parts.append(_without_sent(self.formatStack(record.stack_info)))
        return printable(redact("\n".join(parts)))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # logging's name
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def printable(text: str) -> str:
    """The text in one line: line ends become ` | `, other characters that don't print become escapes."""
    line = " | ".join(part.rstrip() for part in text.splitlines())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _without_sent(text: str) -> str:
    for secret in _sent.get():
        for spelling in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, ""), quote_plus(secret)}:
            text = text.replace(spelling, MASK)
    return text


class _Handler(logging.Handler):
    def __init__(self, stream: Callable[[], object]) -> None:
        super().__init__()
        self._stream = stream
        self.setFormatter(OneLine())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:
            # logging's own handleError would print the arguments that did not fit.
            line = f"{record.levelname.lower()} {record.name}: a record could not be formatted ({type(error).__name__})"
        print(line, file=self._stream(), flush=True)  # type: ignore[call-overload]  # whatever has a write method
