"""Administration: what operators do to networks, users, shared books, grants and the installation itself.

Every change is one transaction, and cards follow in it. What comes in is checked again here, whoever calls.
"""

from __future__ import annotations

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.publishing.rebuilding import Progress, rebuild
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.services.administration.audit import Audit
from carddav_msg.services.administration.books import SharedBooks
from carddav_msg.services.administration.codes import CodeRules, Codes
from carddav_msg.services.administration.devices import Devices
from carddav_msg.services.administration.grants import Grants
from carddav_msg.services.administration.history import History
from carddav_msg.services.administration.keys import Keys
from carddav_msg.services.administration.networks import Networks
from carddav_msg.services.administration.users import Users
from carddav_msg.services.administration.views import Views


class Administration:
    """One object for each noun, and what concerns the whole installation."""

    def __init__(
        self, directory: Directory, renderer: Renderer, passwords: Passwords, keyring: Keyring, code_rules: CodeRules
    ) -> None:
        self.networks = Networks(directory, renderer)
        self.users = Users(directory, renderer, passwords, keyring)
        self.devices = Devices(directory)
        self.codes = Codes(directory, code_rules)
        self.keys = Keys(directory)
        self.books = SharedBooks(directory, renderer)
        self.views = Views(directory, renderer)
        self.grants = Grants(directory)
        self.history = History(directory, renderer)
        self.audit = Audit(directory)
        self._directory = directory
        self._renderer = renderer

    def announce(self) -> bool:
        """Brings our way of rendering into force, where `rebuild` follows; False when a newer one is in force."""
        return self._directory.transact(lambda transaction: transaction.announce())

    def outdated(self) -> bool:
        """True when our way of rendering is in force and some cards are not rendered in it yet."""
        return bool(self._directory.networks_to_render())

    def rebuild(self, progress: Progress, *, everything: bool) -> int:
        """Renders the cards that are not rendered in our way yet, or every card; see `publishing.rebuilding`."""
        return rebuild(self._directory, self._renderer, progress, everything=everything)

    def restored(self) -> int:
        """After a backup of the database was restored: every client syncs anew. Returns the number of books."""

        def work(transaction: Transaction) -> int:
            books = transaction.new_epochs()
            transaction.record([AuditEntry(0, "backup restored", "database")])
            return books

        return self._directory.transact(work)
