"""How many examples the property tests try: profile `ci` (few, always the same) or `soak` (many, random).

`make soak` sets `CARDDAV_MSG_SOAK=1`. A test that needs other counts than the profile's asks for both::

    @settings(max_examples=examples(ci=20, soak=2000))
"""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings

SOAK = os.environ.get("CARDDAV_MSG_SOAK", "") not in ("", "0")

settings.register_profile(
    "ci",
    max_examples=25,
    stateful_step_count=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    max_examples=1000,
    stateful_step_count=50,
    print_blob=True,
    deadline=timedelta(seconds=60),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def load() -> None:
    """Makes the profile of this run the default of every property test."""
    settings.load_profile("soak" if SOAK else "ci")


def examples(*, ci: int, soak: int) -> int:
    """The count of this run: for `max_examples` and `stateful_step_count`."""
    return soak if SOAK else ci
