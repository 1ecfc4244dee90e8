"""An admin edits a directory card: what changed in it goes to the user's row, and so to all faces."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from carddav_msg.directory.port import Transaction
from carddav_msg.domain.access import Book
from carddav_msg.domain.network import Network
from carddav_msg.domain.preconditions import Preconditions
from carddav_msg.domain.synctoken import SyncToken
from carddav_msg.domain.user import Number, Photo, Profile, User
from carddav_msg.errors import Forbidden, UidConflict
from carddav_msg.formats.vcard.card import parse
from carddav_msg.formats.vcard.contentlines import ContentLine, scan, unfold
from carddav_msg.formats.vcard.identity import IdentityNames, owned
from carddav_msg.formats.vcard.read import photo_bytes_of, profile_of
from carddav_msg.publishing.cards import Stored
from carddav_msg.publishing.profiles import checked_profile
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.users import save_users

_OURS: Final = frozenset(
    {
        "BEGIN",
        "END",
        "VERSION",
        "UID",
        "REV",
        "PRODID",
        "FN",
        "N",
        "NICKNAME",
        "ORG",
        "TITLE",
        "TEL",
        "EMAIL",
        "IMPP",
        "ADR",
        "BDAY",
        "NOTE",
        "PHOTO",
        "X-PHONETIC-FIRST-NAME",
        "X-PHONETIC-MIDDLE-NAME",
        "X-PHONETIC-LAST-NAME",
    }
)
_LABELS: Final = frozenset({"X-ABLABEL", "X-ABADR"})


def put_directory_card(
    transaction: Transaction,
    renderer: Renderer,
    book: Book,
    href: str,
    body: bytes,
    preconditions: Preconditions,
    *,
    max_size: int,
) -> Stored:
    """Applies what differs between the card as it is served and as it was sent. Properties that mean nothing to us are
    kept; identity and credentials stay the server's.

    Raises Forbidden for a new card and for fields that the network's source owns, CardError, PreconditionFailed,
    InvalidValue.
    """
    card = parse(body, max_size=max_size)
    network = transaction.lock_network(book.network, exclusive=True)
    old = transaction.stored_card(book.id, href)
    preconditions.check(old.etag if old else None, SyncToken(book.id, book.epoch, transaction.take_numbers(book.id, 0)))
    if old is None:
        raise Forbidden("bind", "A card can't create a user; use `carddav-msg user add` or an import.")
    if card.uid and card.uid != old.uid:
        raise UidConflict(href, "The card has another UID; a card can't create a user.")
    [user] = transaction.users_by_id([old.user])
    changed = _edited(transaction, renderer.names, network, user, scan(old.text), list(card.lines))
    if changed != user:
        save_users(transaction, renderer, network, [changed])
    now = transaction.stored_card(book.id, href)
    return Stored(False, now.etag if now and now.text.encode() == body else None)


def refuse_deletion() -> Forbidden:
    """Why a directory card can't be deleted, and what to do instead."""
    return Forbidden(
        "unbind", "A card can't delete a user; use `carddav-msg user disable`, `user remove` or an import."
    )


def _edited(
    transaction: Transaction,
    names: IdentityNames,
    network: Network,
    user: User,
    before: list[ContentLine],
    after: list[ContentLine],
) -> User:
    """The user with every field that the two cards show differently; fields that the view hides are not touched."""
    shown, sent = _profile(before, names), _profile(after, names)
    differing = {item.name for item in fields(Profile) if getattr(shown, item.name) != getattr(sent, item.name)}
    changes: dict[str, Any] = {name: getattr(sent, name) for name in differing}
    old_photo, photo = photo_bytes_of(before), photo_bytes_of(after)
    if photo != old_photo:
        changes["photo"] = Photo(digest=transaction.save_photo(*photo)) if photo else sent.photo
    if fed := sorted(network.source_owned & set(changes)):
        source = network.source_name or "an import"
        raise Forbidden(
            "write-content", f"{', '.join(fed)} of this network's users comes from {source}: edit it there."
        )
    if "numbers" in changes:
        changes["numbers"] = _numbers(user.profile.numbers, shown.numbers, sent.numbers)
    for name in ("emails", "addresses"):
        if name in changes:
            hidden = [part for part in getattr(user.profile, name) if not getattr(shown, name)]
            changes[name] = (*changes[name], *hidden)
    return (
        replace(user, profile=checked_profile(replace(user.profile, **changes), network.country)) if changes else user
    )


def _numbers(stored: tuple[Number, ...], shown: tuple[Number, ...], sent: tuple[Number, ...]) -> tuple[Number, ...]:
    """The sent numbers, each as it was stored if it was there before, and the hidden ones.

    A verified number stays verified when only its kind or label changes.
    """
    seen = {_dialled(number) for number in shown}
    kept: list[Number] = []
    for number in sent:
        same = [known for known in stored if _dialled(known) == _dialled(number)]
        exact = [known for known in same if known.label == number.label]
        verified = [known for known in stored if known.verified and _dialled(known)[1] == _dialled(number)[1]]
        if exact:
            kept += exact
        elif same:
            kept.append(replace(max(same, key=lambda known: known.verified), label=number.label))
        elif verified:
            kept.append(replace(verified[0], kind=number.kind, label=number.label))
        else:
            kept.append(number)
    return tuple(dict.fromkeys([*kept, *(number for number in stored if _dialled(number) not in seen)]))


def _dialled(number: Number) -> tuple[str, str]:
    """What a card shows of a number: one of work is read as an extension when it is short, and the other way round."""
    return "work" if number.kind == "extension" else number.kind, number.e164 or number.entered


def _profile(lines: list[ContentLine], names: IdentityNames) -> Profile:
    return replace(profile_of(lines), extra=_extra(lines, names))


def _extra(lines: list[ContentLine], names: IdentityNames) -> tuple[str, ...]:
    """The lines that no field of a user stands for, unfolded, with the labels that belong to them."""
    known = _OURS | _LABELS | owned(names)
    unknown = [line for line in lines if line.name and line.name not in known]
    groups = {line.group.upper() for line in unknown if line.group}
    chosen = [line for line in lines if line in unknown or (line.name in _LABELS and line.group.upper() in groups)]
    return tuple(unfold(line.raw) for line in chosen)
