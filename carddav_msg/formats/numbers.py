"""Telephone numbers as people type them, to `Number` values with E.164 where the text allows it."""

from __future__ import annotations

from dataclasses import replace

from carddav_msg.domain.user import Number, parse_number


def parse(kind: str, text: str, country: str, verified: bool = False) -> Number:
    """A number of a kind; `country` (ISO 3166 alpha-2 or empty) is where national spellings are read.

    What begins with `+` needs a plausible length only; a national spelling has to be a number that is in use, since
    a short one may just as well be an extension of the PBX. Extensions never have an E.164 form. InvalidValue for
    control characters, excessive length and for verified numbers that are not international.
    """
    number = parse_number(kind, text, verified=verified)
    if number.e164 or kind == "extension" or not number.entered:
        return number
    return replace(number, e164=_e164(number.entered, country))


def _e164(text: str, country: str) -> str:
    import phonenumbers  # heavy: metadata of all countries

    try:
        found = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    international = text.lstrip().startswith("+")
    if not (phonenumbers.is_possible_number(found) if international else phonenumbers.is_valid_number(found)):
        return ""
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))
