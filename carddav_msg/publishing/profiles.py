"""Checking a user before it is stored: every field in its normal form."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from carddav_msg.credentials.passwords import PASSWORD_LENGTH
from carddav_msg.domain.identifiers import parse_cloud_username, parse_country
from carddav_msg.domain.user import (
    NOTE_LENGTH,
    NUMBER_KINDS,
    Address,
    Email,
    Number,
    Photo,
    Profile,
    User,
    parse_birthday,
    parse_email,
    parse_sms_numbers,
    parse_text,
    parse_url,
)
from carddav_msg.errors import InvalidValue
from carddav_msg.formats import numbers

PLACES: Final = ("work", "home", "other")
TEXT_FIELDS: Final = (
    "display_name",
    "given_name",
    "additional_name",
    "family_name",
    "name_prefix",
    "name_suffix",
    "nickname",
    "given_name_phonetic",
    "additional_name_phonetic",
    "family_name_phonetic",
    "organisation",
    "department",
    "title",
)
PHOTO_SIZE: Final = 128 * 1024
_IMAGES: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def checked(user: User, country: str) -> User:
    """The user with every value in its normal form; `country` is where national numbers are read. InvalidValue."""
    return replace(
        user,
        cloud_username=parse_cloud_username(user.cloud_username),
        profile=checked_profile(user.profile, country),
        external_id=parse_text(user.external_id, "external_id"),
        sip_username=parse_cloud_username(user.sip_username, "sip_username") if user.sip_username else "",
        sms_numbers=parse_sms_numbers("|".join(f"{sms.carrier}:{sms.number}" for sms in user.sms_numbers)),
    )


def checked_profile(profile: Profile, country: str) -> Profile:
    """The profile with every value in its normal form."""
    texts = {name: parse_text(getattr(profile, name), name) for name in TEXT_FIELDS}
    if not texts["display_name"]:
        raise InvalidValue("display_name", "is empty.")
    return Profile(
        **texts,
        numbers=tuple(_number(number, country) for number in profile.numbers),
        emails=tuple(Email(parse_email(email.address), _place(email.kind, "email")) for email in profile.emails),
        addresses=tuple(_address(address) for address in profile.addresses),
        birthday=parse_birthday(profile.birthday),
        note=parse_text(profile.note, "note", NOTE_LENGTH),
        photo=Photo(
            parse_url(profile.photo.url, "avatar_url"),
            parse_url(profile.photo.large_url, "large_avatar_url"),
            profile.photo.digest,
        ),
        extra=tuple(parse_text(line, "extra", NOTE_LENGTH) for line in profile.extra),
    )


def parse_photo(body: bytes) -> tuple[str, bytes]:
    """(media type, bytes) of a JPEG or PNG of at most PHOTO_SIZE octets; InvalidValue otherwise."""
    if len(body) > PHOTO_SIZE:
        raise InvalidValue("photo", f"is larger than {PHOTO_SIZE // 1024} KiB.")
    for magic, media_type in _IMAGES.items():
        if body.startswith(magic):
            return media_type, body
    raise InvalidValue("photo", "is neither a JPEG nor a PNG file.")


def parse_password(text: str, field: str = "password") -> str:
    """A password that every face can carry; InvalidValue, which never shows any of it, otherwise."""
    if not text:
        raise InvalidValue(field, "is empty.")
    if len(text) > PASSWORD_LENGTH:
        raise InvalidValue(field, f"is {len(text)} characters long, {PASSWORD_LENGTH} fit.")
    try:
        parse_text(text, field, PASSWORD_LENGTH)
    except InvalidValue:
        raise InvalidValue(field, "contains a control character.") from None
    if "\n" in text or "\r" in text:
        raise InvalidValue(field, "contains a line end.")
    return text


def _number(number: Number, country: str) -> Number:
    if number.kind not in NUMBER_KINDS:
        raise InvalidValue("numbers", f"{number.kind!r} is not one of {', '.join(NUMBER_KINDS)}.")
    parsed = numbers.parse(number.kind, number.entered, country, number.verified)
    if not parsed.entered:
        raise InvalidValue(number.kind, "is empty.")
    return replace(parsed, label=parse_text(number.label, "label", 64))


def _address(address: Address) -> Address:
    return Address(
        kind=_place(address.kind, "address"),
        street=parse_text(address.street, "street"),
        city=parse_text(address.city, "city"),
        state=parse_text(address.state, "state"),
        postal_code=parse_text(address.postal_code, "postal_code"),
        country=parse_text(address.country, "country"),
        country_code=parse_country(address.country_code),
    )


def _place(kind: str, field: str) -> str:
    if kind not in PLACES:
        raise InvalidValue(field, f"{kind!r} is not one of {', '.join(PLACES)}.")
    return kind
