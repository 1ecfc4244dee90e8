"""What the directory serves of a user or of a client's card, as text. Pure: the caller brings what it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from carddav_msg.directory.rows import Rendering, StoredCard
from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.search import name_key
from carddav_msg.domain.user import Photo
from carddav_msg.formats import contacts_json
from carddav_msg.formats.vcard.contentlines import ContentLine, scan
from carddav_msg.formats.vcard.identity import IdentityNames, identity_in, with_identity
from carddav_msg.formats.vcard.read import photo_bytes_of, profile_of, sip_of, urls_of
from carddav_msg.formats.vcard.render import redated, reidentified, render

KeepPhoto = Callable[[str, bytes], str]

RENDER_VERSION = 1
"""Rises with every change of this code that changes a served byte."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders cards; `names` are the identity properties, `public_url` is where photos are served."""

    names: IdentityNames
    public_url: str
    checksum: bool

    @property
    def rendering(self) -> Rendering:
        """The version of this code, and what changes whenever the same rows would be rendered to other bytes."""
        text = f"{RENDER_VERSION}\0{self.names!r}\0{self.public_url}\0{self.checksum}"
        return Rendering(RENDER_VERSION, hashlib.sha256(text.encode()).hexdigest()[:16])

    def directory_card(
        self, contact: Contact, old: StoredCard, photo: tuple[str, bytes] | None, now: int
    ) -> StoredCard:
        """The directory card of a contact. `old` (id 0: a new one) gives href, UID and, when nothing changed, REV."""

        modified = old.modified
        text = render(contact, uid=old.uid, rev=modified, names=self.names, photo=photo, public_url=self.public_url)
        if text != old.text:
            text, modified = redated(text, now), now
        fragment = contacts_json.fragment(contact, public_url=self.public_url, checksum=self.checksum)
        return replace(
            old,
            etag=etag_of(text),
            modified=modified,
            text=text,
            fragment=fragment,
            fn_key=name_key([contact.profile.display_name]),
        )

    def reidentified(
        self, old: StoredCard, before: MessagingIdentity, after: MessagingIdentity, now: int
    ) -> StoredCard | None:
        """A directory card of which only the identity changed, without a look at its user; None when that won't do."""
        if self.checksum:
            return None
        text = reidentified(old.text, old.modified, before, after, now, self.names)
        fragment = contacts_json.reidentified(old.fragment, str(old.user), before, after)
        if text is None or fragment is None:
            return None
        return replace(old, etag=etag_of(text), modified=now, text=text, fragment=fragment)

    def client_card(
        self,
        old: StoredCard,
        text: str,
        identity: MessagingIdentity | None,
        now: int,
        keep_photo: KeepPhoto,
        scanned: Sequence[ContentLine] | None = None,
    ) -> StoredCard:
        """A client's card with the identity the server gives it; `modified` moves only when the bytes do.

        A photo inside the card is handed to `keep_photo`, which returns the digest it is served under. `scanned` are
        the lines of the text, where the caller has them.
        """
        served = with_identity(text, identity, self.names)
        lines = scanned if scanned is not None and served == text else scan(served)
        profile = profile_of(lines)
        if photo := photo_bytes_of(lines):
            profile = replace(profile, photo=Photo(digest=keep_photo(*photo)))
        contact = Contact(old.uid, profile, identity, sip_of(lines), urls_of(lines))
        return replace(
            old,
            etag=etag_of(served),
            modified=old.modified if served == old.text else now,
            text=served,
            fragment=contacts_json.fragment(contact, public_url=self.public_url, checksum=self.checksum),
            fn_key=name_key(line.text for line in lines if line.name == "FN"),
        )

    def identity_in(self, lines: list[ContentLine]) -> MessagingIdentity | None:
        """The pair that a client's card carries."""
        return identity_in(lines, self.names)


def served(card: StoredCard) -> tuple[str, str]:
    """What clients see of a card: when it is equal, nothing changed for them."""
    return card.text, card.fragment


def etag_of(text: str) -> str:
    """The strong entity tag of served text, with its quotes (RFC 9110 §8.8.3)."""
    return f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"'
