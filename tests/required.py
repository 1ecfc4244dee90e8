"""What a test needs of the machine: its absence is a failure in CI, elsewhere a skip with a reason."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true" or os.environ.get("CARDDAV_MSG_REQUIRE_POSTGRESQL") == "1"


def missing(reason: str) -> NoReturn:
    """Fails the test in CI, skips it elsewhere."""
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of a program, of this virtual environment or of the machine."""
    own = Path(sys.executable).parent / name
    found = str(own) if own.exists() else shutil.which(name)
    return found or missing(f"{name} is not installed.")
