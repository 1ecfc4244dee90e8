"""External Provisioning: the Account XML, which an app merges over the defaults of the portal."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from carddav_msg.domain.user import SmsNumber
from carddav_msg.errors import InvalidValue
from carddav_msg.formats.elements import append, element_name, error, error_json, to_bytes, to_json

__all__ = ["account", "account_json", "error", "error_json"]

SMS_NUMBERS = "smsNumbers"


def account(
    nodes: Sequence[tuple[str, str]], sms_numbers: Sequence[SmsNumber], *, empty_numbers: bool = False
) -> bytes:
    """`<account>` with the nodes in their order, then `smsNumbers` when there are any, or empty when asked to.

    An empty text makes an empty node. InvalidValue for a node that has no XML name, comes twice, or is `smsNumbers`,
    and for a text that XML can't carry.
    """
    _check(nodes)
    root = etree.Element("account")
    for name, text in nodes:
        append(root, name, text)
    if sms_numbers or empty_numbers:
        numbers = append(root, SMS_NUMBERS)
        for sms in sms_numbers:
            number = append(numbers, "number")
            append(number, "carrier", sms.carrier)
            append(number, "number", sms.number)  # the vendor's example calls both levels `number`
    return to_bytes(root)


def account_json(
    nodes: Sequence[tuple[str, str]], sms_numbers: Sequence[SmsNumber], *, empty_numbers: bool = False
) -> bytes:
    """The same account as JSON: `{"account": {node: text, …, "smsNumbers": [{"carrier": …, "number": …}, …]}}`."""
    _check(nodes)
    value: dict[str, object] = dict(nodes)
    if sms_numbers or empty_numbers:
        value[SMS_NUMBERS] = [{"carrier": sms.carrier, "number": sms.number} for sms in sms_numbers]
    return to_json({"account": value})


def _check(nodes: Sequence[tuple[str, str]]) -> None:
    seen = {SMS_NUMBERS}
    for name, _ in nodes:
        if element_name(name) in seen:
            raise InvalidValue(name, "comes twice in the account: leave one of the two nodes out.")
        seen.add(name)
