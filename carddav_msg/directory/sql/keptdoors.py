"""Doors of a SQLite database, kept while nobody writes to it: to know that costs a fifth of what reading one costs.

PostgreSQL has nothing to ask for that.
"""

from __future__ import annotations

import threading
from typing import Final

from carddav_msg.directory.rows import Asked, Door
from carddav_msg.directory.sql.lookout import Lookout

_MOST: Final = 8192


class KeptDoors:
    """The doors that were read since the last change. Threads share it."""

    def __init__(self, path: str) -> None:
        """`path` is that of the database's file."""
        self._lookout = Lookout(path)
        self._lock = threading.Lock()
        self._version: int | None = None
        self._doors: dict[Asked, Door] = {}

    def unchanged(self) -> dict[Asked, Door]:
        """The doors that are as they were read. One that is read from now on may be added: should it be newer than a
        change that nobody has seen yet, it goes with the others when the change is seen.
        """
        with self._lock:
            version = self._lookout.version()
            if version is None or version != self._version or len(self._doors) >= _MOST:
                self._version = version
                self._doors = {}
            return self._doors

    def close(self) -> None:
        """Lets go of the file; the next look opens it again."""
        with self._lock:
            self._lookout.close()
            self._version = None
