"""Spellings: what may be a Network ID, a Cloud Username, a Cloud ID, a domain, and how each is compared.

The stored spelling goes on the wire; look-ups use `fold`. Folding happens here and in a stored column, never by a
database collation, so that SQLite and PostgreSQL agree.
"""

from __future__ import annotations

import re
import unicodedata

from carddav_msg.errors import InvalidValue

NETWORK_ID_LENGTH = 64
CLOUD_USERNAME_LENGTH = 128
_NETWORK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_CLOUD_ID = re.compile(r"[A-Z0-9][A-Z0-9._-]*\Z")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def fold(text: str) -> str:
    """The form in which names are compared: NFC(casefold(NFC(text)))."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def has_control(text: str) -> bool:
    """True when a character of Unicode category C (control, format, surrogate, private, unassigned) is in the text."""
    # What is printable has none, and is told in one step: nearly every text.
    return not text.isprintable() and any(unicodedata.category(character)[0] == "C" for character in text)


def parse_network_id(text: str) -> str:
    """A Network ID in its exact, wire-visible spelling; InvalidValue otherwise."""
    if len(text) > NETWORK_ID_LENGTH or not _NETWORK_ID.match(text):
        raise InvalidValue(
            "network_id",
            f"{_shown(text)} is not a Network ID: letters, digits, '.', '_' and '-', the first a letter or digit, "
            f"at most {NETWORK_ID_LENGTH}.",
        )
    return text


def parse_cloud_username(text: str, field: str = "cloud_username") -> str:
    """A Cloud Username (or SIP username) in NFC; InvalidValue otherwise."""
    username = unicodedata.normalize("NFC", text)
    if not username:
        raise InvalidValue(field, "is empty.")
    if len(username) > CLOUD_USERNAME_LENGTH:
        raise InvalidValue(
            field, f"{_shown(username)} is {len(username)} characters long, {CLOUD_USERNAME_LENGTH} fit."
        )
    for character in "/:":
        if character in username:
            raise InvalidValue(
                field, f"{_shown(username)} contains '{character}', which no client can send in a login."
            )
    if has_control(username):
        raise InvalidValue(field, f"{_shown(username)} contains a control or format character.")
    if username != username.strip():
        raise InvalidValue(field, f"{_shown(username)} begins or ends with a blank.")
    if username.count("@") > 1 or username[0] == "@" or username[-1] == "@":
        raise InvalidValue(field, f"{_shown(username)} may contain one '@', neither first nor last.")
    return username


def parse_cloud_id(text: str) -> str:
    """A Cloud ID, normalised: a trailing `*` (the editable version of the same app) dropped, upper-case."""
    cloud_id = text.strip().removesuffix("*").upper()
    if len(cloud_id) > NETWORK_ID_LENGTH or not _CLOUD_ID.match(cloud_id):
        raise InvalidValue("cloud_ids", f"{_shown(text)} is not a Cloud ID: letters and digits.")
    return cloud_id


def normalise_cloud_id(text: str) -> str:
    """The look-up form of whatever a request calls its Cloud ID; never raises."""
    return text.strip().removesuffix("*").upper()


def parse_host(text: str, field: str = "domains") -> str:
    """A host name or domain in lower case, without port; InvalidValue otherwise."""
    host = text.strip().rstrip(".").lower()
    if len(host) > 253 or not _HOST.match(host):
        raise InvalidValue(field, f"{_shown(text)} is not a host name.")
    return host


def parse_sip_host(text: str) -> str:
    """A SIP host with an optional port, `sip.example.com[:port]`."""
    host, colon, port = text.strip().partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidValue("sip_host", f"{_shown(text)} has a port that is not a number from 1 to 65535.")
    return parse_host(host, "sip_host") + colon + port


def normalise_host(text: str) -> str:
    """The look-up form of a host hint: lower case, no port, no trailing dot, no SIP scheme or parameters."""
    host = text.strip().lower()
    host = host.removeprefix("sips:").removeprefix("sip:").partition(";")[0]
    return host.partition(":")[0].rstrip(".")


def parse_slug(text: str, field: str = "book") -> str:
    """A URL segment that names a shared book."""
    if not _SLUG.match(text):
        raise InvalidValue(field, f"{_shown(text)}: letters, digits, '.', '_' and '-', at most 64, make a book's name.")
    return text


def parse_country(text: str) -> str:
    """An ISO 3166 alpha-2 country in upper case, or the empty string."""
    country = text.strip().upper()
    if country and not _COUNTRY.match(country):
        raise InvalidValue("country", f"{_shown(text)} is not a two-letter country code.")
    return country


def login_of(network_id: str, cloud_username: str) -> str:
    """The canonical login, which is also the name of the principal: `NETWORK~cloud_username`."""
    return f"{network_id}~{cloud_username}"


def split_login(login: str) -> tuple[str, str] | None:
    """(network, rest) of a login with a network in front, split at the first `~`; None without one."""
    network, tilde, rest = login.partition("~")
    return (network, rest) if tilde and network and rest else None


def _shown(text: str) -> str:
    """The text as an error may show it: printable and short."""
    short = text if len(text) <= 40 else text[:37] + "…"
    return repr(short)
