"""`/openapi.json`: the web faces as an OpenAPI 3.1 document, made of the declarations that also drive the parsing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response

from carddav_msg import __version__
from carddav_msg.web.routes import BYTES, HTML, IMAGE, JSON, XML, Answer, Parameter, Route, bind

DOCUMENT: Final = Route("/openapi.json", "This description", (Answer(200, "The document.", (JSON,)),))
ROUTES: Final = (DOCUMENT,)

_NO_CONTROL: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    XML: {"type": "string"},
    JSON: {"type": "object"},
    HTML: {"type": "string"},
    IMAGE: {"type": "string", "contentMediaType": IMAGE},
    BYTES: {"type": "string", "contentMediaType": BYTES},
}
_BODIES: Final = ("application/x-www-form-urlencoded", JSON)


def blueprint(routes: Sequence[Route], public_url: str) -> Blueprint:
    """The document of these routes; it is made once."""
    face = Blueprint("openapi", __name__)
    body = json.dumps(document(routes, public_url), ensure_ascii=False, indent=1)

    def openapi() -> Response:
        return Response(body, content_type=JSON)

    bind(face, DOCUMENT, openapi)
    return face


def document(routes: Sequence[Route], public_url: str) -> dict[str, Any]:
    """The OpenAPI document of these routes at a server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "carddav-msg",
            "version": __version__,
            "summary": "External Authentication, External Provisioning and Web Service Contacts",
            "description": "CardDAV lives under /dav/ and is not described here.",
        },
        "servers": [{"url": public_url.rstrip("/") or "/"}],
        "paths": {_path(route): _operations(route) for route in routes},
        "components": {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
    }


def _path(route: Route) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", route.path)


def _operations(route: Route) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for method in route.methods:
        operation: dict[str, Any] = {
            "operationId": re.sub(r"\W+", "_", f"{method.lower()}{route.path}").strip("_"),
            "summary": route.summary,
            "responses": {str(answer.status): _response(answer) for answer in route.answers},
        }
        in_body = method == "POST" and route.parameters
        if in_body:
            operation["requestBody"] = _body(route)
        elif route.parameters:
            operation["parameters"] = [
                _parameter(parameter, name) for parameter in route.parameters for name in parameter.names
            ]
        if route.basic:
            operation["security"] = [{}, {"basic": []}]
        operations[method.lower()] = operation
    return operations


def _parameter(parameter: Parameter, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": parameter.place,
        # A query has one of several names, or the credentials stand in a header: no single one has to be there.
        "required": parameter.place == "path",
        "description": parameter.text,
        "schema": _schema(parameter),
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "maxLength": parameter.length}
    schema["pattern"] = f"^{parameter.pattern}$" if parameter.pattern else _NO_CONTROL
    if parameter.secret:
        schema["format"] = "password"
    return schema


def _body(route: Route) -> dict[str, Any]:
    properties = {
        name: {**_schema(parameter), "description": parameter.text}
        for parameter in route.parameters
        for name in parameter.names
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if not route.basic:
        schema["allOf"] = [
            {"anyOf": [{"required": [name]} for name in parameter.names]}
            for parameter in route.parameters
            if parameter.required
        ]
    return {"content": {media_type: {"schema": schema} for media_type in _BODIES}}


def _response(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.when}
    if answer.media_types:
        described["content"] = {media_type: {"schema": _SCHEMAS[media_type]} for media_type in answer.media_types}
    return described
