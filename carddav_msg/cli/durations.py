"""Spans of time as people write them: `30m`, `2h`, `1d`; and moments: a span ago, or a date."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Final

import click

_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])\Z", re.ASCII)
_SECONDS: Final = {"m": 60, "h": 3600, "d": 24 * 3600}


def duration(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """The callback of an option: a span of minutes, hours or days, in seconds."""
    seconds = _seconds(text)
    if seconds is None:
        raise click.BadParameter(f"{text!r} is not a span of time such as 30m, 2h or 1d.")
    return seconds


def moment(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """The callback of an option: a span ago, or a date with or without a time (UTC unless it says), or "" for 0.

    In microseconds UTC.
    """
    if not text:
        return 0
    seconds = _seconds(text)
    if seconds is not None:
        return time.time_ns() // 1000 - seconds * 1_000_000
    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is neither a span such as 2h nor a date such as 2026-02-28.") from None


def shown_time(microseconds: int) -> str:
    """A moment for people and scripts alike: ISO 8601, UTC, to the second."""
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(text: str) -> int | None:
    found = _SPAN.match(text.strip())
    return int(found[1]) * _SECONDS[found[2]] if found else None
