"""Who changed what: the actor of a transaction and the entries it leaves (kept for a set time)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `name` is a login or an account of the machine, `face` the way in, `address` where it came from.

    `user` is the row of a directory user, 0 for everybody else.
    """

    name: str
    face: str
    address: str = ""
    user: int = 0


SERVER: Final = Actor("carddav-msg", "server")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `subject` names the thing (`user acme~1000`, `card acme/suppliers/a.vcf`, `network acme`).

    `before` and `after` are JSON texts of what differs, or vCards; empty where there was or is nothing. Secrets are
    named, never shown. `at` is microseconds UTC, `network` a row or 0.
    """

    network: int
    action: str
    subject: str
    before: str = ""
    after: str = ""
    at: int = 0
    actor: Actor = SERVER


@dataclass(frozen=True, slots=True)
class CardVersion:
    """A card as it was before it was overwritten or deleted; `id` names it for `card restore`."""

    id: int
    book: int
    href: str
    uid: str
    action: str
    text: str
    at: int
    actor: Actor
