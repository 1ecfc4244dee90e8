"""The columns of a users file: how a cell is read, what it sets, and how the same field of a user is shown.

A column that is absent leaves its field untouched; an empty cell clears it, except in columns where empty says
nothing (flags, role, passwords).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from carddav_msg.domain.identifiers import parse_cloud_username, parse_country
from carddav_msg.domain.user import (
    NOTE_LENGTH,
    TEXT_LENGTH,
    Address,
    Email,
    Number,
    Profile,
    SmsNumber,
    User,
    parse_birthday,
    parse_email,
    parse_sms_numbers,
    parse_text,
    parse_url,
    replace_numbers,
)
from carddav_msg.errors import InvalidValue
from carddav_msg.formats import numbers

_YES: Final = ("yes", "true", "1", "on")
_NO: Final = ("no", "false", "0", "off")


@dataclass(slots=True)
class Draft:
    """A user being changed: the fields of the user, of the profile and of the first work address that a row sets."""

    user: User
    fields: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    address: dict[str, str] = field(default_factory=dict)

    def finished(self) -> User:
        """The user with all that was set; one without a display name gets the best name there is."""
        if self.address:
            self.profile["addresses"] = self._addresses()
        profile = replace(self.user.profile, **self.profile)
        user = replace(self.user, **self.fields, profile=profile)
        if profile.display_name:
            return user
        names = " ".join(filter(None, (profile.given_name, profile.family_name)))
        return replace(user, profile=replace(profile, display_name=names or user.cloud_username))

    def _addresses(self) -> tuple[Address, ...]:
        old = _work_address(self.user.profile)
        new = replace(old or Address(), **self.address)
        others = tuple(address for address in self.user.profile.addresses if address is not old)
        return (new, *others) if new != Address() else others


@dataclass(frozen=True, slots=True)
class Column:
    """`read` (cell, country of the network) gives a JSON value, None for "says nothing"; `show` gives a cell again."""

    name: str
    read: Callable[[str, str], Any]
    write: Callable[[Draft, Any], None]
    show: Callable[[User], str]


def _text(name: str, length: int = TEXT_LENGTH) -> Column:
    def write(draft: Draft, value: str) -> None:
        draft.profile[name] = value

    return Column(name, lambda cell, _: parse_text(cell, name, length), write, lambda user: _shown(user.profile, name))


def _birthday() -> Column:
    return replace(_text("birthday"), read=lambda cell, _: parse_birthday(cell))


def _address(name: str) -> Column:
    def read(cell: str, _: str) -> str:
        return parse_country(cell) if name == "country_code" else parse_text(cell, name)

    def write(draft: Draft, value: str) -> None:
        draft.address[name] = value

    def show(user: User) -> str:
        address = _work_address(user.profile)
        return _shown(address, name) if address else ""

    return Column(name, read, write, show)


def _number(name: str, kind: str, *, verified: bool = False) -> Column:
    """The first numbers of a kind, `|` between them; further ones, made elsewhere, stay, unless the cell is empty.

    A verified number may be of any kind; `kind` is that of new ones.
    """

    def own(profile: Profile) -> list[Number]:
        if verified:
            return [number for number in profile.numbers if number.verified]
        return [number for number in profile.numbers if number.kind == kind and not number.verified]

    def read(cell: str, country: str) -> list[list[str]]:
        try:
            found = [numbers.parse(kind, part, country, verified) for part in _parts(cell)]
        except InvalidValue as error:
            raise InvalidValue(name, error.message) from None
        return [[number.entered, number.e164] for number in found]

    def write(draft: Draft, value: list[list[str]]) -> None:
        have = own(draft.user.profile)
        known = {number.entered: number for number in have}
        named = [
            replace(known.get(entered) or Number(kind, entered, verified=verified), e164=e164)
            for entered, e164 in value
        ]
        new = [*named, *(number for number in have[len(named) :] if number not in named)] if named else []
        if new != have:
            before = [n for n in draft.profile.get("numbers", draft.user.profile.numbers) if n not in have]
            draft.profile["numbers"] = replace_numbers(before, kind, new, verified=verified)

    return Column(name, read, write, lambda user: "|".join(number.entered for number in own(user.profile)))


def _email() -> Column:
    """The first work e-mail addresses, `|` between them; all others, made elsewhere, stay, unless the cell is empty."""

    def write(draft: Draft, value: list[str]) -> None:
        emails = draft.user.profile.emails
        others = [email for email in emails if email.kind != "work"]
        work = [email for email in emails if email.kind == "work"]
        known = {email.address for email in others}
        named = [Email(address) for address in value if address not in known]
        new = [*named, *(email for email in work[len(named) :] if email not in named)] if value else []
        if new != work:
            draft.profile["emails"] = (*new, *others)

    def show(user: User) -> str:
        return "|".join(email.address for email in user.profile.emails if email.kind == "work")

    return Column("email", lambda cell, _: [parse_email(part) for part in _parts(cell)], write, show)


def _parts(cell: str) -> list[str]:
    """The parts of a list in a cell, each once."""
    return list(dict.fromkeys(filter(None, (part.strip() for part in cell.split("|")))))


def _photo(name: str, part: str) -> Column:
    def write(draft: Draft, value: str) -> None:
        photo = draft.profile.get("photo", draft.user.profile.photo)
        draft.profile["photo"] = replace(photo, **{part: value})

    return Column(name, lambda cell, _: parse_url(cell, name), write, lambda user: _shown(user.profile.photo, part))


def _flag(name: str) -> Column:
    def write(draft: Draft, value: bool) -> None:
        draft.fields[name] = value

    def show(user: User) -> str:
        return "yes" if getattr(user, name) else "no"

    return Column(name, lambda cell, _: parse_flag(cell, name), write, show)


def _field(name: str, read: Callable[[str], Any]) -> Column:
    def write(draft: Draft, value: Any) -> None:
        draft.fields[name] = value

    return Column(name, lambda cell, _: read(cell), write, lambda user: _shown(user, name))


def _sms_numbers() -> Column:
    def write(draft: Draft, value: list[list[str]]) -> None:
        draft.fields["sms_numbers"] = tuple(SmsNumber(carrier, number) for carrier, number in value)

    def show(user: User) -> str:
        return "|".join(f"{sms.carrier}:{sms.number}" for sms in user.sms_numbers)

    def read(cell: str, _: str) -> list[list[str]]:
        return [[sms.carrier, sms.number] for sms in parse_sms_numbers(cell)]

    return Column("sms_numbers", read, write, show)


def parse_flag(cell: str, name: str) -> bool | None:
    """Yes or no; None for an empty cell, InvalidValue for anything else."""
    text = cell.strip().lower()
    if text and text not in _YES + _NO:
        raise InvalidValue(name, f"{cell[:40]!r} is neither yes nor no.")
    return text in _YES if text else None


def _sip_username(cell: str) -> str:
    return parse_cloud_username(cell, "sip_username") if cell else ""


def _work_address(profile: Profile) -> Address | None:
    return next((address for address in profile.addresses if address.kind == "work"), None)


def _shown(value: object, name: str) -> str:
    return str(getattr(value, name))


def _by_name(columns: Iterable[Column]) -> Mapping[str, Column]:
    return {column.name: column for column in columns}


COLUMNS: Final = _by_name(
    [
        _field("cloud_username", parse_cloud_username),
        _field("external_id", lambda cell: parse_text(cell, "external_id")),
        _text("display_name"),
        _text("given_name"),
        _text("additional_name"),
        _text("family_name"),
        _text("name_prefix"),
        _text("name_suffix"),
        _text("nickname"),
        _text("given_name_phonetic"),
        _text("additional_name_phonetic"),
        _text("family_name_phonetic"),
        _text("organisation"),
        _text("department"),
        _text("title"),
        _number("extension", "extension"),
        _number("work", "work"),
        _number("mobile", "mobile"),
        _number("home", "home"),
        _number("main", "main"),
        _number("verified_number", "main", verified=True),
        _number("fax", "fax"),
        _number("pager", "pager"),
        _number("other", "other"),
        _email(),
        *map(_address, ("street", "city", "state", "postal_code", "country", "country_code")),
        _birthday(),
        _text("note", NOTE_LENGTH),
        _photo("avatar", "url"),
        _photo("large_avatar", "large_url"),
        _field("sip_username", _sip_username),
        _sms_numbers(),
        _flag("enabled"),
        _flag("listed"),
        _flag("messaging"),
    ]
)
"""Columns that are fields of a user, in the order in which differences and exports show them."""

REQUIRED: Final = ("network_id", "cloud_username")
SECRETS: Final = ("password", "password_hash", "sip_password")
KNOWN: Final = ("network_id", *COLUMNS, *SECRETS, "role")


def revised(user: User, values: Mapping[str, Any]) -> User:
    """The user as a row wants it to be; `values` are by column, as `read` gave them."""
    draft = Draft(user)
    for name, value in values.items():
        COLUMNS[name].write(draft, value)
    return draft.finished()
