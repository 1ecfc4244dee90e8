"""The OpenAPI document is what the routes do: compared with the URL map and the manual, validated, and fuzzed."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from carddav_msg import bootstrap
from carddav_msg.web import ROUTES, create_app, parameters
from carddav_msg.web.errors import MissingCredentials
from carddav_msg.web.routes import CREDENTIALS, Route
from tests.profiles import examples
from tests.web.conftest import PASSWORD, People

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

DOCS = Path(__file__).parent.parent.parent / "docs"
FACES = [route for route in ROUTES if route.parameters and "POST" in route.methods]
NAMES = [name for parameter in CREDENTIALS for name in parameter.names]
SECONDS = 10.0
"""More than any single answer may take; the fuzzer's answers take milliseconds."""
FUZZED = settings(
    max_examples=examples(ci=15, soak=10_000),
    suppress_health_check=list(HealthCheck),
)
PARSED = settings(
    max_examples=examples(ci=100, soak=50_000), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def unthrottled(services: Services) -> Iterator[Flask]:
    """The application with room for any number of wrong passwords, so that each request is looked at."""
    limits = {f"throttle_{name}": 10**9 for name in ("user", "pair", "address")}
    built = bootstrap.build(replace(services.settings, shared_sources=("127.0.0.1",), **limits))
    yield create_app(built)
    built.close()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The document as it is served."""
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return dict(json.loads(answer.data))


def test_the_document_has_every_route_and_method(app: Flask, document: dict[str, Any]) -> None:
    """Paths and methods are those of the URL map, neither more nor fewer."""
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served


def test_the_manual_names_the_same_parameters(document: dict[str, Any]) -> None:
    """The table of docs/http-api.md has the parameters, their other names and their lengths as they are declared."""
    text = (DOCS / "http-api.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? ?\|", text, re.MULTILINE)
    assert [(name, (also,) if also else ()) for name, also in rows] == [(p.name, p.also) for p in CREDENTIALS]
    for length in sorted({parameter.length for parameter in CREDENTIALS}):
        assert f"{length:,} characters" in text
    for face in FACES:
        sent = [parameter["name"] for parameter in document["paths"][face.path]["get"]["parameters"]]
        assert sent == NAMES


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    """It is an OpenAPI 3.1 document by that standard's schema, and every operation in it can be read."""
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert schema.specification.version.startswith("3.1")
    assert len([operation.ok() for operation in schema.get_all_operations()]) == sum(len(r.methods) for r in ROUTES)


def test_statuses_are_the_declared_ones(client: FlaskClient, people: People, document: dict[str, Any]) -> None:
    """Right, wrong and missing credentials are answered with statuses that the document has."""
    for face, method, password in itertools.product(FACES, ("GET", "POST"), (PASSWORD, "wrong", "")):
        status = client.open(face.path, method=method, query_string={"username": "Anna.A", "password": password})
        assert str(status.status_code) in document["paths"][face.path][method.lower()]["responses"]


# Nothing can be wrong with a request for a route that takes nothing: only those with parameters have NEGATIVE ones.
@pytest.mark.parametrize(
    ("route", "method", "mode"),
    [
        pytest.param(route, method, mode, id=f"{method}-{route.path}-{mode.value}")
        for route in ROUTES
        for method in route.methods
        for mode in (GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if route.parameters else []))
    ],
)
def test_no_request_is_a_5xx(
    unthrottled: Flask, people: People, route: Route, method: str, mode: GenerationMode
) -> None:
    """Requests made from the document, and ones that break it, are answered, soon, and never with a 5xx or a 429."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", unthrottled)
    operation = schema[re.sub(r"<(\w+)>", r"{\1}", route.path)][method]

    asked = 0

    @FUZZED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        begun = time.monotonic()
        answer = case.call()
        assert answer.status_code < 429, (case.as_curl_command(), answer.content)
        assert time.monotonic() - begun < SECONDS

    ask()
    assert asked >= (FUZZED.max_examples if route.parameters else 1)


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "%", "%00", "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "a" * 1025]),
)


@PARSED
@given(
    route=st.sampled_from(FACES),
    query=st.lists(st.tuples(st.sampled_from([*NAMES, "x", "x[]"]), TEXTS), max_size=8),
    body=st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "x"]), inner, max_size=5)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "", ";;"]),
    authorization=st.one_of(st.none(), st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)),
)
def test_the_parser_refuses_or_gives_fitting_texts(
    app: Flask, route: Route, query: list[tuple[str, str]], body: bytes, kind: str, authorization: str | None
) -> None:
    """Whatever comes, parameters are texts of their length without control characters, or there is one refusal."""
    headers = {
        "Content-Type": kind,
        **({"Authorization": f"Basic {authorization}"} if authorization is not None else {}),
    }
    builder = EnvironBuilder(path=route.path, method="POST", query_string=query, data=body, headers=headers)
    with app.app_context():
        try:
            sent = parameters.read(Request(builder.get_environ()), route)
        except MissingCredentials:
            return
        except HTTPException as refused:
            status = refused.code
            sent = None
    if sent is None:
        assert status in (400, 413)
        return
    assert sent.login
    assert sent.password
    texts = (sent.login, sent.password, sent.cloud_id, sent.hints.host, sent.device)
    for text, parameter in zip(texts, CREDENTIALS, strict=True):
        assert parameter.fits(text)
        assert "\x00" not in text
