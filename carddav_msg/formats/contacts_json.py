"""Web Service Contacts: the directory as the vendor's apps fetch it, one JSON document of contacts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.user import Address, Profile
from carddav_msg.formats.vcard.render import avatar_url, unique_numbers

DOCUMENT_VERSION = 1
"""Rises when `document` makes other bytes of the same fragments."""

BEGIN: Final = b'{"contacts":['
COMMA: Final = b","
END: Final = b"]}"
"""What stands before the fragments of a document, between two of them, and behind them."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fragment(contact: Contact, *, public_url: str, checksum: bool = False) -> str:
    """One contact as compact JSON; a key whose value is empty is left out, but `contactEntries` is always there.

    `public_url` is the server's, without which a stored photo has no address. `checksum` adds 16 hexadecimal digits
    that change when anything else of the contact does.
    """
    profile, identity = contact.profile, contact.identity
    stored = avatar_url(profile.photo, public_url)
    texts = {
        "contactId": contact.contact_id,
        "cloudUsername": identity.cloud_username if identity else "",
        "networkId": identity.network_id if identity else "",
        "displayName": profile.display_name,
        "fname": profile.given_name,
        "mname": profile.additional_name,
        "lname": profile.family_name,
        "fnamePhonetic": profile.given_name_phonetic,
        "mnamePhonetic": profile.additional_name_phonetic,
        "lnamePhonetic": profile.family_name_phonetic,
        "nick": profile.nickname,
        "namePrefix": profile.name_prefix,
        "nameSuffix": profile.name_suffix,
        "company": profile.organisation,
        "departmentName": profile.department,
        "jobTitle": profile.title,
        "birthday": profile.birthday,
        "notes": profile.note,
        "avatar": profile.photo.url or stored,
        "largeAvatar": profile.photo.large_url or stored,
    }
    value: dict[str, object] = {key: text for key, text in texts.items() if text}
    value["contactEntries"] = _entries(profile, contact.urls)
    addresses = [address for address in map(_address, profile.addresses) if len(address) > 1]
    if addresses:
        value["contactAddresses"] = addresses
    rest = _encode(value)
    if not checksum:
        return rest
    digest = blake2b(rest.encode(), digest_size=8).hexdigest().upper()
    return f'{rest[:-1]},"checksum":"{digest}"}}'


def reidentified(text: str, contact_id: str, before: MessagingIdentity, after: MessagingIdentity) -> str | None:
    """A fragment without checksum with another identity, as `fragment` would make it; None when it begins otherwise."""
    beginning = _beginning(contact_id, before)
    return _beginning(contact_id, after) + text.removeprefix(beginning) if text.startswith(beginning) else None


def _beginning(contact_id: str, identity: MessagingIdentity) -> str:
    """What comes first in a fragment with an identity; every one has more behind it."""
    first = {"contactId": contact_id, "cloudUsername": identity.cloud_username, "networkId": identity.network_id}
    return _encode(first)[:-1] + ","


def document(pages: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """The document of all contacts, a piece for each page of fragments that has any."""
    before = BEGIN
    for fragments in pages:
        if page := ",".join(fragments):
            yield before + page.encode("utf-8", "replace")
            before = COMMA
    yield END if before == COMMA else BEGIN + END


def _entries(profile: Profile, urls: Iterable[str]) -> list[dict[str, str]]:
    entries = []
    for place, (kind, value, label) in enumerate(unique_numbers(profile)):
        entries.append(_entry("tel", place, label or ("work" if kind == "extension" else kind), value))
    for place, email in enumerate(profile.emails):
        entries.append(_entry("email", place, email.kind, email.address))
    for place, url in enumerate(urls):
        entries.append(_entry("url", place, "homepage", url))
    return entries


def _entry(kind: str, place: int, label: str, uri: str) -> dict[str, str]:
    return {"entryId": f"{kind}:{place}", "label": label, "type": kind, "uri": uri}


def _address(address: Address) -> dict[str, str]:
    texts = {
        "label": address.kind,
        "street": address.street,
        "city": address.city,
        "state": address.state,
        "zip": address.postal_code,
        "country": address.country,
        "countryCode": address.country_code,
    }
    return {key: text for key, text in texts.items() if text}
