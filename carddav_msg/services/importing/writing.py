"""The third pass: one transaction brings the directory to what the staged rows say, and touches nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from carddav_msg.directory.port import Transaction
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.publishing.auditing import grant_entry, user_entry
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.users import add_users, save_users
from carddav_msg.services.importing.matching import Plan, pages, plans, set_aside, still_there
from carddav_msg.services.importing.rehearsal import action_of, lock_networks, missing_users
from carddav_msg.services.importing.staging import Run


def write(transaction: Transaction, renderer: Renderer, run: Run) -> Counter[str]:
    """Writes the run; returns how many users were added, changed, disabled or found unchanged."""
    run.listener.step("Writing", run.rows)
    lock_networks(transaction, run)
    counts: Counter[str] = Counter()
    missing = missing_users(transaction, run)
    originals = set_aside(transaction, run)
    for rows in pages(transaction, run):
        for network, some in plans(transaction, run, rows, originals):
            counts.update(map(action_of, some))
            _write_page(transaction, renderer, network, [still_there(plan) for plan in some])
        run.listener.advance(len(rows))
    for row, network in run.networks.items():
        gone = [replace(user, enabled=False) for user in missing if user.network == row]
        save_users(transaction, renderer, network, gone)
        transaction.end_sessions([user.id for user in gone])
        transaction.record([user_entry(network, user, "sessions ended") for user in gone])
    counts["disabled"] = len(missing)
    return counts


def _write_page(transaction: Transaction, renderer: Renderer, network: Network, some: Sequence[Plan]) -> None:
    new = [plan for plan in some if plan.old is None]
    changed = [plan for plan in some if plan.old is not None and plan.new != plan.old]
    # Changed ones first: what they give up may be what a new user gets.
    save_users(transaction, renderer, network, [plan.new for plan in changed])
    stored = add_users(transaction, renderer, network, [plan.new for plan in new])
    for plan in changed:
        _follow_up(transaction, network, plan)
    rows = {plan.row.line: user for plan, user in zip(new, stored, strict=True)}
    _write_secrets(transaction, network, [(rows.get(plan.row.line, plan.new), plan) for plan in some])


def _follow_up(transaction: Transaction, network: Network, plan: Plan) -> None:
    """What a rename and a disable bring with them."""
    assert plan.old is not None
    if fold(plan.old.cloud_username) != fold(plan.new.cloud_username):
        transaction.add_user_alias(plan.new, plan.old.cloud_username)
    if plan.old.enabled and not plan.new.enabled:
        transaction.end_sessions([plan.new.id])
        transaction.record([user_entry(network, plan.new, "sessions ended")])


def _write_secrets(transaction: Transaction, network: Network, some: Sequence[tuple[User, Plan]]) -> None:
    """Password hashes, SIP passwords and the admin grant."""
    hashes = [(user, plan.password_hash) for user, plan in some if plan.password_hash is not None]
    transaction.save_password_hashes([(user.id, hashed) for user, hashed in hashes], new_secret=True)
    sealed = [(user, plan.sip_password) for user, plan in some if plan.sip_password is not None]
    transaction.save_sip_passwords([(user.id, secret) for user, secret in sealed])
    entries = [
        user_entry(network, user, "password changed" if hashed else "password removed") for user, hashed in hashes
    ]
    entries += [user_entry(network, user, f"SIP password {'changed' if s else 'removed'}") for user, s in sealed]
    for user, plan in some:
        if plan.admin and transaction.save_grant(user.id, "admin", user.network):
            entries.append(grant_entry(network, user, "admin", network, given=True))
        elif plan.admin is False and transaction.remove_grant(user.id, "admin", user.network):
            entries.append(grant_entry(network, user, "admin", network, given=False))
    transaction.record(entries)
