"""XML documents that are always well-formed, whatever an operator or a user put into them."""

from __future__ import annotations

import json
import re

from lxml import etree

from carddav_msg.errors import InvalidValue

_NAME = re.compile(r"(?!(?i:xml))[A-Za-z_][A-Za-z0-9_.-]*\Z")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # what XML 1.0 §2.2 leaves out


def element_name(name: str) -> str:
    """The name, if an element may have it: ASCII, no namespace, not the `xml…` that XML 1.0 §2.3 keeps to itself."""
    if not _NAME.match(name):
        raise InvalidValue(
            name[:40], "is not a name of an XML element: letters, digits, '_', '-' and '.', a letter or '_' first."
        )
    return name


def append(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    """A new last child with this text; InvalidValue for a name or text that XML can't carry."""
    child = etree.SubElement(parent, element_name(name))
    if text:
        unfit = _UNFIT.search(text)
        if unfit:
            raise InvalidValue(name, f"contains the character U+{ord(unfit[0]):04X}, which XML can't carry.")
        child.text = text
    return child


def to_bytes(root: etree._Element) -> bytes:
    """The document in UTF-8, with its declaration."""
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8; half a surrogate pair, which UTF-8 can't carry, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def error(message: str) -> bytes:
    """`<error><message>…</message></error>`, whose message the apps show; what XML can't carry is left out."""
    root = etree.Element("error")
    append(root, "message", _UNFIT.sub("", message))
    return to_bytes(root)


def error_json(message: str) -> bytes:
    """The same as JSON: `{"error": {"message": …}}`."""
    return to_json({"error": {"message": message}})
