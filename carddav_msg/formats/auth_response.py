"""External Authentication: whom the credentials belong to, as the SSO server reads it.

The vendor has not published the element names, so an operator can replace them: one AuthResponseShape holds all names
and the nesting. The default is

    <response><uri>sip:…</uri><numbers><number>+1…</number></numbers></response>
    {"uri": "sip:…", "numbers": ["+1…"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from carddav_msg.errors import InvalidValue
from carddav_msg.formats.elements import append, element_name, error, error_json, to_bytes, to_json

__all__ = ["AuthResponseShape", "error", "error_json", "render_json", "render_xml"]


@dataclass(frozen=True, slots=True)
class AuthResponseShape:
    """The names of the response. InvalidValue when one is no XML name or two that stand side by side are equal.

    Without `numbers` (an empty text) each `number` stands in the root itself; JSON then calls the list `number`.
    `json_root` true wraps the JSON object into one named `root`, as XML has it.
    """

    root: str = "response"
    uri: str = "uri"
    numbers: str = "numbers"
    number: str = "number"
    json_root: bool = False

    def __post_init__(self) -> None:
        for name in (self.root, self.uri, self.numbers or self.number, self.number):
            element_name(name)
        if self.uri == (self.numbers or self.number):
            raise InvalidValue(self.uri, "names both the URI and the numbers of the response: name them apart.")


DEFAULT = AuthResponseShape()


def render_xml(uri: str, numbers: Sequence[str], shape: AuthResponseShape = DEFAULT) -> bytes:
    """The response as XML; the URI and the list are always there, also when they are empty."""
    root = etree.Element(shape.root)
    append(root, shape.uri, uri)
    parent = append(root, shape.numbers) if shape.numbers else root
    for number in numbers:
        append(parent, shape.number, number)
    return to_bytes(root)


def render_json(uri: str, numbers: Sequence[str], shape: AuthResponseShape = DEFAULT) -> bytes:
    """The response as JSON; the URI and the list are always there, also when they are empty."""
    value = {shape.uri: uri, shape.numbers or shape.number: list(numbers)}
    return to_json({shape.root: value} if shape.json_root else value)
