"""What a card of any client says of a person: a best effort that never fails, for vCard 3.0 and 4.0."""

from __future__ import annotations

import binascii
import datetime
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_to_bytes

from carddav_msg.domain.identifiers import has_control
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile
from carddav_msg.formats.sip import sip_address
from carddav_msg.formats.vcard.contentlines import ContentLine, param, split_components, unescape

_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?\Z", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{3,14}\Z", re.ASCII)
_EXTENSION = re.compile(r"[0-9]{2,6}\Z", re.ASCII)
_MAILTO = re.compile(r"(?i)\Amailto:")
_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_APPLE_LABEL = re.compile(r"_\$!<(.+)>!\$_\Z")  # how Apple writes the labels that it translates
_MEDIA_TYPE = re.compile(r"image/[a-z0-9][a-z0-9.+-]*\Z")
_SINGLE = {
    "FN": "display_name",
    "NICKNAME": "nickname",
    "TITLE": "title",
    "X-PHONETIC-FIRST-NAME": "given_name_phonetic",
    "X-PHONETIC-MIDDLE-NAME": "additional_name_phonetic",
    "X-PHONETIC-LAST-NAME": "family_name_phonetic",
}
EXTENSIONS = frozenset({"X-ABADR", "X-ABLABEL", "X-SIP", *(name for name in _SINGLE if name.startswith("X-"))})
"""The X- properties that are read here, and those that directory cards are written with."""
_NAME_PARTS = ("family_name", "given_name", "additional_name", "name_prefix", "name_suffix")
_TEL_KINDS = {
    "FAX": "fax",
    "HOMEFAX": "fax",
    "WORKFAX": "fax",
    "PAGER": "pager",
    "CELL": "mobile",
    "MOBILE": "mobile",
    "IPHONE": "mobile",
    "MAIN": "main",
    "HOME": "home",
    "WORK": "work",
}


def profile_of(lines: Iterable[ContentLine]) -> Profile:
    """The profile of a card. Of a property that comes twice the first counts; a name is put together if FN is empty."""
    kept = list(lines)
    labels = {line.group.upper(): unescape(line.value).strip() for line in kept if line.name == "X-ABLABEL"}
    countries = {line.group.upper(): line.value.strip().upper() for line in kept if line.name == "X-ABADR"}
    texts: dict[str, str] = {}
    numbers, emails, addresses, notes = [], [], [], []
    photo = Photo()
    for line in kept:
        group = line.group.upper()
        for field, value in _texts(line):
            if value:
                texts.setdefault(field, value)
        match line.name:
            case "TEL":
                numbers += _number(line, labels.get(group, "") if group else "")
            case "EMAIL":
                if address := _MAILTO.sub("", unescape(line.value).strip()):
                    emails.append(Email(address, _place(line)))
            case "ADR":
                addresses += _address(line, countries.get(group, "") if group else "")
            case "NOTE":
                notes.append(unescape(line.value).strip())
            case "PHOTO" if not photo:
                photo = Photo(_web_address(line))
    display_name = (
        texts.pop("display_name", "")
        or " ".join(filter(None, (texts.get("given_name"), texts.get("family_name"))))
        or texts.get("organisation", "")
        or next((email.address for email in emails), "")
        or next((number.entered for number in numbers), "")
    )
    return Profile(
        display_name,
        **texts,
        numbers=tuple(numbers),
        emails=tuple(emails),
        addresses=tuple(addresses),
        note="\n".join(filter(None, notes)),
        photo=photo,
        extra=(),
    )


def urls_of(lines: Iterable[ContentLine]) -> tuple[str, ...]:
    """The web pages of a card; other schemes (a script, a file) are left out."""
    found = (unescape(line.value).strip() for line in lines if line.name == "URL")
    return tuple(url for url in found if url and (_is_web(url) or ":" not in url))


def sip_of(lines: Iterable[ContentLine]) -> str:
    """The first SIP address of a card (IMPP, X-SIP, or a SIP URI as TEL or URL), without scheme; empty if none."""
    for line in lines:
        if line.name in ("IMPP", "X-SIP", "TEL", "URL"):
            value = unescape(line.value).strip()
            if line.name == "X-SIP" and value and not value.lower().startswith(("sip:", "sips:")):
                value = "sip:" + value
            if address := sip_address(value):
                return address
    return ""


