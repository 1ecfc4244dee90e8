"""Before anything is hashed or written: what the staged rows would do, played through and rolled back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.services.importing.hashing import needed
from carddav_msg.services.importing.matching import Plan, pages, plans, set_aside
from carddav_msg.services.importing.report import Difference, Problem
from carddav_msg.services.importing.staging import Run


class _RollBack(Exception):
    """Ends the transaction of a rehearsal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts by action, the problems that keep rows from being imported, and what speaks against the whole import.

    The count `to hash` is that of passwords that have to be hashed.
    """

    counts: Counter[str]
    problems: tuple[Problem, ...]
    refusal: Problem | None = None


def rehearse(directory: Directory, run: Run, *, tell: bool = False) -> Outcome:
    """Plays the import through without keeping any of it; with `tell`, the listener hears every difference."""
    outcome: list[Outcome] = []

    def work(transaction: Transaction) -> None:
        outcome.append(_play(transaction, run, tell=tell))
        raise _RollBack

    with suppress(_RollBack):
        directory.transact(work)
    return outcome[-1]


def _play(transaction: Transaction, run: Run, *, tell: bool) -> Outcome:
    run.listener.step("Comparing", run.rows)
    lock_networks(transaction, run)
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    missing = missing_users(transaction, run)
    enabled = len(missing)
    originals = set_aside(transaction, run)
    for rows in pages(transaction, run):
        for network, some in plans(transaction, run, rows, originals):
            problems += _take_names(transaction, network, some)
            enabled += sum(plan.old is not None and plan.old.enabled for plan in some)
            for plan in some:
                counts[action_of(plan)] += 1
                counts["to hash"] += plan.pending and needed(run.options, plan.old)
                if tell and (plan.changes or plan.old is None):
                    run.listener.difference(plan.difference(network))
        run.listener.advance(len(rows))
    counts["disabled"] = len(missing)
    for user in missing if tell else ():
        run.listener.difference(Difference("disabled", run.networks[user.network].network_id, user.cloud_username))
    return Outcome(counts, tuple(problems), _refusal(run, missing, enabled))


def lock_networks(transaction: Transaction, run: Run) -> None:
    """Locks the networks of the file in the order of their rows, and reads them again."""
    for row in sorted(run.networks):
        run.networks[row] = transaction.lock_network(row, exclusive=True)


def missing_users(transaction: Transaction, run: Run) -> list[User]:
    """The enabled users of the file's networks that a mirror disables; to be asked before names are set aside.

    Users that a left-out row means are not missing; when nobody can tell whom such a row means, nobody is.
    """
    if not run.options.mirror or run.unknown:
        return []

    def spared(user: User) -> bool:
        own = {
            (user.network, "cloud_username", fold(user.cloud_username)),
            (user.network, "external_id", user.external_id),
        }
        return not own.isdisjoint(run.spared)

    return [user for user in transaction.unstaged_users(run.name) if not spared(user)]


def action_of(plan: Plan) -> str:
    """The count that a row goes to."""
    return "added" if plan.old is None else "changed" if plan.changes else "unchanged"


def _refusal(run: Run, missing: Sequence[User], enabled: int) -> Problem | None:
    if run.options.max_removals.allows(len(missing), enabled):
        return None
    some = ", ".join(repr(user.cloud_username) for user in missing[:5]) + (", …" if len(missing) > 5 else "")
    return Problem(
        0,
        "max-removals",
        f"{len(missing)} of the {enabled} enabled users of the file's networks are missing from it ({some}), and no "
        f"more than {run.options.max_removals} may be disabled. Is the file complete?",
    )


def _take_names(transaction: Transaction, network: Network, some: Sequence[Plan]) -> list[Problem]:
    """Stores the names that rows take; a problem for each row whose name another user has."""
    taking = [plan for plan in some if plan.renames]
    clashes = _clashes(taking)
    if transaction.name_conflicts(network.id, [plan.new for plan in taking]):
        clashes |= {
            plan.row.line: found[0] for plan in taking if (found := transaction.name_conflicts(network.id, [plan.new]))
        }
    free = [plan for plan in taking if plan.row.line not in clashes]
    transaction.add_users([plan.new for plan in free if plan.old is None])
    transaction.save_users([plan.new for plan in free if plan.old is not None])
    by_line = {plan.row.line: plan for plan in taking}
    return [
        Problem(line, "", _stranger(transaction, network, by_line[line]) or sentence)
        for line, sentence in sorted(clashes.items())
    ]


def _clashes(taking: Sequence[Plan]) -> dict[int, str]:
    """Line → sentence for a SIP username that is the Cloud Username of another user of the same page."""
    owners = {fold(plan.new.cloud_username): plan for plan in taking}
    found = {}
    for plan in taking:
        owner = owners.get(fold(plan.new.sip_username))
        if owner is not None and owner is not plan:
            found[plan.row.line] = (
                f"The SIP username {plan.new.sip_username!r} is the Cloud Username of line {owner.row.line}."
            )
    return found


def _stranger(transaction: Transaction, network: Network, plan: Plan) -> str:
    """A sentence when the row's name is that of a user with another `external_id`."""
    if plan.old is not None or not plan.row.external_id:
        return ""
    other = transaction.find_user(network.id, cloud_username=plan.new.cloud_username)
    if other is None or not other.external_id:
        return ""
    return (
        f"The Cloud Username {plan.new.cloud_username!r} is that of the user with the external_id "
        f"{other.external_id!r}, not of {plan.row.external_id!r}."
    )
