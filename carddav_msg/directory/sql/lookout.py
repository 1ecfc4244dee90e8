"""Whether somebody wrote to a SQLite database, asked without letting go of Python's lock (docs/adr/0014).

`PRAGMA data_version` tells a connection whether another one changed the database. Python's module lets go of the lock
around each step of a statement, several times for this one; threads that wait for the lock are woken each time, for
nothing. With eight polls at once they take three times as long as the polls. So this one question goes to SQLite's own
interface (https://www.sqlite.org/cintro.html), which answers in five microseconds and waits for nobody.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
from typing import Any, Final

_QUESTION: Final = b"PRAGMA data_version"
_READ_ONLY: Final = 0x00000001 | 0x00008000  # SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX: our lock is enough
_OK, _ROW = 0, 100


def _interface() -> Any:
    """The SQLite that Python's module uses; None when it is hidden inside of the module.

    Never another copy of the library: two in one process would lose each other's locks on a file
    (https://www.sqlite.org/howtocorrupt.html, section 2.2.1).
    """
    try:
        library = ctypes.PyDLL(_sqlite3.__file__)
        pointer, number = ctypes.c_void_p, ctypes.c_int
        library.sqlite3_open_v2.argtypes = [ctypes.c_char_p, ctypes.POINTER(pointer), number, ctypes.c_char_p]
        library.sqlite3_prepare_v2.argtypes = [pointer, ctypes.c_char_p, number, ctypes.POINTER(pointer), pointer]
        library.sqlite3_column_int64.argtypes = [pointer, number]
        library.sqlite3_column_int64.restype = ctypes.c_int64
        for name in ("sqlite3_step", "sqlite3_reset", "sqlite3_finalize", "sqlite3_close_v2"):
            getattr(library, name).argtypes = [pointer]
    except (AttributeError, OSError):
        return None
    return library


class Lookout:
    """Looks at one database file, for one thread at a time. The first look opens it, which has to be after a fork."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._interface = _interface()
        self._connection = ctypes.c_void_p()
        self._statement = ctypes.c_void_p()

    def version(self) -> int | None:
        """A number that is another one when somebody wrote; None when nothing can be said, and the next may be any."""
        if self._interface is None or (not self._statement.value and not self._open()):
            return None
        answered = self._interface.sqlite3_step(self._statement)
        version: int = self._interface.sqlite3_column_int64(self._statement, 0)
        self._interface.sqlite3_reset(self._statement)
        if answered == _ROW:
            return version
        self.close()
        return None

    def close(self) -> None:
        """Lets go of the file; the next look opens it again."""
        if self._interface is not None:
            self._interface.sqlite3_finalize(self._statement)
            self._interface.sqlite3_close_v2(self._connection)
        self._statement, self._connection = ctypes.c_void_p(), ctypes.c_void_p()

    def _open(self) -> bool:
        opened = self._interface.sqlite3_open_v2(
            os.fsencode(self._path), ctypes.byref(self._connection), _READ_ONLY, None
        )
        prepared = opened == _OK and self._interface.sqlite3_prepare_v2(
            self._connection, _QUESTION, -1, ctypes.byref(self._statement), None
        )
        if opened != _OK or prepared != _OK:
            self.close()
            return False
        return True
