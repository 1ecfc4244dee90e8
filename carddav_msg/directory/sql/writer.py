"""Writes: `SqlTransaction` implements the port's Transaction, one module per kind of thing written."""

from __future__ import annotations

from carddav_msg.directory.sql.bookwrites import BookWrites
from carddav_msg.directory.sql.cardwrites import CardWrites
from carddav_msg.directory.sql.historywrites import HistoryWrites
from carddav_msg.directory.sql.networkwrites import NetworkWrites
from carddav_msg.directory.sql.observing import ObservationWrites
from carddav_msg.directory.sql.placewrites import PlaceWrites
from carddav_msg.directory.sql.renderingwrites import RenderingWrites
from carddav_msg.directory.sql.stagingwrites import StagingWrites
from carddav_msg.directory.sql.userwrites import UserWrites


class SqlTransaction(
    NetworkWrites,
    UserWrites,
    BookWrites,
    CardWrites,
    HistoryWrites,
    ObservationWrites,
    PlaceWrites,
    RenderingWrites,
    StagingWrites,
):
    """One transaction over one connection, to be used inside of its `with`; `now` is the same for all it writes."""