def photo_bytes_of(lines: Iterable[ContentLine]) -> tuple[str, bytes] | None:
    """(media type, bytes) of the first photo inside the card: base64 of 3.0, a `data:` URI of 4.0; None if none."""
    for line in lines:
        if line.name == "PHOTO":
            value = unescape(line.value).strip()
            types = [kind.lower() for kind in param(line, "TYPE")]
            if value[:5].lower() == "data:":
                head, _, data = value[5:].partition(",")
                media_type, *flags = head.lower().split(";")
                base64 = "base64" in flags
            elif "base64" in types or any(name.lower() in ("b", "base64") for name in param(line, "ENCODING")):
                subtype = next((kind for kind in types if kind not in ("base64", "pref", "work", "home")), "jpeg")
                media_type, data, base64 = subtype if "/" in subtype else f"image/{subtype}", value, True
            else:
                continue
            try:
                content = b64decode("".join(data.split()), validate=True) if base64 else unquote_to_bytes(data)
            except (binascii.Error, ValueError):
                continue
            if content and _MEDIA_TYPE.match(media_type):
                return media_type, content
    return None


def _texts(line: ContentLine) -> Iterator[tuple[str, str]]:
    """(field of the profile, text) that a line gives."""
    if line.name in _SINGLE:
        yield _SINGLE[line.name], unescape(line.value).strip()
    elif line.name == "N":
        yield from zip(_NAME_PARTS, map(str.strip, split_components(line.value)), strict=False)
    elif line.name == "ORG":
        organisation, *units = map(str.strip, split_components(line.value))
        yield "organisation", organisation
        yield "department", "; ".join(filter(None, units))
    elif line.name == "BDAY":
        yield "birthday", _date(line)


def _types(line: ContentLine) -> set[str]:
    """The types of a line in upper case; `TYPE="work,voice"` is written for two types."""
    return {kind.strip().upper() for value in param(line, "TYPE") for kind in value.split(",")}


def _place(line: ContentLine) -> str:
    types = _types(line)
    return "work" if "WORK" in types else "home" if "HOME" in types else "other"


def _number(line: ContentLine, label: str) -> list[Number]:
    value = unescape(line.value).strip()
    if value[:4].lower() == "tel:":
        value = unquote(value[4:].partition(";")[0]).strip()
    elif sip_address(value):
        return []
    if not value or has_control(value):
        return []
    types = _types(line)
    if apple := _APPLE_LABEL.match(label):
        label = ""
        types = {apple[1].replace(" ", "").upper()} if not types & _TEL_KINDS.keys() else types
    kind = next((kind for name, kind in _TEL_KINDS.items() if name in types), "other")
    if kind == "work" and _EXTENSION.match(value):
        kind = "extension"
    bare = _PUNCTUATION.sub("", value)
    return [Number(kind, value, bare if _E164.match(bare) else "", label)]


def _address(line: ContentLine, country_code: str) -> list[Address]:
    parts = [part.strip() for part in split_components(line.value)]
    box, extended, street, city, state, postal_code, country = (parts + [""] * 7)[:7]
    code = country_code or "".join(param(line, "CC")).upper()
    address = Address(
        _place(line),
        "\n".join(filter(None, (street, extended, box))),
        city,
        state,
        postal_code,
        country,
        code if len(code) == 2 and code.isascii() and code.isalpha() else "",
    )
    return [address] if any(parts) else []


def _date(line: ContentLine) -> str:
    """`YYYY-MM-DD`; empty for a date without a year (Apple writes one with the year that it says to omit)."""
    found = _DATE.match(line.value.strip())
    if not found or found[1] in param(line, "X-APPLE-OMIT-YEAR"):
        return ""
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return ""


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://")) and not any(mark in url for mark in " \t\n")


def _web_address(line: ContentLine) -> str:
    url = unescape(line.value).strip()
    return url if _is_web(url) else ""
