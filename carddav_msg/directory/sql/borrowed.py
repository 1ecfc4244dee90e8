"""Connections kept at hand: taking one from a pool and giving it back costs more than a statement of a poll."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine

_KEPT: Final = 8
"""So many of the pool's connections stay taken; what a burst needs beyond them goes back to the pool."""


class Borrowed:
    """Connections of an engine, taken from its pool and kept.

    Threads share it. Nothing is taken before the first `take`, so it may be forked before.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[Connection] = deque()

    def take(self) -> Connection:
        """A connection in no transaction. Raises what SQLAlchemy raises when there is none to be had."""
        try:
            return self._idle.pop()  # the one last used, whose pages the database has at hand
        except IndexError:
            return self._engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Takes back a connection that works, in no transaction."""
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def drop(self) -> None:
        """Gives up all that are idle, here and in the pool: those made from now on are new."""
        with suppress(IndexError):  # when there is none left; others may take some meanwhile
            while True:
                self._idle.pop().close()
        self._engine.dispose()
