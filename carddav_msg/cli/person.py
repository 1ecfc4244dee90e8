"""The options that describe a user, the same for `user add` and `user set`, and what they make of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from carddav_msg.domain.user import (
    NUMBER_KINDS,
    Address,
    Email,
    Number,
    Photo,
    Profile,
    SmsNumber,
    User,
    parse_sms_numbers,
    replace_numbers,
)
from carddav_msg.errors import InvalidValue

F = TypeVar("F", bound=Callable[..., Any])
PHOTO_LIMIT: Final = 128 * 1024

_TEXTS: Final = (
    ("given-name", ""),
    ("additional-name", "Middle names."),
    ("family-name", ""),
    ("name-prefix", "A title before the name, such as Dr."),
    ("name-suffix", ""),
    ("nickname", ""),
    ("given-name-phonetic", "How the name is pronounced or sorted."),
    ("additional-name-phonetic", ""),
    ("family-name-phonetic", ""),
    ("organisation", ""),
    ("department", ""),
    ("title", "The job title."),
    ("note", "Hidden from the directory by default, like the birthday and addresses."),
)
_MANY: Final = "Repeat for several; they replace the old ones, '' takes all away."

_OPTIONS: Final = (
    *(click.option(f"--{name}", help=text or None) for name, text in _TEXTS),
    click.option("--birthday", metavar="YYYY-MM-DD"),
    click.option("--extension", metavar="NUMBER", help="The number inside the PBX."),
    click.option("--mobile", metavar="NUMBER"),
    click.option(
        "--verified-number",
        "verified_numbers",
        multiple=True,
        metavar="+NUMBER",
        help=f"A number that External Authentication vouches for. {_MANY}",
    ),
    click.option(
        "--number",
        "numbers",
        multiple=True,
        metavar="KIND[:LABEL]=NUMBER",
        help=f"A further number: {', '.join(NUMBER_KINDS)}. KIND= takes those of a kind away.",
    ),
    click.option(
        "--email", "emails", multiple=True, metavar="[KIND:]ADDRESS", help=f"KIND is work, home or other. {_MANY}"
    ),
    click.option(
        "--address",
        "addresses",
        multiple=True,
        metavar="JSON",
        help=f"With some of {', '.join(f.name for f in fields(Address))}. {_MANY}",
    ),
    click.option(
        "--sms-number",
        "sms_numbers",
        multiple=True,
        metavar="CARRIER:NUMBER",
        help=f"A number of the SMS gateway, such as sinch:15551234567. {_MANY}",
    ),
    click.option(
        "--photo",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"A JPEG or PNG file of at most {PHOTO_LIMIT // 1024} KiB.",
    ),
    click.option("--no-photo", is_flag=True, help="Take the photo away."),
    click.option("--avatar-url", metavar="URL", help="A photo that is served elsewhere."),
    click.option("--large-avatar-url", metavar="URL", help="The same photo, larger."),
    click.option("--external-id", help="Your own key of the user; imports find renamed users by it."),
    click.option(
        "--view", metavar="VIEW", help="The view of the directory that the user sees (default: the first one)."
    ),
    click.option("--sip-username", help="The name with which the phone registers."),
    click.option(
        "--listed/--unlisted", default=None, help="In the directory, search and contacts or not; sign-in is the same."
    ),
    click.option(
        "--messaging/--no-messaging", default=None, help="Without it: an ordinary contact, and no sign-in to chat."
    ),
)
_OF_USER: Final = ("cloud_username", "external_id", "sip_username", "listed", "messaging")
_OF_PROFILE: Final = ("display_name", "birthday", *(name.replace("-", "_") for name, _ in _TEXTS))


def person_options(command: F) -> F:
    """Adds the options; the command takes them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(values: Mapping[str, Any]) -> bool:
    """True when any of the options was used."""
    return bool(_used(values))


