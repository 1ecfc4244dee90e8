"""The part of the port about how cards are rendered (DESIGN §3): which way is in force, and which networks follow it.

Each way has a rising number. A network has two: that of the newest way anyone began to render it by, and that by which
all of its cards are done. `lock_network` lets nobody write cards who renders in a way older than the first.
"""

from __future__ import annotations

from typing import Protocol


class RenderingReads(Protocol):
    """What is left to do."""

    def networks_to_render(self) -> list[int]:
        """Networks with cards that may be rendered in another way than ours; none when ours is not the newest."""

    def cards_to_render(self) -> int:
        """How many cards these networks have."""


class RenderingWrites(Protocol):
    """Bringing another way of rendering into force."""

    def announce(self, *, again: bool = False) -> bool:
        """Makes our way of rendering the newest; False when it can't be that.

        So it is with code of an older version, and with settings that were in force before and others after them: a
        server that was left over must not undo what a new one did. On purpose they may come into force `again`.
        """

    def render_everything(self) -> None:
        """Has all networks rendered again, also those that are done."""

    def begin_rendering(self, network: int) -> None:
        """From now on nobody changes cards of the network who renders in an older way than ours."""

    def end_rendering(self, network: int) -> None:
        """All cards of the network are rendered in our way."""
