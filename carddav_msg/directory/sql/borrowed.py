"""Connections kept at hand: taking one from a pool and giving it back costs more than a statement of a poll."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from sqlalchemy import Engine

_KEPT: Final = 8
"""So many of the pool's connections stay taken; what a burst needs beyond them goes back to the pool."""


class _Closable(Protocol):
    def close(self) -> None: ...


Kept = TypeVar("Kept", bound=_Closable)


class Borrowed(Generic[Kept]):
    """Connections of an engine, taken from its pool by `connect` and kept.

    Threads share it. Nothing is taken before the first `take`, so it may be forked before.
    """

    def __init__(self, engine: Engine, connect: Callable[[], Kept]) -> None:
        self._engine = engine
        self._connect = connect
        self._idle: deque[Kept] = deque()

    def take(self) -> Kept:
        """A connection. Raises what `connect` raises when there is none to be had."""
        try:
            return self._idle.pop()  # the one last used, whose pages the database has at hand
        except IndexError:
            return self._connect()

    def give_back(self, connection: Kept) -> None:
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
