"""Keys as the database knows them: new ones, what hangs on each, and giving one up. The keys file is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from carddav_msg.credentials.keyring import Key, Keyring
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.signin import KeyUse
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.errors import ConfigurationError, InvalidValue

_BATCH: Final = 200


class Keys:
    """The keys of one directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def use(self, key_id: str) -> KeyUse:
        """What hangs on a key."""
        return self._directory.key_use(key_id)

    def add(self, new: Iterable[Key]) -> None:
        """Makes new keys known: a server without them will not start."""
        self._directory.transact(lambda transaction: _add(transaction, new))

    def reseal(self, keyring: Keyring, key_id: str, advance: Callable[[int], None]) -> int:
        """Encrypts every SIP password of an old key with the current one; returns how many there were.

        ConfigurationError names the user whose SIP password does not open.
        """

        def work(transaction: Transaction) -> int:
            rows = transaction.sealed_with(key_id, _BATCH)
            opened = []
            for row in rows:
                try:
                    opened.append((row.user, row.uid, keyring.decrypt(row.sealed, row.uid)))
                except ConfigurationError as error:
                    raise ConfigurationError([f"{row.login}: {error} Set it anew, or take it away."]) from None
            transaction.save_sip_passwords([(user, keyring.encrypt(text, uid)) for user, uid, text in opened])
            return len(rows)

        count = 0
        while done := self._directory.transact(work):
            count += done
            advance(done)
        new = keyring.current("sip").key_id
        entry = AuditEntry(0, "SIP passwords encrypted anew", f"key sip {new}", f"{count} with {key_id}")
        self._directory.transact(lambda transaction: transaction.record([entry]))
        return count

    def retire(self, key: Key) -> None:
        """The database gives up a key; InvalidValue while a SIP password needs it."""

        def work(transaction: Transaction) -> None:
            if transaction.key_in_use(key.key_id):
                raise InvalidValue(
                    "key", f"{key.key_id} still protects SIP passwords; --reseal encrypts them anew first."
                )
            transaction.forget_key(key.key_id)
            transaction.record([AuditEntry(0, "key retired", f"key {key.purpose} {key.key_id}")])

        self._directory.transact(work)

    def give_up(self, lost: Sequence[tuple[str, str]], new: Sequence[Key]) -> int:
        """Gives up lost keys, (key id, purpose) each, and makes new ones known, in one transaction.

        What only a lost key opens is removed; returns how many SIP passwords that are.
        """

        def work(transaction: Transaction) -> int:
            gone = 0
            for key_id, purpose in lost:
                gone += transaction.drop_sealed(key_id)
                transaction.forget_key(key_id)
                transaction.record([AuditEntry(0, "key lost", f"key {purpose} {key_id}")])
            _add(transaction, new)
            return gone

        return self._directory.transact(work)


def _add(transaction: Transaction, new: Iterable[Key]) -> None:
    for key in new:
        transaction.save_key_check(key.key_id, key.purpose, key.check_value)
        transaction.record([AuditEntry(0, "key added", f"key {key.purpose} {key.key_id}")])
