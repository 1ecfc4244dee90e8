"""The text of the QR code that an app reads at sign-in: `csc:username:password@CLOUDID` (reference §4)."""

from __future__ import annotations

from urllib.parse import quote


def sign_in_text(login: str, secret: str, cloud_id: str) -> str:
    """The text. Login and secret are percent-encoded but for letters, digits and `-._~`, so also `@ : / % * +`."""
    return f"csc:{quote(login, safe='')}:{quote(secret, safe='')}@{cloud_id}"
