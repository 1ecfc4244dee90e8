"""Properties of 3.0 that are parameters of another one in 4.0: LABEL of ADR, SORT-STRING of N."""

from __future__ import annotations

from collections.abc import Sequence

from carddav_msg.formats.vcard.contentlines import ContentLine, param, unescape
from carddav_msg.formats.vcard.convert.draft import V4

MOVED = frozenset({"LABEL", "SORT-STRING"})


def moved(lines: Sequence[ContentLine]) -> dict[int, ContentLine]:
    """The lines that become parameters, by the places of the lines that get them."""
    return {address: lines[place] for address, place in [*_labels(lines), *_sort_string(lines)]}


def _labels(lines: Sequence[ContentLine]) -> list[tuple[int, int]]:
    """Each LABEL with the ADR of its group or, both without one, of the same types (RFC 2426 §3.2.2).

    When all addresses have one, in their order; else first with the address before it, as the reverse writes them.
    """
    addresses: dict[object, list[int]] = {}
    labels: dict[object, list[int]] = {}
    for place, line in enumerate(lines):
        if line.name == "ADR" and not param(line, "LABEL"):
            addresses.setdefault(_belonging(line), []).append(place)
        elif line.name == "LABEL" and all(key == "TYPE" for key, _ in line.params):
            labels.setdefault(_belonging(line), []).append(place)
    pairs = []
    for key, places in labels.items():
        free = addresses.get(key, [])
        after = [(place - 1, place) for place in places if place - 1 in free] if len(places) != len(free) else []
        rest = [place for place in places if (place - 1, place) not in after]
        pairs += after
        pairs += zip([place for place in free if (place, place + 1) not in after], rest, strict=False)
    return pairs


def _belonging(line: ContentLine) -> object:
    if line.group:
        return line.group.upper()
    return frozenset(kind.lower() for value in param(line, "TYPE") for kind in value.split(",")) - {"pref"}


def _sort_string(lines: Sequence[ContentLine]) -> list[tuple[int, int]]:
    """SORT-STRING with the N of its group, when there is one of each and the text reads as one key in SORT-AS."""
    found = [place for place, line in enumerate(lines) if line.name == "SORT-STRING"]
    people = [place for place, line in enumerate(lines) if line.name == "N"]
    if len(found) != 1 or len(people) != 1:
        return []
    sort, name = lines[found[0]], lines[people[0]]
    text = unescape(sort.value)
    fits = text.strip() and not sort.params and "," not in text and "\n" not in text
    taken = param(name, "SORT-AS") or param(name, V4 + "SORT-AS")
    return [(people[0], found[0])] if fits and not taken and sort.group.upper() == name.group.upper() else []
