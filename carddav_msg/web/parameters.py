"""What callers send: the parameters that a route declares, from query, form, JSON body or Basic authentication.

Everything that is not clear is refused with 400 and a sentence that names the parameter, never its value.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge

from carddav_msg.domain.identifiers import has_control
from carddav_msg.domain.observations import AGENT_LENGTH
from carddav_msg.logs import keep_out
from carddav_msg.metrics import PLAIN_HTTP
from carddav_msg.services.authentication import Hints
from carddav_msg.web.errors import MissingCredentials, note_login
from carddav_msg.web.routes import Parameter, Route

_FIELDS: Final = 100
_HOST_LENGTH = 255
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters, half surrogate pairs, and what XML can't carry. Joiners are none: they may be in a password."""
Pairs = Iterable[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a caller sent; empty texts were not sent. `login` and `password` are never empty.

    `address` is where it came from, `agent` how the User-Agent begins, and `in_query` says that the password stood in
    the URL.
    """

    login: str = field(repr=False)
    password: str = field(repr=False)
    hints: Hints
    address: str = ""
    cloud_id: str = ""
    device: str = ""
    in_query: bool = False
    agent: str = ""


def read(request: Request, route: Route) -> Parameters:
    """The parameters of a request that asks for credentials, as its route declares them.

    Raises Forbidden without https where that is needed, BadRequest for what is missing or unclear,
    RequestEntityTooLarge for a body beyond the limit, and where the route takes Basic authentication MissingCredentials
    when there are none at all or the header can't be read.
    """
    if request.environ.get(PLAIN_HTTP):
        raise Forbidden("Credentials are taken over https only.")
    values: dict[str, str] = {}
    _take(values, _query(request), route.by_name)
    in_query = "password" in values
    _take(values, _body(request), route.by_name)
    if route.basic:
        _take(values, _basic(request), route.by_name)
        if "username" not in values and "password" not in values:
            raise MissingCredentials
    note_login(values.get("username", ""), values.get("password", ""))
    keep_out(values.get("password", ""))
    for parameter in route.parameters:
        if parameter.required and parameter.name not in values:
            others = "".join(f" (or '{name}')" for name in parameter.also)
            raise BadRequest(f"The parameter '{parameter.name}'{others} is missing.")
    cloud_id = values.get("cloud_id", "")
    hints = Hints(cloud_id, values.get("host", ""), _request_host(request))
    return Parameters(
        values["username"],
        values["password"],
        hints,
        request.remote_addr or "",
        cloud_id,
        values.get("device", ""),
        in_query,
        request.headers.get("User-Agent", "")[:AGENT_LENGTH],
    )


def _take(values: dict[str, str], pairs: Pairs, declared: Mapping[str, Parameter]) -> None:
    for sent, value in pairs:
        parameter = declared.get(sent)
        if parameter is None or value == "":
            continue
        if not isinstance(value, str):
            raise BadRequest(f"The parameter '{sent}' is not a text.")
        if not parameter.fits(value):
            raise BadRequest(f"The parameter '{sent}' is too long.")
        if _UNFIT.search(value):
            raise BadRequest(f"The parameter '{sent}' contains a control character.")
        if values.setdefault(parameter.name, value) != value:
            raise BadRequest(f"The parameter '{sent}' is there twice, with different values.")


def _query(request: Request) -> Pairs:
    return _urlencoded(request.query_string, "query") if request.query_string else ()


def _urlencoded(raw: bytes, place: str) -> Pairs:
    try:
        text = raw.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except UnicodeDecodeError:
        raise BadRequest(f"The {place} is not UTF-8.") from None
    except ValueError:
        raise BadRequest(f"The {place} has more than {_FIELDS} parameters.") from None


def _body(request: Request) -> Pairs:
    body = request.get_data(cache=False)
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        # werkzeug cuts a chunked body at the limit, and only a further read would say so.
        raise RequestEntityTooLarge
    if not body:
        return ()
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise BadRequest("The body is not UTF-8.")
    if request.mimetype == "application/x-www-form-urlencoded":
        return _urlencoded(body, "body")
    if request.mimetype == "application/json":
        return _json(body)
    raise BadRequest("The body's Content-Type is neither application/x-www-form-urlencoded nor application/json.")


def _json(body: bytes) -> Pairs:
    try:
        # Objects become tuples of their pairs, so that a name that comes twice is seen.
        value = json.loads(body.decode("utf-8"), object_pairs_hook=tuple)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(value, tuple):
        raise BadRequest("The body is not a JSON object.")
    return value


def _basic(request: Request) -> Pairs:
    scheme, _, encoded = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return ()
    try:
        login, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise MissingCredentials from None
    if not colon:
        raise MissingCredentials
    return (("username", login), ("password", password))


def _request_host(request: Request) -> str:
    """The host name the request was sent to, as a hint; one that can't be a host name is no hint."""
    host = str(request.environ.get("HTTP_HOST", ""))
    return "" if len(host) > _HOST_LENGTH or has_control(host) else host
