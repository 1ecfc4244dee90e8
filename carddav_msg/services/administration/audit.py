"""The audit: who changed what, when, from where, and what it was before and after."""

from __future__ import annotations

from collections.abc import Iterator

from carddav_msg.directory.port import Directory
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.services.administration.lookup import network_named

_PAGE = 500
_NEWEST = 2**62


class Audit:
    """The audit of one directory, which reaches back as far as the setting `audit_days` says."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def entries(
        self, *, network_id: str | None = None, actor: str = "", subject: str = "", since: int = 0
    ) -> Iterator[AuditEntry]:
        """Entries, the newest first, read in pages: of a network, by an actor (a login or an account of the machine),
        about things whose names contain a text, since a time (microseconds UTC)."""
        network = None if network_id is None else network_named(self._directory, network_id).id
        return self._entries(network, actor, subject, since)

    def _entries(self, network: int | None, actor: str, subject: str, since: int) -> Iterator[AuditEntry]:
        before = _NEWEST
        while page := self._directory.audit(network, before, _PAGE, actor=actor, subject=subject, since=since):
            yield from (entry for _, entry in page)
            before = page[-1][0]