def edited(user: User, values: Mapping[str, Any]) -> User:
    """The user with what was given on the command line; the service checks the values."""
    used = _used(values)
    profile: dict[str, Any] = {name: used[name] for name in _OF_PROFILE if name in used}
    if "emails" in used:
        profile["emails"] = tuple(_email(text) for text in used["emails"] if text)
    if "addresses" in used:
        profile["addresses"] = tuple(_address(text) for text in used["addresses"] if text)
    profile["numbers"] = _numbers(user.profile.numbers, used)
    profile["photo"] = _photo(user.profile.photo, used)
    changes: dict[str, Any] = {name: used[name] for name in _OF_USER if name in used}
    if "sms_numbers" in used:
        changes["sms_numbers"] = _sms_numbers(used["sms_numbers"])
    return replace(user, **changes, profile=replace(user.profile, **profile))


def photo_of(values: Mapping[str, Any]) -> bytes | None:
    """The bytes of `--photo`, a few more at most than a photo may have."""
    path: Path | None = values["photo"]
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(PHOTO_LIMIT + 1)


def _used(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were used: flags are False only where `--no-…` was given."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and value != () and not (name == "no_photo" and value is False)
    }


def _numbers(old: Sequence[Number], used: Mapping[str, Any]) -> tuple[Number, ...]:
    new: dict[tuple[str, bool], list[Number]] = {}
    for kind in ("extension", "mobile"):
        if kind in used:
            new[kind, False] = [Number(kind, used[kind])]
    if "verified_numbers" in used:
        new["main", True] = [Number("main", text, verified=True) for text in used["verified_numbers"]]
    for text in used.get("numbers", ()):
        name, equals, entered = text.partition("=")
        kind, _, label = name.partition(":")
        if not equals or kind not in NUMBER_KINDS:
            raise InvalidValue("number", f"{text[:60]!r} is not KIND=NUMBER with a kind of {', '.join(NUMBER_KINDS)}.")
        new.setdefault((kind, False), []).append(Number(kind, entered, label=label))
    numbers = tuple(old)
    if "verified_numbers" in used:  # whatever kind an earlier verified number has
        numbers = tuple(number for number in numbers if not number.verified)
    for (kind, verified), replacing in new.items():
        kept = [number for number in replacing if number.entered.strip()]
        numbers = replace_numbers(numbers, kind, kept, verified=verified)
    return numbers


def _email(text: str) -> Email:
    kind, colon, address = text.partition(":")
    return Email(address, kind) if colon else Email(text)


def _address(text: str) -> Address:
    known = {item.name for item in fields(Address)}
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not (isinstance(values, dict) and values.keys() <= known and all(isinstance(v, str) for v in values.values())):
        raise InvalidValue("address", f"is not a JSON object of texts with some of {', '.join(sorted(known))}.")
    return Address(**values)


def _photo(old: Photo, used: Mapping[str, Any]) -> Photo:
    photo = Photo() if "no_photo" in used else old
    if "avatar_url" in used:
        photo = replace(photo, url=used["avatar_url"], digest="")
    if "large_avatar_url" in used:
        photo = replace(photo, large_url=used["large_avatar_url"])
    return photo


def _sms_numbers(texts: Sequence[str]) -> tuple[SmsNumber, ...]:
    return parse_sms_numbers("|".join(texts))


def profile_lines(profile: Profile) -> list[tuple[str, str]]:
    """Names and texts of a profile as `user show` prints them; what is not known is empty."""
    names = {"display_name": "Name", "note": "Note", "birthday": "Birthday"}
    lines = [
        (names.get(name, name.replace("_", " ").capitalize()), getattr(profile, name))
        for name in _OF_PROFILE
        if name not in ("note", "birthday")
    ]
    for number in profile.numbers:
        label = f" ({number.label})" if number.label else ""
        e164 = f" = {number.e164}" if number.e164 not in ("", number.entered) else ""
        lines.append((f"Number, {number.kind}", f"{number.entered}{e164}{label}{', verified' * number.verified}"))
    lines += [(f"E-mail, {email.kind}", email.address) for email in profile.emails]
    for address in profile.addresses:
        parts = (address.street, f"{address.postal_code} {address.city}".strip(), address.state, address.country)
        lines.append((f"Address, {address.kind}", ", ".join(filter(None, (*parts, address.country_code)))))
    photo = profile.photo
    lines += [
        ("Birthday", profile.birthday),
        ("Note", profile.note),
        ("Photo", photo.url or (f"/avatars/{photo.digest}" if photo.digest else "")),
        ("Large photo", photo.large_url),
    ]
    return lines
