"""A user of the directory and the parts of a user. No type here has room for a password."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from carddav_msg.domain.identifiers import has_control
from carddav_msg.errors import InvalidValue

NUMBER_KINDS: Final = ("extension", "work", "mobile", "home", "main", "fax", "pager", "other")
ROLES: Final = ("admin", "support", "operator")
TEXT_LENGTH: Final = 500
NOTE_LENGTH: Final = 10_000
_SMS = re.compile(r"(?P<carrier>[a-z][a-z0-9_-]{0,31}):\+?(?P<number>[0-9]{3,15})\Z")
_E164 = re.compile(r"\+[1-9][0-9]{3,14}\Z")


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number: `entered` as it was typed, `e164` with `+` where it could be understood, else empty."""

    kind: str
    entered: str
    e164: str = ""
    label: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address; `kind` is `work`, `home` or `other`."""

    address: str
    kind: str = "work"


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `kind` is `work`, `home` or `other`; `country_code` is ISO 3166 alpha-2 or empty."""

    kind: str = "work"
    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    country_code: str = ""


@dataclass(frozen=True, slots=True)
class SmsNumber:
    """A number of the SMS gateway: carrier as the vendor spells it (`sinch`, `bandwidth`), digits without `+`."""

    carrier: str
    number: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo by its absolute URLs; `large` may be empty. A stored photo has `digest`, its path under `/avatars/`."""

    url: str = ""
    large_url: str = ""
    digest: str = ""

    def __bool__(self) -> bool:
        return bool(self.url or self.large_url or self.digest)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a directory says of a person; empty strings and tuples mean "not known".

    `extra` are unfolded vCard lines that an admin's client wrote and no field stands for; directory cards show them.
    """

    display_name: str
    given_name: str = ""
    additional_name: str = ""
    family_name: str = ""
    name_prefix: str = ""
    name_suffix: str = ""
    nickname: str = ""
    given_name_phonetic: str = ""
    additional_name_phonetic: str = ""
    family_name_phonetic: str = ""
    organisation: str = ""
    department: str = ""
    title: str = ""
    numbers: tuple[Number, ...] = ()
    emails: tuple[Email, ...] = ()
    addresses: tuple[Address, ...] = ()
    birthday: str = ""
    note: str = ""
    photo: Photo = field(default_factory=Photo)
    extra: tuple[str, ...] = ()


PROFILE_FIELDS: Final = tuple(item.name for item in fields(Profile) if item.name != "extra")


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored: `id` is the row, `network` the row of the network, `uid` the UID of the directory card.

    `view` is the row of the directory book (the view) that the user sees. Times are microseconds UTC.
    """

    id: int
    network: int
    uid: str
    cloud_username: str
    profile: Profile
    external_id: str = ""
    sip_username: str = ""
    sms_numbers: tuple[SmsNumber, ...] = ()
    enabled: bool = True
    listed: bool = True
    messaging: bool = True
    view: int = 0
    session_epoch: int = 1


def parse_profile_field(text: str, field: str = "source_owned") -> str:
    """The name of a field of a profile that something other than a client's card can feed."""
    name = text.strip()
    if name not in PROFILE_FIELDS:
        raise InvalidValue(field, f"{name[:60]!r} is not one of {', '.join(PROFILE_FIELDS)}.")
    return name


def parse_text(text: str, name: str, length: int = TEXT_LENGTH) -> str:
    """A text as it was typed, without blanks at its ends; a line end inside is LF. Control characters are refused.

    Format characters (joiners, direction marks) stay: they belong to names in many scripts.
    """
    value = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(value) > length:
        raise InvalidValue(name, f"is {len(value)} characters long, {length} fit.")
    for character in value:
        if not _keepable(character):
            raise InvalidValue(name, f"contains the control character U+{ord(character):04X}.")
    return value


def _keepable(character: str) -> bool:
    """True for what every wire format can carry: no control character but tab and LF, nothing XML 1.0 forbids."""
    return character in "\t\n" or (
        unicodedata.category(character) not in ("Cc", "Cs") and character not in "\ufffe\uffff"
    )


def parse_email(text: str) -> str:
    """An e-mail address, checked as loosely as mail servers are: one `@` with something around it, no blanks."""
    address = parse_text(text, "email", 254)
    left, at, right = address.rpartition("@")
    if not (left and at and right) or " " in address:
        raise InvalidValue("email", f"{address[:60]!r} is not an e-mail address.")
    return address


def parse_birthday(text: str) -> str:
    """A date `YYYY-MM-DD`, or the empty string."""
    value = text.strip()
    if value:
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            raise InvalidValue("birthday", f"{value[:20]!r} is not a date of the form YYYY-MM-DD.") from None
    return value


def parse_url(text: str, name: str) -> str:
    """An absolute http(s) URL, or the empty string."""
    value = text.strip()
    if value and (not re.match(r"https?://[^\s/]+", value) or has_control(value) or " " in value or len(value) > 2000):
        raise InvalidValue(name, f"{value[:60]!r} is not an absolute http or https URL.")
    return value


def parse_sms_numbers(text: str) -> tuple[SmsNumber, ...]:
    """`carrier:number` pairs separated by `|`; the number in international format with or without `+`."""
    numbers = []
    for part in filter(None, (part.strip() for part in text.split("|"))):
        match = _SMS.match(part)
        if not match:
            raise InvalidValue("sms_numbers", f"{part[:40]!r} is not carrier:number, such as sinch:15551234567.")
        numbers.append(SmsNumber(match["carrier"], match["number"]))
    return tuple(dict.fromkeys(numbers))


def parse_number(kind: str, text: str, *, verified: bool = False, e164: str = "") -> Number:
    """A number of a kind; a verified one must be international (`+` and digits), since it is vouched for to others."""
    entered = parse_text(text, kind, 64)
    if verified and not _E164.match(entered):
        raise InvalidValue("verified_number", f"{entered!r} is not an international number: + and 4 to 15 digits.")
    return Number(kind, entered, e164 or (entered if _E164.match(entered) else ""), verified=verified)


def replace_numbers(
    numbers: Sequence[Number], kind: str, new: Sequence[Number], *, verified: bool
) -> tuple[Number, ...]:
    """The numbers with those of one kind (and verified or not) replaced by the new ones, in a stable place."""
    kept = [number for number in numbers if not (number.kind == kind and number.verified == verified)]
    order = {name: place for place, name in enumerate(NUMBER_KINDS)}
    return tuple(sorted([*kept, *new], key=lambda number: (order[number.kind], number.verified)))
