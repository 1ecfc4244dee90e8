"""`/`: what runs here, for a person who opened the address in a browser. Tells nothing that is not in the manual."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from carddav_msg.web.routes import HTML, Answer, Route, bind

FRONT_PAGE: Final = Route("/", "What runs here", (Answer(200, "A page for people.", (HTML,)),))
ROUTES: Final = (FRONT_PAGE,)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>carddav-msg</title>
<h1>carddav-msg</h1>
<p>This is a directory server for softphones: contacts, sign-in and provisioning for Turnkey Messaging.</p>
<dl>
<dt><code>/dav/</code></dt><dd>CardDAV; clients find it by themselves at <code>/.well-known/carddav</code></dd>
<dt><code>/contacts</code></dt><dd>Web Service Contacts</dd>
<dt><code>/provisioning</code>, <code>/provisioning/refresh</code></dt><dd>External Provisioning</dd>
<dt><code>/auth</code></dt><dd>External Authentication</dd>
<dt><code>/healthz</code>, <code>/readyz</code></dt><dd>is it alive, can it serve</dd>
</dl>
<p>There is nothing to click here: your app or address book needs this server's address, your user name and your
password.</p>
</html>
"""


def blueprint() -> Blueprint:
    """The page."""
    page = Blueprint("front_page", __name__)

    def front_page() -> Response:
        return Response(_PAGE, content_type="text/html; charset=utf-8")

    bind(page, FRONT_PAGE, front_page)
    return page
