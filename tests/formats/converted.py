"""Cards that are converted, and what a card means in either version."""

from __future__ import annotations

from carddav_msg.formats.vcard.contentlines import ContentLine, fold, scan, split_components, unescape

IDENTITY = ("X-CLOUD-USERNAME:ann", "X-NETWORK-ID;X-ODD=1:acme\\, inc")


def card(version: str, *lines: str, name: bool = True) -> str:
    """A card with these lines, folded as they should be."""
    head = ["BEGIN:VCARD", f"VERSION:{version}", "FN:Ann", *(["N:;Ann;;;"] if name else [])]
    return "".join(fold(line) + "\r\n" for line in (*head, *lines, *IDENTITY, "END:VCARD"))


def other(version: str) -> str:
    """The version that it is not."""
    return "4.0" if version == "3.0" else "3.0"


def lines_of(text: str) -> list[str]:
    """The unfolded lines that `card` was given."""
    return text.replace("\r\n ", "").split("\r\n")[4:-4]


def is_owned(line: ContentLine) -> bool:
    """Whether a line is of the messaging identity."""
    return line.name in ("X-CLOUD-USERNAME", "X-NETWORK-ID")


def meaning(text: str) -> list[tuple[object, ...]]:
    """What the lines say, however they are escaped and their types and defaults are spelled; in any order."""
    return sorted(map(_meaning, scan(text)), key=repr)


def _meaning(line: ContentLine) -> tuple[object, ...]:
    types = {
        kind.lower() for key, values in line.params if key == "TYPE" for value in values for kind in value.split(",")
    }
    params = {(key, values) for key, values in line.params if key not in ("TYPE", "VALUE")}
    kinds = {value for key, values in line.params if key == "VALUE" for value in values}
    if line.name in ("BDAY", "REV", "X-ANNIVERSARY", "X-ABDATE"):
        kinds -= {"date", "date-time"}
    if line.name in ("TZ", "PHOTO", "LOGO", "KEY"):
        kinds -= {"text"} if line.name == "TZ" else {"uri"}
    if line.name == "EMAIL" and "x400" not in types:
        types.add("internet")
    if line.name == "LABEL":  # it gets the types of its address, which it is found by when it has no group
        types = set() if line.group else types - {"pref"}
    value: object = line.value
    if line.name not in ("URL", "IMPP", "FBURL", "SOURCE", "MEMBER", "GEO", "PHOTO", "LOGO", "SOUND", "KEY"):
        value = tuple(tuple(split_components(part, ",")) for part in _raw_split(line.value))
        if line.name in ("NOTE", "TITLE", "EMAIL", "TEL", "REV", "BDAY"):
            value = unescape(line.value)
    return line.group.upper(), line.name, sorted(types), sorted(params), sorted(kinds), value


def _raw_split(value: str) -> list[str]:
    parts = [""]
    for piece in value.split(";"):
        parts[-1] += piece
        if (len(piece) - len(piece.rstrip("\\"))) % 2:
            parts[-1] += ";"
        else:
            parts.append("")
    return parts[:-1]
