"""What can go wrong, without HTTP: each adapter has one table that turns these into its own answers.

::

    CarddavMsgError
    ├── ConfigurationError       settings, keys or schema keep the product from starting
    ├── InvalidValue             a value breaks a data rule
    ├── NotFound                 no such network, user, book or card
    ├── AlreadyExists            a name or key is taken
    ├── Rejected                 the credentials are not accepted (the reason is for logs only)
    │   └── SignedOut            they were good once, and certainly are no more
    ├── Throttled                too many failed sign-ins; the credentials were not looked at
    ├── Forbidden                the caller lacks a privilege
    ├── PreconditionFailed       If-Match, If-None-Match or If did not hold
    ├── InvalidSyncToken         unknown, foreign or expired sync token
    ├── CardError                a card can't be stored
    │   ├── UnsupportedCard      not a vCard of a version that is kept
    │   ├── InvalidCard          a vCard that breaks its RFC
    │   ├── CardTooLarge         larger than max-resource-size
    │   └── UidConflict          another card of the book has the UID
    ├── UnsupportedFilter        a search has a condition that is not known
    ├── UnsupportedCollation     a search compares by rules that are not known
    ├── UnsupportedConversion    a card can't be had in the version asked for
    ├── TooManyMatches           an answer can't be made as short as was asked
    └── Unavailable              try again later; nothing was changed
        └── Superseded           cards are rendered by a newer release or with newer settings than ours
"""

from __future__ import annotations

from collections.abc import Sequence


class CarddavMsgError(Exception):
    """Root of all errors that the product raises on purpose; the text is a sentence for its reader."""


class ConfigurationError(CarddavMsgError):
    """Settings, keys or schema keep the product from starting. `problems` names all of them at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvalidValue(CarddavMsgError):
    """A value breaks a data rule. `field` is its name in the import columns and the CLI."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotFound(CarddavMsgError):
    """No such network, user, book or card (or the caller may not know of it)."""


class AlreadyExists(CarddavMsgError):
    """A name or key is taken."""


class Rejected(CarddavMsgError):
    """The credentials are not accepted.

    Callers answer the same for every `reason` (`unknown`, `password`, `disabled`, `removed`, `ambiguous`, `revoked`,
    `missing`, `messaging`, `spelling`, `code_…`): it is written to logs and shown to operators, never to the client.
    `user` is the row of the user who was meant, 0 when that is not known.
    """

    def __init__(self, reason: str, user: int = 0) -> None:
        super().__init__("The user name or the password is wrong.")
        self.reason = reason
        self.user = user


class Throttled(CarddavMsgError):
    """Too many failed sign-ins in a `window` (`user`, `address`, `pair`): the credentials were not looked at.

    Try again after `retry_after` seconds. `user` is the row of the user who was meant, 0 when that is not known;
    neither is told to the client.
    """

    def __init__(self, window: str, retry_after: int, user: int = 0) -> None:
        super().__init__("There were too many failed sign-ins. Please try again later.")
        self.reason = "throttled"
        self.window = window
        self.retry_after = retry_after
        self.user = user


class SignedOut(Rejected):
    """The credentials were good once, and certainly are no more: the user was disabled or removed, the phone revoked.

    With `logged_out`, a refresh is answered with an account that can't be used instead of an error.
    """

    def __init__(self, reason: str, user: int = 0, *, logged_out: bool = False) -> None:
        super().__init__(reason, user)
        self.logged_out = logged_out


class Forbidden(CarddavMsgError):
    """The caller lacks the DAV `privilege` (`read`, `write-content`, `bind`, `unbind`, `write-properties`)."""

    def __init__(self, privilege: str, message: str) -> None:
        super().__init__(message)
        self.privilege = privilege


class PreconditionFailed(CarddavMsgError):
    """If-Match, If-None-Match or If did not hold at the moment of writing (RFC 9110 §13, RFC 4918 §10.4)."""


class InvalidSyncToken(CarddavMsgError):
    """Unknown, foreign or expired sync token (RFC 6578 §3.2, `DAV:valid-sync-token`)."""


class CardError(CarddavMsgError):
    """A card can't be stored; the sentence names the line or property."""


class UnsupportedCard(CardError):
    """Not a vCard, or of a version that is not kept (RFC 6352 §6.3.2.1, `supported-address-data`)."""


class InvalidCard(CardError):
    """A vCard that breaks its RFC (RFC 6352 §6.3.2.1, `valid-address-data`)."""


class CardTooLarge(CardError):
    """Larger than `max-resource-size` (RFC 6352 §6.2.3)."""


class UidConflict(CardError):
    """The card at `href` has the UID, or another one that would be lost (RFC 6352 §6.3.2.1, `no-uid-conflict`)."""

    def __init__(self, href: str, sentence: str) -> None:
        super().__init__(sentence)
        self.href = href


class UnsupportedFilter(CarddavMsgError):
    """A search has a condition that is not known (RFC 6352 §8.6, `supported-filter`).

    `prop_filter` is the name of the prop-filter it stands in, or empty.
    """

    def __init__(self, message: str, prop_filter: str = "") -> None:
        super().__init__(message)
        self.prop_filter = prop_filter


class UnsupportedCollation(CarddavMsgError):
    """A search compares by rules that are not known (RFC 6352 §8.3, §8.6, `supported-collation`)."""


class UnsupportedConversion(CarddavMsgError):
    """A card can't be had in the version asked for (RFC 6352 §5.1.1.1, `supported-address-data-conversion`)."""


class TooManyMatches(CarddavMsgError):
    """An answer can't be made as short as was asked (RFC 6578 §3.2, `number-of-matches-within-limits`)."""


class Unavailable(CarddavMsgError):
    """Not now: the database is away, locked or of another version. Nothing was changed; retry after `retry_after` s."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Superseded(Unavailable):
    """The cards are rendered by a newer release or with newer settings: another server may take the change, not we."""

    def __init__(self) -> None:
        super().__init__("Cards are rendered by a newer release or with newer settings than those of this process.")
