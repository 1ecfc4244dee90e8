"""Staged rows against the directory: whom a row means, and what it would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from carddav_msg.directory.port import Transaction
from carddav_msg.directory.rows import Credentials, StagedRow
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Profile, User
from carddav_msg.errors import Unavailable
from carddav_msg.services.importing.columns import COLUMNS, revised
from carddav_msg.services.importing.report import Change, Difference
from carddav_msg.services.importing.staging import BATCH, Run
from carddav_msg.services.importing.validation import Values, load_values


@dataclass(frozen=True, slots=True)
class Plan:
    """What a row does: `old` is None for a new user; `password_hash`, `sip_password`, `admin` are None when they stay.

    `pending` is True while the row's password waits to be hashed.
    """

    row: StagedRow
    old: User | None
    new: User
    changes: tuple[Change, ...]
    password_hash: str | None = None
    sip_password: bytes | None = None
    admin: bool | None = None
    pending: bool = False

    @property
    def renames(self) -> bool:
        """True when the row gives or takes a name that must be unique."""
        return self.old is None or names(self.old) != names(self.new)

    def difference(self, network: Network) -> Difference:
        """What is told of this row."""
        name = self.old.cloud_username if self.old else self.new.cloud_username
        return Difference("changed" if self.old else "added", network.network_id, name, self.changes)


def names(user: User) -> tuple[str, str]:
    """The names of a user as they are compared."""
    return fold(user.cloud_username), fold(user.sip_username)


def pages(transaction: Transaction, run: Run) -> Iterator[list[StagedRow]]:
    """The staged rows that are not left out, a page at a time."""
    after, count = 0, 0
    while rows := transaction.staged(run.name, after, BATCH):
        yield [row for row in rows if row.line not in run.skipped]
        after, count = rows[-1].line, count + 1
        if count & (count - 1) == 0:  # at each doubling: plans for an empty table would make each page slower
            transaction.grown()


def meant(transaction: Transaction, run: Run, rows: Sequence[StagedRow]) -> dict[int, User]:
    """Line → the existing user that a row means: the one with its `external_id`, else the one with its Cloud Username.

    A user with another `external_id` is another person who happens to have the name.
    """
    found = transaction.staged_users(run.name, rows)
    by_line = {row.line: row for row in rows}
    return {line: user for line, user in found.items() if not _another(by_line[line], user)}


def _another(row: StagedRow, user: User) -> bool:
    return bool(row.external_id and user.external_id and row.external_id != user.external_id)


def plans(
    transaction: Transaction, run: Run, rows: Sequence[StagedRow], originals: dict[int, User]
) -> Iterator[tuple[Network, list[Plan]]]:
    """What some rows do, network by network. `originals` are users whose names were set aside, as they were before."""
    users = {line: originals.get(user.id, user) for line, user in meant(transaction, run, rows).items()}
    credentials = transaction.credentials([user.id for user in users.values()])
    for row_id in sorted({row.network for row in rows}):
        admins = transaction.admins(row_id)
        some = [row for row in rows if row.network == row_id]
        yield (
            run.networks[row_id],
            [_plan(run, row, users.get(row.line), credentials, admins) for row in some],
        )


def _plan(run: Run, row: StagedRow, old: User | None, credentials: dict[int, Credentials], admins: set[int]) -> Plan:
    values = load_values(row)
    blank = User(id=0, network=row.network, uid=values.uid, cloud_username="", profile=Profile(""))
    new = revised(old or blank, values.columns)
    changes = list(_changes(old, new, values))
    known = credentials.get(old.id, Credentials()) if old else Credentials()
    plan = Plan(row, old, new, ())
    if (old is None or run.options.set_passwords) and row.password_hash not in (None, known.password_hash):
        plan = replace(plan, password_hash=row.password_hash)
    if row.sealed_password is not None and (old is None or run.options.set_passwords):
        plan = replace(plan, pending=True)
    if plan.password_hash is not None or plan.pending:
        changes.append(Change("password", "", "", secret=True))
    sip_password = _sip_password(run, row, values, old, known)
    if sip_password is not None:
        plan = replace(plan, sip_password=sip_password)
        changes.append(Change("sip_password", "", "", secret=True))
    before = old is not None and old.id in admins
    if values.admin is not None and values.admin != before:
        plan = replace(plan, admin=values.admin)
        changes.append(Change("role", *(("network_admin", "user") if before else ("user", "network_admin"))))
    return replace(plan, changes=tuple(changes))


def _changes(old: User | None, new: User, values: Values) -> Iterator[Change]:
    for name, column in COLUMNS.items():
        if name in values.columns or name == "display_name":
            before, after = column.show(old) if old else "", column.show(new)
            if before != after:
                yield Change(name, before, after)
    if old and new != old and _typed(old) == _typed(new) and _read(old) != _read(new):
        yield Change("numbers", _read(old), _read(new))


def _typed(user: User) -> list[str]:
    return [number.entered for number in user.profile.numbers]


def _read(user: User) -> str:
    """The numbers in international form, which change with the country of a network too."""
    return "|".join(number.e164 or number.entered for number in user.profile.numbers)


def _sip_password(run: Run, row: StagedRow, values: Values, old: User | None, known: Credentials) -> bytes | None:
    """The SIP password to store, sealed for its user; None when the row has none or the user has this one."""
    if row.sip_password is None or old is None:
        return row.sip_password
    text = run.keyring.decrypt(row.sip_password, values.uid)
    if known.sip_password is not None and run.keyring.decrypt(known.sip_password, old.uid) == text:
        return None
    return run.keyring.encrypt(text, old.uid)


def set_aside(transaction: Transaction, run: Run) -> dict[int, User]:
    """Frees the names that the file's users give up, so that they may swap them; returns these users as they were.

    Users who keep their Cloud Username keep it, since rows find them by it.
    """
    originals: dict[int, User] = {}
    for rows in pages(transaction, run):
        users = meant(transaction, run, rows)
        freed: dict[int, User] = {}
        for row in rows:
            if old := users.get(row.line):
                sip_username = load_values(row).columns.get("sip_username", old.sip_username)
                if row.user_key != fold(old.cloud_username):
                    freed[old.id] = replace(old, cloud_username=f"~{old.uid}", sip_username="")
                elif old.sip_username and fold(sip_username) != fold(old.sip_username):
                    freed.setdefault(old.id, replace(old, sip_username=""))
                if old.id in freed:
                    originals.setdefault(old.id, old)
        transaction.save_users(list(freed.values()))
    return originals


def still_there(plan: Plan) -> Plan:
    """The plan, if the directory is still as it was when passwords were hashed."""
    if plan.pending:
        raise Unavailable("The directory changed while the import was running; nothing was written. Start it again.")
    return plan
