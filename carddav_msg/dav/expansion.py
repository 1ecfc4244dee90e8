"""DAV:expand-property (RFC 3253 §3.8): a PROPFIND that goes on where its properties lead.

Each href inside the value of a property becomes the response of the resource there, with the properties that are nested
in the request. All hrefs that we have in properties lead to the root or to the visitor's own home.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from carddav_msg.dav.multistatus import response
from carddav_msg.dav.selection import Selection
from carddav_msg.errors import InvalidValue

EXPAND_PROPERTY: Final = "{DAV:}expand-property"
_PROPERTY: Final = "{DAV:}property"
_DEEPEST: Final = 8
"""Levels of properties: more than there are places to go."""
_HREF: Final = re.compile("<href>([^<]*)</href>")

Describe = Callable[[str, Selection], str]
"""The propstats of the resource at an href, which is escaped for XML."""


@dataclass(frozen=True, slots=True)
class ExpandProperty:
    """The properties that are wanted, in Clark notation, each with those of the resources that it leads to.

    Of a property that is named twice the last one counts.
    """

    props: Mapping[str, ExpandProperty]


def parse(element: etree._Element, level: int = 0) -> ExpandProperty:
    """The properties inside of an element. InvalidValue for one without a proper name, or too deep."""
    if level > _DEEPEST:
        raise InvalidValue("body", f"Properties are expanded over {_DEEPEST} levels at most.")
    return ExpandProperty({_name(prop): parse(prop, level + 1) for prop in element.findall(_PROPERTY)})


def _name(element: etree._Element) -> str:
    namespace, name = element.get("namespace", "DAV:"), element.get("name", "")
    try:
        return etree.QName(namespace or None, name).text
    except ValueError:
        raise InvalidValue("body", "A property of this report has the attribute name: an XML name.") from None


def selection_of(asked: ExpandProperty, describe: Describe) -> Selection:
    """The properties as a PROPFIND asks for them, but with responses for hrefs."""
    rewritten = {name: _expander(nested, describe) for name, nested in asked.props.items() if nested.props}
    return Selection(tuple(asked.props), rewritten=rewritten)


def _expander(nested: ExpandProperty, describe: Describe) -> Callable[[str], str]:
    selection = selection_of(nested, describe)
    return lambda value: _HREF.sub(lambda href: response(href[1], describe(href[1], selection)), value)
