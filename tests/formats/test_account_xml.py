"""The Account XML of External Provisioning."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carddav_msg.domain.user import SmsNumber
from carddav_msg.errors import InvalidValue
from carddav_msg.formats.account_xml import account, account_json, error, error_json
from tests.formats.strategies import HOSTILE, TEXT

DATA = Path(__file__).parent.parent / "data"
NODES = [("username", "B63349F4EE"), ("password", "45F4BF5F0E191F5DCC27"), ("networkId", "myNetwork")]
SMS = [SmsNumber("sinch", "1234567890"), SmsNumber("sinch", "1234567891")]


def elements(body: bytes | str) -> list[tuple[str, str]]:
    """Names and stripped texts of all elements, in document order."""
    return [(element.tag, (element.text or "").strip()) for element in ElementTree.fromstring(body).iter()]


@pytest.mark.parametrize(("name", "sms"), [("seed-account.xml", []), ("seed-account-sms.xml", SMS)])
def test_the_examples_of_the_vendor(name: str, sms: list[SmsNumber]) -> None:
    """The accounts of the requirements page are equal to ours in elements and text."""
    assert elements(account(NODES, sms)) == elements((DATA / name).read_text(encoding="utf-8"))


def test_the_bytes() -> None:
    """The document is UTF-8 with a declaration, in the order of the nodes, without blanks between them."""
    assert (
        account([("title", "Ä & <b>"), ("proxy", "")], SMS[:1])
        == (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            "<account><title>Ä &amp; &lt;b&gt;</title><proxy/>"
            "<smsNumbers><number><carrier>sinch</carrier><number>1234567890</number></number></smsNumbers></account>"
        ).encode()
    )


@given(st.lists(TEXT | st.text("\r\n\t &<>'\"]"), min_size=1, max_size=4))
def test_any_text_survives(texts: list[str]) -> None:
    """Whatever a node holds, another parser reads the same text from the XML and from the JSON."""
    nodes = [(f"node{place}", text) for place, text in enumerate(texts)]
    parsed = ElementTree.fromstring(account(nodes, []))
    assert [(node.tag, node.text or "") for node in parsed] == nodes
    assert json.loads(account_json(nodes, [])) == {"account": dict(nodes)}


@pytest.mark.parametrize("name", ["", "a b", "1a", "a:b", "<a>", "xmlThing", "-a", "ä", "a\n"])
def test_node_names_are_checked(name: str) -> None:
    """A node needs a plain XML name, in both forms."""
    for form in (account, account_json):
        with pytest.raises(InvalidValue, match="XML element"):
            form([(name, "x")], [])


@pytest.mark.parametrize("nodes", [[("a", "1"), ("a", "2")], [("smsNumbers", "")]])
def test_no_node_comes_twice(nodes: list[tuple[str, str]]) -> None:
    """An app could take either of two nodes, so there is one of each; SMS numbers have their own argument."""
    for form in (account, account_json):
        with pytest.raises(InvalidValue, match="twice"):
            form(nodes, SMS)


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\uffff", "\ud800"])
def test_what_xml_cannot_carry_is_refused(character: str) -> None:
    """A password is sent exactly or not at all."""
    with pytest.raises(InvalidValue, match="password: contains the character U\\+"):
        account([("password", f"a{character}b")], [])


def test_the_same_account_as_json() -> None:
    """JSON has the nodes as strings and the SMS numbers as a list, only when there are any."""
    assert json.loads(account_json(NODES, [])) == {"account": dict(NODES)}
    assert json.loads(account_json(NODES, SMS))["account"]["smsNumbers"] == [
        {"carrier": "sinch", "number": "1234567890"},
        {"carrier": "sinch", "number": "1234567891"},
    ]


@pytest.mark.parametrize("message", HOSTILE)
def test_errors_carry_their_message(message: str) -> None:
    """The app gets the whole sentence, in both forms."""
    assert elements(error(message)) == [("error", ""), ("message", message.strip())]
    assert json.loads(error_json(message)) == {"error": {"message": message}}


@given(st.text(st.characters()))
def test_errors_can_always_be_parsed(message: str) -> None:
    """A message that quotes a request never breaks the answer."""
    assert ElementTree.fromstring(error(message))[0].tag == "message"
    assert json.loads(error_json(message))["error"].keys() == {"message"}
