"""Which properties a request asks for (RFC 4918 §9.1, §14.18, §14.20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from lxml import etree

from carddav_msg.dav import addressdata
from carddav_msg.dav.addressdata import ADDRESS_DATA, WHOLE, AddressData
from carddav_msg.errors import InvalidValue


class Which(Enum):
    """Of which properties a request speaks: those it names, all that a client may want, or the names of those."""

    NAMED = auto()
    ALL = auto()
    NAMES = auto()


@dataclass(frozen=True, slots=True)
class Selection:
    """The properties asked for. `names` are in Clark notation, each once; with ALL they are wanted too (`include`).

    `rewritten` has what makes of the element of a property what is sent instead (see `expansion`).
    """

    names: tuple[str, ...] = ()
    which: Which = Which.NAMED
    data: AddressData = WHOLE
    rewritten: Mapping[str, Callable[[str], str]] = field(default_factory=dict, compare=False)


def selection_in(root: etree._Element, *, required: bool = False) -> Selection:
    """The properties of a request. Of a report that names none only the resources are wanted.

    Raises InvalidValue when some are `required` and none are asked for, and the errors of `addressdata`.
    """
    if root.find("{DAV:}propname") is not None:
        return Selection((), Which.NAMES)
    every = root.find("{DAV:}allprop") is not None
    asked = root.find("{DAV:}include" if every else "{DAV:}prop")
    if asked is None and required and not every:
        raise InvalidValue("body", "A propfind has one of prop, allprop and propname.")
    names: dict[str, None] = {}
    data = WHOLE
    for prop in () if asked is None else asked:
        if prop.tag == ADDRESS_DATA:
            data = addressdata.parse(prop)
        names[str(prop.tag)] = None
    return Selection(tuple(names), Which.ALL if every else Which.NAMED, data)
