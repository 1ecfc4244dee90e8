"""The constant application, in the server process: reads its answers once, then gives them by their address."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_STATUS = {"PUT": "201 Created", "DELETE": "204 No Content"}


def application(folder: str) -> WSGIApplication:
    """The application over the files of a folder."""
    root = Path(folder)
    answers = {f"/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        method = environ["REQUEST_METHOD"]
        if method in _STATUS:
            start_response(_STATUS[method], [("Content-Length", "0")] if method == "PUT" else [])
            return []
        body = answers[environ["PATH_INFO"]]
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start_response("207 Multi-Status", headers)
        return [body]  # granian sends a list at once

    return app
