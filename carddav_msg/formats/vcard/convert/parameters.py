"""Parameters: TYPE=pref and PREF=1, the types of one version only, and what has no place in the other."""

from __future__ import annotations

from collections.abc import Sequence

from carddav_msg.formats.vcard.contentlines import ContentLine, Params
from carddav_msg.formats.vcard.convert.draft import V3, V4

# RFC 2426 §3.2, §3.3 has these types, RFC 6350 does not. Types of neither (Apple's MAIN, IPHONE) stay in both.
_TYPES_3 = {
    "TEL": frozenset({"msg", "bbs", "modem", "car", "isdn", "pcs"}),
    "EMAIL": frozenset({"x400"}),
    "ADR": frozenset({"dom", "intl", "postal", "parcel"}),
}
# RFC 6350 §6.4.1: both mean a text message or its device; MSG of 3.0 is a voice message.
_TYPES_4 = {"TEL": frozenset({"text", "textphone"})}
_INTERNET = "INTERNET"  # the default of 3.0 (RFC 2426 §3.3.2), unknown to 4.0
_NO_TYPES: frozenset[str] = frozenset()

_PARAMS_3 = frozenset({"CHARSET", "CONTEXT", "ENCODING"})
_PARAMS_4 = frozenset({"ALTID", "CALSCALE", "GEO", "MEDIATYPE", "PID", "SORT-AS", "TZ"})
_FROM_3 = {V3 + name: name for name in (*_PARAMS_3, "TYPE")}
_FROM_4 = {V4 + name: name for name in (*_PARAMS_4, "PREF", "TYPE")}
_CHANGED_3 = _PARAMS_3 | _FROM_4.keys()
_CHANGED_4 = _PARAMS_4 | _FROM_3.keys() | {"PREF"}


def params_of_4(line: ContentLine) -> Params:
    """The parameters of a 3.0 line in 4.0: the same object if they are right as they are."""
    others = _TYPES_3.get(line.name, _NO_TYPES)
    for key, values in line.params:
        if key == "TYPE":
            for value in values:
                kind = value.lower()
                if kind in ("pref", "internet") or kind in others or "," in kind:
                    return params_4(line.name, line.params)
        elif key in _CHANGED_3:
            return params_4(line.name, line.params)
    # `TEL;WORK:` of vCard 2.1 comes in 3.0 cards too.
    if line.raw.count("=", 0, len(line.raw) - len(line.value)) < len(line.params):
        return params_4(line.name, line.params)
    return line.params


def params_4(name: str, params: Params) -> Params:
    """Parameters of 3.0 in 4.0."""
    only_3 = _TYPES_3.get(name, _NO_TYPES)
    types: list[str] = []
    kept: list[str] = []
    default: list[str] = []
    pref: tuple[str, ...] = ()
    out: list[tuple[str, tuple[str, ...]]] = []
    at = -1
    for key, values in params:
        if key == "TYPE":
            at = len(out) if at < 0 else at
            for value in split_types(values):
                kind = value.lower()
                if kind == "pref":
                    pref = ("1",)
                elif kind in only_3:
                    kept.append(value)
                elif kind == "internet" and name == "EMAIL":
                    default.append(value)
                else:
                    types.append(value)
        elif key == V4 + "TYPE":
            types += values
        elif key == "PREF" or key == V4 + "PREF":
            pref = pref or values
        elif key in _PARAMS_3:
            out.append((V3 + key, values))
        else:
            out.append((_FROM_4.get(key, key), values))
    if kept:
        kept += default  # `x400` alone would not say that it is both
    return _together(out, at, types, ("PREF", pref), (V3 + "TYPE", kept))


def params_3(name: str, params: Params) -> Params:
    """Parameters of 4.0 in 3.0; the same object if they are right as they are."""
    if not params and name != "EMAIL":
        return params
    only_4 = _TYPES_4.get(name, _NO_TYPES)
    if name != "EMAIL" and not any(
        any("," in kind or kind.lower() in only_4 for kind in values) if key == "TYPE" else key in _CHANGED_4
        for key, values in params
    ):
        return params
    types: list[str] = []
    kept: list[str] = []
    pref: tuple[str, ...] = ()
    out: list[tuple[str, tuple[str, ...]]] = []
    at = -1
    for key, values in params:
        if key == "TYPE":
            at = len(out) if at < 0 else at
            for value in split_types(values):
                (kept if value.lower() in only_4 else types).append(value)
        elif key == V3 + "TYPE":
            types += values
        elif key == "PREF":
            pref = pref or values
        elif key in _PARAMS_4:
            out.append((V4 + key, values))
        else:
            out.append((_FROM_3.get(key, key), values))
    known = {value.lower() for value in types}
    if name == "EMAIL" and not known & {"internet", "x400"}:
        types.insert(0, _INTERNET)
    if pref == ("1",):
        pref = ()
        if "pref" not in known:
            types.append("pref")
    return _together(out, at, types, (V4 + "PREF", pref), (V4 + "TYPE", kept))


def split_types(values: tuple[str, ...]) -> list[str]:
    """The types, of which `TYPE="work,voice"` has two."""
    return [kind.strip() for value in values for kind in value.split(",")]


def _together(
    out: list[tuple[str, tuple[str, ...]]], at: int, types: Sequence[str], *more: tuple[str, Sequence[str]]
) -> Params:
    """All parameters: TYPE where it stood, and those that are not empty after the others."""
    if types:
        out.insert(len(out) if at < 0 else at, ("TYPE", tuple(types)))
    for key, values in more:
        if values:
            out.append((key, tuple(values)))
    return tuple(out)
