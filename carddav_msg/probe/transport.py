"""How a probe asks: one request, one answer. `Http` asks a real server; a test may ask an application instead."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from carddav_msg.errors import CarddavMsgError

LIMIT: Final = 64 * 1024 * 1024


class Unreachable(CarddavMsgError):
    """No HTTP answer came; the text says why."""


class Untrusted(Unreachable):
    """The certificate is not accepted, so nothing was sent; `code` is OpenSSL's (X509_V_ERR_…)."""

    def __init__(self, error: ssl.SSLCertVerificationError) -> None:
        super().__init__(f"The certificate is not accepted: {error.verify_message.rstrip('.')}.")
        self.code = int(error.verify_code)


@dataclass(frozen=True, slots=True)
class Call:
    """A request; `url` is absolute. Holds secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


Ask = Callable[[Call], Reply]
"""What sends a call and returns its reply; Unreachable when none comes. Redirects are not followed."""


class Http:
    """Asks over the network. `agent` is the User-Agent; certificates are verified unless `context` says otherwise."""

    def __init__(self, *, agent: str, timeout: float = 20, context: ssl.SSLContext | None = None) -> None:
        self._agent = agent
        self._timeout = timeout
        self._context = context

    def __call__(self, call: Call) -> Reply:
        """One connection, one answer."""
        parts = urlsplit(call.url)
        connection: http.client.HTTPConnection
        try:
            if parts.scheme == "https":
                context = self._context or ssl.create_default_context()
                connection = http.client.HTTPSConnection(
                    parts.hostname or "", parts.port, timeout=self._timeout, context=context
                )
            else:
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=self._timeout)
            target = parts.path or "/"
            if parts.query:
                target = f"{target}?{parts.query}"
            headers = {"User-Agent": self._agent, **call.headers}
            try:
                connection.request(call.method, target, body=call.body or None, headers=headers)
                answer = connection.getresponse()
                body = answer.read(LIMIT)
                return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"no answer ({type(error).__name__}: {error}).") from None


def basic(login: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic authentication (RFC 7617)."""
    token = base64.b64encode(f"{login}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {token}"}
