"""PHOTO, LOGO, SOUND and KEY: binary with ENCODING=b in 3.0 (RFC 2426 §2.4.1), a data: URI in 4.0 (RFC 6350 §3.5)."""

from __future__ import annotations

import re

from carddav_msg.formats.vcard.contentlines import ContentLine, Params
from carddav_msg.formats.vcard.convert.draft import V3, V4, Draft, Lines, aside, drafted, uri
from carddav_msg.formats.vcard.convert.parameters import params_3, params_4, split_types

NAMES = ("PHOTO", "LOGO", "SOUND", "KEY")

_MAIN = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}
# Formats whose media type is not just their name in lower case.
_MEDIA_TYPES = {
    ("image", "JPG"): "image/jpeg",
    ("application", "PGP"): "application/pgp-keys",
    ("application", "X509"): "application/pkix-cert",
}
_FORMATS = {"application/pgp-keys": "PGP", "application/pkix-cert": "X509"}
_BINARY = frozenset({"b", "base64"})
_NO_FORMAT = frozenset({"home", "work"})
_UNKNOWN = "application/octet-stream"
# The first characters of base64 that tell an image: clients leave out TYPE.
_SIGNS = (("/9j/", "image/jpeg"), ("iVBOR", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))

_TOKEN = re.compile(r"[A-Za-z0-9.+-]+(?:/[A-Za-z0-9.+-]+)?\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+\Z")
_DATA = re.compile(r"(?i:data):([A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+);(?i:base64),")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\\?:\S*\Z")


def media_4(line: ContentLine) -> Lines:
    """The line of a 3.0 card in 4.0; kept aside when its value is neither binary nor a URI (nor the text of a KEY)."""
    params, format_, encoded = _taken_apart(line)
    draft = drafted(line, params)
    kind = "".join(draft.take("VALUE")[:1]).lower()
    media_type = _media_type(_MAIN[line.name], format_)
    data = "".join(line.value.split())
    if line.name == "KEY" and (kind == "text" or not (kind or encoded or _URI.match(line.value))):
        draft.params.insert(0, ("VALUE", ("text",)))
        media_type = ""
    elif _URI.match(line.value) or kind in ("uri", "url"):
        draft.value = uri(line.value)
        found = _DATA.match(draft.value)
        if found:
            media_type = media_type if media_type == found[1].lower() else ""
        elif media_type and draft.value[:5].lower() != "data:":
            draft.add("MEDIATYPE", media_type)
        else:
            media_type = ""
    elif encoded or (kind in ("", "binary") and _sniffed(data) != _UNKNOWN):
        draft.value = f"data:{media_type or _sniffed(data)};base64,{data}"
    else:
        return aside(line, V3)
    if format_ and not media_type:
        draft.add(V3 + "TYPE", format_)
    return draft.lines()


def media_3(line: ContentLine) -> Lines:
    """The line of a 4.0 card in 3.0; as it is when it is written in the manner of 3.0 already."""
    if any(key == "ENCODING" for key, _ in line.params):
        return None
    draft = drafted(line, params_3(line.name, line.params))
    kind = "".join(draft.take("VALUE")[:1]).lower()
    others = [value for value in draft.take("TYPE") if value]
    media_type = "".join(draft.take(V4 + "MEDIATYPE")[:1])
    formats = list(_kept_formats(line, others))
    if found := _DATA.match(line.value):
        draft.value = line.value[found.end() :]
        draft.params.insert(0, ("ENCODING", ("b",)))
        formats = formats or [_format(_MAIN[line.name], found[1])]
        if media_type.lower() == found[1].lower():
            media_type = ""
    elif line.name == "KEY" and kind == "text":
        draft.params.insert(0, ("VALUE", ("text",)))
    elif kind in ("", "uri"):
        draft.params.insert(0, ("VALUE", ("uri",)))
        if _MEDIA_TYPE.match(media_type) and not formats:
            formats, media_type = [_format(_MAIN[line.name], media_type)], ""
    else:
        return aside(line, V4)
    draft.add(V4 + "MEDIATYPE", *filter(None, (media_type,)))
    _add_types(draft, formats, others)
    return draft.lines()


def _taken_apart(line: ContentLine) -> tuple[Params, str, bool]:
    """The parameters for 4.0, the first type that is a format, and whether the value is said to be base64."""
    format_ = ""
    encoded = False
    left: list[tuple[str, tuple[str, ...]]] = []
    for key, values in line.params:
        if key == "ENCODING" and values[0].lower() in _BINARY:
            encoded = True
        elif key == "TYPE":
            others = []
            for value in split_types(values):
                if value.lower() == "base64":
                    encoded = True
                elif value.lower() in _NO_FORMAT or value.lower() == "pref" or format_:
                    others.append(value)
                else:
                    format_ = value
            if others:
                left.append((key, tuple(others)))
        else:
            left.append((key, values))
    return params_4(line.name, tuple(left)), format_, encoded


def _kept_formats(line: ContentLine, others: list[str]) -> tuple[str, ...]:
    """What a former 3.0 line had as format and 4.0 could not say; it goes from the other types."""
    kept = tuple([value for key, values in line.params if key == V3 + "TYPE" for value in values])
    for value in kept:
        if value in others:
            others.remove(value)
    return kept


def _add_types(draft: Draft, formats: list[str], others: list[str]) -> None:
    """TYPE with the format first; a type that would read as one stays apart."""
    known = [value for value in others if value.lower() in _NO_FORMAT or value.lower() == "pref" or formats]
    draft.add("TYPE", *[value for value in (*formats, *known) if value])
    draft.add(V4 + "TYPE", *[value for value in others if value not in known])


def _media_type(main: str, format_: str) -> str:
    """The media type of a format of 3.0; empty when it is no word."""
    if not format_ or not _TOKEN.match(format_):
        return ""
    if "/" in format_:
        return format_.lower()
    return _MEDIA_TYPES.get((main, format_.upper())) or f"{main}/{format_.lower()}"


def _format(main: str, media_type: str) -> str:
    """The reverse: the name alone for what the property is about, the whole media type for anything else."""
    media_type = media_type.lower()
    if media_type in _FORMATS and main == "application":
        return _FORMATS[media_type]
    kind, _, name = media_type.partition("/")
    return name.upper() if kind == main and media_type != _UNKNOWN else media_type


def _sniffed(data: str) -> str:
    return next((media_type for sign, media_type in _SIGNS if data.startswith(sign)), _UNKNOWN)
