"""A contact as a vCard 3.0: the version that every client reads (macOS stops syncing at a 4.0 card)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.user import Address, Photo, Profile
from carddav_msg.formats.sip import sip_uri
from carddav_msg.formats.vcard.contentlines import escape, fold
from carddav_msg.formats.vcard.identity import IdentityNames, identity_lines

# MAIN is Apple's label; WORK beside it is what Android shows. PREF is left to none, as it would make the company's
# number the one that a phone calls first.
_TEL_TYPES = {
    "extension": "WORK,VOICE",
    "work": "WORK,VOICE",
    "mobile": "CELL,VOICE",
    "home": "HOME,VOICE",
    "main": "MAIN,WORK,VOICE",
    "fax": "WORK,FAX",
    "pager": "PAGER",
    "other": "VOICE",
}
_EMAIL_TYPES = {"work": "INTERNET,WORK", "home": "INTERNET,HOME"}
_ADR_TYPES = {"work": "WORK", "home": "HOME"}
_NO_URI = re.compile(r"[\x00-\x20\x7f-\x9f\"<>\\^`{|}\u2028\u2029]")
_ITEM = re.compile(r"(?i:item)([0-9]{1,6})\.")
_NO_TOKEN = re.compile(r"[^A-Z0-9-]+")


def render(
    contact: Contact,
    *,
    uid: str,
    rev: int,
    names: IdentityNames,
    photo: tuple[str, bytes] | None = None,
    public_url: str = "",
) -> str:
    """The card of a contact: CRLF, folded at 75 octets, the same text for the same arguments.

    `rev` is microseconds UTC, `photo` a media type and bytes to put inside the card; otherwise a photo is a link, for a
    stored one below `public_url` (without one it has no link). What is empty has no line.
    """
    profile = contact.profile
    lines = ["BEGIN:VCARD", "VERSION:3.0", fold(f"UID:{escape(uid)}")]
    lines += [fold(line) for line in _person(profile)]
    lines += [fold(line) for line in _reachable(contact)]
    if profile.birthday:
        lines.append(fold(f"BDAY:{escape(profile.birthday)}"))
    if profile.note:
        lines.append(fold(f"NOTE:{escape(profile.note)}"))
    picture = _photo(profile.photo, photo, public_url)
    if picture:
        lines.append(fold(picture))
    lines += [fold(f"URL:{_uri(url)}") for url in contact.urls]
    lines += [fold(line) for line in profile.extra]
    return "\r\n".join(lines) + _ending(contact.identity, names, rev)


def reidentified(
    text: str, rev: int, before: MessagingIdentity, after: MessagingIdentity, new_rev: int, names: IdentityNames
) -> str | None:
    """A rendered card with another identity, as `render` would make it; None when it does not end as it should."""
    ending = _ending(before, names, rev)
    return text.removesuffix(ending) + _ending(after, names, new_rev) if text.endswith(ending) else None


def redated(text: str, rev: int) -> str:
    """A rendered card with another `rev`, as `render` would make it."""
    return text[: text.rindex("\r\nREV:")] + _ending(None, None, rev)


def _ending(identity: MessagingIdentity | None, names: IdentityNames | None, rev: int) -> str:
    """What comes last in each card."""
    lines = ["", *identity_lines(identity, names)] if identity and names else [""]
    return "\r\n".join([*lines, _revision(rev // 1_000_000), "END:VCARD\r\n"])


@lru_cache(maxsize=64)
def _revision(seconds: int) -> str:
    """The line of a moment; cards that are rendered in a row mostly have the same."""
    return f"REV:{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _person(profile: Profile) -> Iterator[str]:
    yield f"FN:{escape(profile.display_name)}"
    parts = (
        profile.family_name,
        profile.given_name,
        profile.additional_name,
        profile.name_prefix,
        profile.name_suffix,
    )
    yield "N:" + ";".join([escape(part) for part in parts])
    for name, value in (
        ("NICKNAME", profile.nickname),
        ("X-PHONETIC-FIRST-NAME", profile.given_name_phonetic),
        ("X-PHONETIC-MIDDLE-NAME", profile.additional_name_phonetic),
        ("X-PHONETIC-LAST-NAME", profile.family_name_phonetic),
    ):
        if value:
            yield f"{name}:{escape(value)}"
    if profile.department:
        yield f"ORG:{escape(profile.organisation)};{escape(profile.department)}"
    elif profile.organisation:
        yield f"ORG:{escape(profile.organisation)}"
    if profile.title:
        yield f"TITLE:{escape(profile.title)}"


def _reachable(contact: Contact) -> Iterator[str]:
    """Numbers, e-mail addresses, the SIP address and postal addresses; `item` groups tie Apple's labels to them."""
    profile = contact.profile
    items = max([int(found[1]) for line in profile.extra if (found := _ITEM.match(line))], default=0)
    for kind, value, label in unique_numbers(profile):
        line = f"TEL;TYPE={_TEL_TYPES.get(kind, 'VOICE')}:{escape(value)}"
        if label:
            items += 1
            yield f"item{items}.{line}"
            yield f"item{items}.X-ABLabel:{escape(label)}"
        else:
            yield line
    for email in profile.emails:
        yield f"EMAIL;TYPE={_EMAIL_TYPES.get(email.kind, 'INTERNET')}:{escape(email.address)}"
    if contact.sip:
        yield f"IMPP:{sip_uri(contact.sip)}"
    for address in profile.addresses:
        line = _address(address)
        if line and address.country_code:
            items += 1
            yield f"item{items}.{line}"
            yield f"item{items}.X-ABADR:{escape(address.country_code.lower())}"
        elif line:
            yield line


def unique_numbers(profile: Profile) -> list[tuple[str, str, str]]:
    """The numbers as (kind, what to dial, label): one that is there a second time, as a verified one, comes once.

    What to dial is the international form where there is one, as a contact is read in other countries too.
    """
    return list(
        dict.fromkeys([(number.kind, number.e164 or number.entered, number.label) for number in profile.numbers])
    )


def _address(address: Address) -> str:
    parts = (address.street, address.city, address.state, address.postal_code, address.country)
    if not any(parts):
        return ""
    return f"ADR;TYPE={_ADR_TYPES.get(address.kind, 'POSTAL')}:;;" + ";".join([escape(part) for part in parts])


def _photo(photo: Photo, inline: tuple[str, bytes] | None, public_url: str) -> str:
    if inline:
        media_type, content = inline
        subtype = _NO_TOKEN.sub("-", media_type.partition(";")[0].rpartition("/")[2].strip().upper())
        return f"PHOTO;ENCODING=b;TYPE={subtype or 'JPEG'}:{b64encode(content).decode()}"
    url = photo.url or photo.large_url or avatar_url(photo, public_url)
    return f"PHOTO;VALUE=uri:{_uri(url)}" if url else ""


def avatar_url(photo: Photo, public_url: str) -> str:
    """The address of a stored photo below the public URL of the server; empty when either is missing."""
    return f"{public_url.rstrip('/')}/avatars/{quote(photo.digest)}" if public_url and photo.digest else ""


def _uri(text: str) -> str:
    """A URI as a value: not escaped (RFC 2426 §4), so what no URI holds, such as a line end, is percent-encoded."""
    return _NO_URI.sub(lambda match: quote(match[0]), text)
