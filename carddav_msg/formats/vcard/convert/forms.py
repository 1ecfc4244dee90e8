"""Values that the versions write differently, as pairs of functions; each gives None for what it can't say.

A form is (value, kind): the kind is the VALUE parameter in lower case, "" for the property's default, or OMIT_YEAR for
Apple's way to leave out the year: one year that X-APPLE-OMIT-YEAR says to ignore.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from carddav_msg.formats.vcard.contentlines import escape, unescape
from carddav_msg.formats.vcard.convert.draft import Draft, careted, retext, uncareted

OMIT_YEAR = "omit-year"
_NO_YEAR = "1604"  # what Apple writes: a leap year

Form = tuple[str, str]

_MOMENT = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[Tt]([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?(?:[.,][0-9]+)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\Z"
)
_COMMON_3 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?\Z")
_COMMON_4 = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(T([0-9]{2})([0-9]{2})([0-9]{2})Z)?\Z")
_NO_MARKS = {ord(mark): None for mark in "-:"}
_YEARLESS = re.compile(r"--([0-9]{2})-?([0-9]{2})\Z")
_OFFSET = re.compile(r"([+-][0-9]{2}):?([0-9]{2})?\Z")
_DEGREES = re.compile(r"([+-]?[0-9.]+)\s*\\?[;,]\s*([+-]?[0-9.]+)\Z")
_GEO = re.compile(r"(?i:geo):([+-]?[0-9.]+),([+-]?[0-9.]+)(?:[,;].*)?\Z")
_SEX = re.compile(r"[MFONU]?(?:;.*)?\Z")
_WORDS = {"male": "M", "female": "F", "other": "O", "none": "N", "unknown": "U"}
# Letters are for vanity numbers; anything else is no number that can be shown and dialled.
_TEL = re.compile(r"(?i:tel):([+0-9A-Za-z*#().-]+)(;.*)?\Z")
_EXTENSION = re.compile(r"(?i:;ext=)([0-9().-]+)(?:;|\Z)")
_MOMENT_KINDS = frozenset({"date", "date-time", "date-and-or-time", "timestamp"})


def date_4(form: Form) -> Form | None:
    """RFC 6350 §4.3: basic format; a year that is to be left out is."""
    value, kind = form
    if found := _YEARLESS.match(value):
        return f"--{found[1]}{found[2]}", ""
    found = _MOMENT.match(value)
    if not found or kind not in ("", OMIT_YEAR):
        return None
    if kind:
        return f"--{found[2]}{found[3]}", ""
    return found[1] + found[2] + found[3] + _time_4(found), ""


def date_3(form: Form) -> Form | None:
    """RFC 2426 §3.1.5: a full date, or a full date and time; extended format, as older clients read no other."""
    value, kind = form
    if kind:
        return None
    if found := _YEARLESS.match(value):
        return f"{_NO_YEAR}-{found[1]}-{found[2]}", OMIT_YEAR
    found = _MOMENT.match(value)
    return (f"{found[1]}-{found[2]}-{found[3]}{_time_3(found)}", "") if found else None


def timestamp_4(form: Form) -> Form | None:
    """RFC 6350 §4.3.5: all of date and time."""
    value, kind = form
    found = _MOMENT.match(value)
    if not found or kind:
        return None
    hour, minute, second, zone = (found[at] or "" for at in (4, 5, 6, 7))
    time = f"T{hour}{minute or '00'}{second or '00'}{_zone(zone, '')}" if hour else "T000000Z"
    return found[1] + found[2] + found[3] + time, ""


def timestamp_3(form: Form) -> Form | None:
    """RFC 2426 §3.6.4."""
    return None if _YEARLESS.match(form[0]) else date_3(form)


def _time_4(found: re.Match[str]) -> str:
    hour, minute, second, zone = (found[at] or "" for at in (4, 5, 6, 7))
    return f"T{hour}{minute}{second}{_zone(zone, '')}" if hour else ""


def _time_3(found: re.Match[str]) -> str:
    hour, minute, second, zone = (found[at] or "" for at in (4, 5, 6, 7))
    return f"T{hour}:{minute or '00'}:{second or '00'}{_zone(zone, ':')}" if hour else ""


def _zone(zone: str, colon: str) -> str:
    if len(zone) < 2:
        return zone.upper()
    return zone[:3] + colon + (zone[3:].lstrip(":") or "00")


def common_4(value: str, pair: Pair) -> str:
    """A short way for the common spelling of dates and timestamps; empty for any other value."""
    found = _COMMON_3.match(value)
    return value.translate(_NO_MARKS) if found and (found[1] is not None) == (pair is TIMESTAMP) else ""


def common_3(value: str, pair: Pair) -> str:
    """The reverse."""
    found = _COMMON_4.match(value)
    if not found or (found[4] is not None) != (pair is TIMESTAMP):
        return ""
    date = f"{found[1]}-{found[2]}-{found[3]}"
    return f"{date}T{found[5]}:{found[6]}:{found[7]}Z" if found[4] else date


def geo_4(form: Form) -> Form | None:
    """`37.38;-122.08` as a geo: URI (RFC 5870)."""
    value, kind = form
    if _GEO.match(value):
        return value, ""
    found = _DEGREES.match(value)
    return (f"geo:{found[1]},{found[2]}", "") if found and not kind else None


def geo_3(form: Form) -> Form | None:
    """Latitude and longitude; the altitude and uncertainty of the URI have no place."""
    found = _GEO.match(form[0])
    return (f"{found[1]};{found[2]}", "") if found and not form[1] else None


def tz_4(form: Form) -> Form | None:
    """An offset by default in 3.0 is a text by default in 4.0."""
    value, kind = form
    found = _OFFSET.match(value)
    if kind == "text":
        return value, ""
    return (found[1] + (found[2] or "00"), "utc-offset") if found and not kind else None


def tz_3(form: Form) -> Form | None:
    """The reverse."""
    value, kind = form
    found = _OFFSET.match(value)
    if not kind:
        return value, "text"
    return (f"{found[1]}:{found[2] or '00'}", "") if found and kind == "utc-offset" else None


def gender_4(form: Form) -> Form | None:
    """`M`, `F`, `O`, `N`, `U`, a text after it (RFC 6350 §6.2.7); clients that write X-GENDER write words too."""
    value, kind = form
    if _SEX.match(value):
        return form
    word = value.strip()
    sex = _WORDS.get(word.lower()) or (word.upper() if _SEX.match(word.upper()) and len(word) == 1 else "")
    return (sex or ";" + retext(value, ",;"), kind)


def gender_3(form: Form) -> Form | None:
    """X-GENDER is no property of a standard: it has what GENDER has."""
    return form


def tel_4(form: Form) -> Form | None:
    """Text is what 4.0 takes by default, and a number that was typed makes no tel: URI."""
    return form


def tel_3(form: Form) -> Form | None:
    """The number of a tel: URI (RFC 3966) and its extension, as text; another URI stays one."""
    value, kind = form
    found = _TEL.match(value) if kind == "uri" else None
    if not found:
        return form
    extension = _EXTENSION.search(found[2] or "")
    return (f"{found[1]} x{extension[1]}" if extension else found[1]), ""


@dataclass(frozen=True, slots=True)
class Pair:
    """How a property is written in both versions, with the kinds that go without saying in each."""

    to_4: Callable[[Form], Form | None]
    to_3: Callable[[Form], Form | None]
    plain_4: frozenset[str] = frozenset()
    plain_3: frozenset[str] = frozenset()


DATE = Pair(date_4, date_3, _MOMENT_KINDS, _MOMENT_KINDS)
TIMESTAMP = Pair(timestamp_4, timestamp_3, _MOMENT_KINDS, _MOMENT_KINDS)
GEO = Pair(geo_4, geo_3, frozenset({"uri"}))
TZ = Pair(tz_4, tz_3, frozenset({"text"}), frozenset({"utc-offset"}))
GENDER = Pair(gender_4, gender_3, frozenset({"text"}), frozenset({"text"}))
TEL = Pair(tel_4, tel_3, frozenset({"text"}), frozenset({"text", "phone-number"}))


def form_3(draft: Draft, pair: Pair) -> Form:
    """The form of a 3.0 line, whose parameters for it go."""
    kind, value = _kind(draft, pair.plain_3), draft.value
    if pair is TEL or pair is GENDER:
        return value, kind
    value = value.strip().replace("\\:", ":")  # some clients escape colons
    if pair is DATE and not kind:
        years = draft.take("X-APPLE-OMIT-YEAR")
        if years and value[:4] == years[0]:
            return value, OMIT_YEAR
        draft.add("X-APPLE-OMIT-YEAR", *years)
    if pair is TZ and not kind and not _OFFSET.match(value):
        kind = "text"  # written without VALUE=text all the same
    return value, kind


def form_4(draft: Draft, pair: Pair) -> Form:
    """The form of a 4.0 line, whose parameters for it go."""
    kind = _kind(draft, pair.plain_4)
    return draft.value if pair is TEL or pair is GENDER else draft.value.strip(), kind


def _kind(draft: Draft, plain: frozenset[str]) -> str:
    kind = "".join(draft.take("VALUE")[:1]).lower()
    return "" if kind in plain else kind


def revalue(
    draft: Draft,
    form: Form,
    there: Callable[[Form], Form | None],
    back: Callable[[Form], Form | None],
    *,
    source: str,
    target: str,
) -> bool:
    """Gives the draft the form in the target version; whether there is one.

    That is the form it had there, if it was converted from it and is still the same. What `back` would not give again
    is kept beside the value. `source` and `target` are the prefixes of both versions.
    """
    was = "".join(draft.take(target + "WAS")[:1])
    kind = "".join(draft.take(target + "VALUE")[:1])
    new: Form | None = (uncareted(was), kind) if was or kind else None
    if new is None or back(new) != form:
        new = there(form)
        if new is None:
            return False
        if back(new) != form:
            draft.params = [param for param in draft.params if param[0] not in (source + "WAS", source + "VALUE")]
            draft.add(source + "WAS", careted(form[0]))
            draft.add(source + "VALUE", *filter(None, (form[1],)))
    draft.value, kind = new
    if kind == OMIT_YEAR:
        draft.add("X-APPLE-OMIT-YEAR", draft.value[:4])
    elif kind:
        draft.params.insert(0, ("VALUE", (kind,)))
    return True


def label_param(value: str) -> str:
    """The value of the property LABEL as that of the parameter; line ends are `\\n` there too (RFC 6350 §6.3.1)."""
    return careted(unescape(value).replace("\\", "\\\\").replace("\n", "\\n"))


def label_value(values: tuple[str, ...]) -> str:
    """The values of the parameter LABEL (several if its commas were not quoted) as that of the property."""
    return escape(unescape(uncareted(",".join(values), "\n")))
