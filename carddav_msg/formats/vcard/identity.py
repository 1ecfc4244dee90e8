"""The messaging identity in a vCard: two properties, and their aliases, that the server owns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from carddav_msg.domain.contact import MessagingIdentity
from carddav_msg.errors import InvalidCard, InvalidValue
from carddav_msg.formats.vcard.contentlines import ContentLine, escape, fold, scan, unescape, unfold
from carddav_msg.formats.vcard.convert.names import has_meaning
from carddav_msg.formats.vcard.read import EXTENSIONS

# Only X- names: owning a property of the standard would take it away from every card.
_NAME = re.compile(r"(?i:X)-[A-Za-z0-9-]{1,62}\Z")


@dataclass(frozen=True, slots=True)
class IdentityNames:
    """What the two properties are called (reference: open, so a setting), with aliases that are written beside them.

    Raises InvalidValue when a name is no X- name, comes twice, or has a meaning of its own: that property would go from
    every card, and a conversion to the other version would take the identity for it.
    """

    cloud_username: str = "X-CLOUD-USERNAME"
    network_id: str = "X-NETWORK-ID"
    cloud_username_aliases: tuple[str, ...] = ()
    network_id_aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen = set()
        for name in (*self.cloud_usernames, *self.network_ids):
            if not _NAME.match(name):
                raise InvalidValue("identity_names", f"{name!r} is not X- followed by letters, digits and '-'.")
            if has_meaning(name.upper()) or name.upper() in EXTENSIONS:
                raise InvalidValue("identity_names", f"{name!r} says something else in a vCard: choose another name.")
            if name.upper() in seen:
                raise InvalidValue("identity_names", f"{name!r} comes twice: each property has its own name.")
            seen.add(name.upper())

    @property
    def cloud_usernames(self) -> tuple[str, ...]:
        """All names of the Cloud Username, the first one first."""
        return (self.cloud_username, *self.cloud_username_aliases)

    @property
    def network_ids(self) -> tuple[str, ...]:
        """All names of the Network ID, the first one first."""
        return (self.network_id, *self.network_id_aliases)


@lru_cache(maxsize=16)
def owned(names: IdentityNames) -> frozenset[str]:
    """The names of all owned properties, in upper case as `ContentLine.name` has them."""
    return frozenset(name.upper() for name in (*names.cloud_usernames, *names.network_ids))


@lru_cache(maxsize=16)
def _mention(names: IdentityNames) -> re.Pattern[str]:
    """Finds an owned name anywhere in a text without folds: what it does not find needs no scan."""
    return re.compile("|".join(map(re.escape, sorted(owned(names)))), re.IGNORECASE)


def identity_lines(identity: MessagingIdentity, names: IdentityNames) -> list[str]:
    """The owned lines of an identity, folded and without line ends: the pair, then its aliases."""
    pair = [(names.cloud_username, identity.cloud_username), (names.network_id, identity.network_id)]
    pair += [(alias, identity.cloud_username) for alias in names.cloud_username_aliases]
    pair += [(alias, identity.network_id) for alias in names.network_id_aliases]
    return [fold(f"{name}:{escape(value)}") for name, value in pair]


def identity_in(lines: Iterable[ContentLine], names: IdentityNames) -> MessagingIdentity | None:
    """The pair that a card carries: that of the first names if it is complete, else that of the first aliases, …

    A value counts as written for the name; blanks around it do not. None when no pair is complete.
    """
    mine = owned(names)
    found: dict[str, str] = {}
    for line in lines:
        if line.name in mine and (value := unescape(line.value).strip()):
            found.setdefault(line.name, value)
    if len(found) < 2:
        return None
    for left, right in zip_longest(names.cloud_usernames, names.network_ids):
        cloud_username = found.get((left or names.cloud_username).upper())
        network_id = found.get((right or names.network_id).upper())
        if cloud_username and network_id:
            return MessagingIdentity(cloud_username, network_id)
    return None


def with_identity(text: str, identity: MessagingIdentity | None, names: IdentityNames) -> str:
    """The card with exactly the owned lines of this identity, or with none of them; nothing else is touched.

    `text` is a card that `card.parse` accepts. It comes back as it is when its owned lines are those that we would
    write (folds, order and place do not matter; a group, a parameter or another escaping does, as readers may differ on
    them). Otherwise they go and the right ones come before END:VCARD, with the line end of the card.
    """
    if identity is None and not _mention(names).search(unfold(text)):
        return text
    mine = owned(names)
    lines = scan(text)
    wanted = identity_lines(identity, names) if identity else []
    carried = [unfold(line.raw) for line in lines if line.name in mine]
    if not (carried or wanted) or sorted(carried) == sorted(unfold(line) for line in wanted):
        return text
    pieces = []
    end = ""
    closed = False
    for line in lines:
        if line.name == "END" and end and not closed:
            closed = True
            pieces += [wanted_line.replace("\r\n", end) + end for wanted_line in wanted]
        if line.name not in mine:
            pieces.append(line.raw + line.end)
        end = line.end
    if not closed:
        raise InvalidCard("The last line, END:VCARD, is missing: the card can't carry an identity.")
    return "".join(pieces)
