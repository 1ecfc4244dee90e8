"""The response of External Authentication."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.errors import InvalidValue
from carddav_msg.formats.auth_response import AuthResponseShape, error, error_json, render_json, render_xml
from tests.formats.strategies import TEXT

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def test_the_default_shape() -> None:
    """The names are those of the reference."""
    assert render_xml("sip:a@h", ["+1555", "+1556"]) == DECLARATION + (
        b"<response><uri>sip:a@h</uri><numbers><number>+1555</number><number>+1556</number></numbers></response>"
    )
    assert render_json("sip:a@h", ["+1555"]) == b'{"uri":"sip:a@h","numbers":["+1555"]}'


def test_everything_is_always_there() -> None:
    """Without an address and numbers the elements are empty, not missing."""
    assert render_xml("", ()) == DECLARATION + b"<response><uri/><numbers/></response>"
    assert json.loads(render_json("", ())) == {"uri": "", "numbers": []}


def test_an_operator_replaces_the_shape() -> None:
    """One value holds all names and the nesting, for both forms."""
    shape = AuthResponseShape("auth", "sipUri", "phones", "phone", json_root=True)
    assert render_xml("sip:a", ["1"], shape) == DECLARATION + (
        b"<auth><sipUri>sip:a</sipUri><phones><phone>1</phone></phones></auth>"
    )
    assert render_json("sip:a", ["1"], shape) == b'{"auth":{"sipUri":"sip:a","phones":["1"]}}'
    flat = AuthResponseShape(numbers="")
    assert render_xml("", ["1", "2"], flat) == DECLARATION + (
        b"<response><uri/><number>1</number><number>2</number></response>"
    )
    assert render_json("", ["1", "2"], flat) == b'{"uri":"","number":["1","2"]}'


@pytest.mark.parametrize(
    "names",
    [
        {"root": ""},
        {"uri": "a b"},
        {"number": "<x>"},
        {"numbers": "uri"},
        {"numbers": "", "number": "uri"},
        {"number": ""},
    ],
)
def test_a_shape_is_checked(names: dict[str, str]) -> None:
    """A shape that can't be XML, or that names two things alike, is refused before anything is rendered."""
    with pytest.raises(InvalidValue):
        AuthResponseShape(**names)  # type: ignore[arg-type]


@given(TEXT, st.lists(TEXT, max_size=3))
def test_any_text_survives(uri: str, numbers: list[str]) -> None:
    """Whatever the values hold, another parser reads the same ones."""
    parsed = ElementTree.fromstring(render_xml(uri, numbers))
    assert (parsed.findtext("uri"), [number.text or "" for number in parsed.iter("number")]) == (uri, numbers)
    assert json.loads(render_json(uri, numbers)) == {"uri": uri, "numbers": numbers}


def test_errors_are_parseable() -> None:
    """A rejection has a body that parses, as the SSO server wants it."""
    assert ElementTree.fromstring(error("No & no")).findtext("message") == "No & no"
    assert json.loads(error_json("No")) == {"error": {"message": "No"}}
