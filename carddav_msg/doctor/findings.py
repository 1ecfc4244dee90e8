"""What an examination finds: one line for each check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A check: what was looked at, whether it is fine, what was seen, and what to do when it is not."""

    check: str
    ok: bool
    text: str
    fix: str = ""


def good(check: str, text: str) -> Finding:
    """It is fine."""
    return Finding(check, True, text)


def bad(check: str, text: str, fix: str) -> Finding:
    """It is not, and this mends it."""
    return Finding(check, False, text, fix)
