"""An application asked as a server is: the transport of a probe without a network between."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import Client

from carddav_msg.probe.transport import Call, Reply


def asking(application: Any, agent: str = "probe") -> Any:
    """An `Ask` of a WSGI application; the host of the URL is the request's."""
    client = Client(application)

    def ask(call: Call) -> Reply:
        parts = urlsplit(call.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        answer = client.open(
            target,
            base_url=f"{parts.scheme}://{parts.netloc}",
            method=call.method,
            headers={"User-Agent": agent, **call.headers},
            data=call.body,
            environ_overrides={"RAW_URI": target, "REMOTE_ADDR": "192.0.2.7"},
        )
        try:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status_code, headers, answer.get_data())
        finally:
            answer.close()

    return ask
