"""The services of a stock Radicale: made from `CARDDAV_MSG_CONFIG` and `CARDDAV_MSG_*`, once in each process."""

from __future__ import annotations

import os
import threading

from carddav_msg import bootstrap
from carddav_msg.bootstrap import Services
from carddav_msg.errors import ConfigurationError
from carddav_msg.settings import load

_lock = threading.Lock()
_made: tuple[int, Services] | None = None


def check_settings() -> None:
    """Reads settings and keys, so that what is wrong with them ends Radicale at its start. Asks no database."""
    bootstrap.load_keyring(load())


def services() -> Services:
    """The services of this process; a forked one makes its own, as connections must not be shared.

    Raises ConfigurationError, at each call until it is put right, when the database has another schema or other keys.
    """
    global _made
    with _lock:
        if _made is None or _made[0] != os.getpid():
            made = bootstrap.build(load())
            if problems := bootstrap.check(made):
                made.close()
                raise ConfigurationError(problems)
            _made = os.getpid(), made
        return _made[1]
