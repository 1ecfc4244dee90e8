"""SIP URIs (RFC 3261 §19.1) of addresses `user@host` and back."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from carddav_msg.domain.identifiers import has_control

# What the user part may hold unescaped, without ',' and ';', which vCard readers take for separators.
_USER_SAFE = "-_.!~*'()&=+$?/"
_SIP = re.compile(r"(?i)sips?:")
_TAIL = re.compile(r"[;?]")


def sip_uri(address: str) -> str:
    """`sip:` and the address, percent-encoded as a URI needs it; an empty address gives an empty text."""
    if not address:
        return ""
    user, at, host = address.rpartition("@")
    return f"sip:{quote(user, safe=_USER_SAFE)}{at}{quote(host, safe='[]:')}"


def sip_address(uri: str) -> str:
    """The address of a SIP URI without scheme, password, port, parameters and headers; "" when it is no SIP URI."""
    scheme = _SIP.match(uri)
    if not scheme:
        return ""
    rest = uri[scheme.end() :].strip()
    # RFC 3261 lets ';' and '?' stand in the user part, so parameters begin after an '@'. A user that is an e-mail
    # address is often written with its '@' unescaped, so the last one ends it.
    tail = _TAIL.search(rest, rest.find("@") + 1)
    user, at, host = (rest[: tail.start()] if tail else rest).rpartition("@")
    bracket = host.find("]")  # of an IPv6 reference
    host = host[: bracket + 1] if bracket > 0 else host.partition(":")[0]
    address = unquote(user.partition(":")[0]) + at + unquote(host)
    return "" if not host or has_control(address) else address
