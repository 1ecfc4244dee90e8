"""Basic credentials of a request (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from carddav_msg.domain.identifiers import has_control
from carddav_msg.errors import Rejected

_LOGIN_LENGTH = 512


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A login and a secret, as sent; the secret is in no repr."""

    login: str
    secret: str = field(repr=False)


def parse_basic(header: str | None) -> BasicCredentials:
    """The credentials of an Authorization header, in UTF-8.

    Raises Rejected with the reason `missing` (no header) or `malformed`: another scheme, no base64, not UTF-8, no
    colon, control characters or an endless login (no such user exists, and databases choke on NUL).
    """
    if header is None:
        raise Rejected("missing")
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Rejected("malformed")
    try:
        login, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise Rejected("malformed") from None
    if not colon or len(login) > _LOGIN_LENGTH or has_control(login):
        raise Rejected("malformed")
    return BasicCredentials(login, secret)
