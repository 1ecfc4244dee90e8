"""Sign-in codes: making them for users, with the text of their QR codes, and revoking them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from carddav_msg.credentials.codes import digest, new_code
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.directory.signin import SignInCode
from carddav_msg.domain.identifiers import fold, login_of, normalise_cloud_id
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import InvalidValue
from carddav_msg.formats.qr_text import sign_in_text
from carddav_msg.publishing.auditing import user_entry
from carddav_msg.services.administration.lookup import network_named, user_named

_DAY: Final = 24 * 3600 * 1_000_000
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class CodeRules:
    """For how many days a code waits for its first use, and for how many minutes it then enrols; whether it works."""

    days: int
    minutes: int
    work: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """What one user needs to sign a phone in: `code` is the secret, `text` what the QR code says, with it.

    `typed` is the user name to type with the code, `login` the canonical one; `expires` is microseconds UTC.
    """

    cloud_username: str
    login: str
    typed: str
    display_name: str
    cloud_id: str
    expires: int
    code: str = field(repr=False)
    text: str = field(repr=False)


class Codes:
    """The sign-in codes of one directory. A code is shown once, when it is made: what is stored is its digest."""

    def __init__(self, directory: Directory, rules: CodeRules) -> None:
        self._directory = directory
        self.rules = rules

    def all(self, network_id: str, name: str) -> list[SignInCode]:
        """The codes of a user, the newest first."""
        network = network_named(self._directory, network_id)
        return self._directory.codes(user_named(self._directory, network, name).id)

    def invite(self, network_id: str, name: str, cloud_id: str = "") -> Invitation:
        """A new code for one user; InvalidValue for a disabled one, and when it is not clear which app it is for."""
        network = network_named(self._directory, network_id)
        user = user_named(self._directory, network, name)
        app = self._app(network, cloud_id)
        if not user.enabled:
            raise InvalidValue("user", f"{user.cloud_username!r} is disabled and can't sign in.")
        return self._make(network, [user], app)[0]

    def invite_all(self, network_id: str, cloud_id: str = "") -> Iterator[list[Invitation]]:
        """New codes for all enabled users of a network by Cloud Username, in pages: each is stored when it comes."""
        network = network_named(self._directory, network_id)
        app = self._app(network, cloud_id)

        def pages() -> Iterator[list[Invitation]]:
            after = ""
            while users := self._directory.users(network.id, after, _PAGE):
                after = users[-1].cloud_username
                if enabled := [user for user in users if user.enabled]:
                    yield self._make(network, enabled, app)

        return pages()

    def revoke(self, network_id: str, name: str) -> int:
        """Revokes the codes of a user; returns how many could still have been used. Enrolled phones stay signed in."""
        network = network_named(self._directory, network_id)
        user = user_named(self._directory, network, name)

        def work(transaction: Transaction) -> int:
            count = transaction.revoke_codes(user.id)
            transaction.record([user_entry(network, user, "sign-in codes revoked")])
            return count

        return self._directory.transact(work)

    def _make(self, network: Network, users: Sequence[User], cloud_id: str) -> list[Invitation]:
        codes = [new_code() for _ in users]

        def work(transaction: Transaction) -> int:
            expires = transaction.now + self.rules.days * _DAY
            stored = zip(users, map(digest, codes), strict=True)
            transaction.add_codes([(user.id, str(hashed), user.session_epoch) for user, hashed in stored], expires)
            transaction.record([user_entry(network, user, "sign-in code made") for user in users])
            return expires

        expires = self._directory.transact(work)
        sharing, _ = self._directory.selected(cloud_id, [])
        made = []
        for user, code in zip(users, codes, strict=True):
            login = login_of(network.network_id, user.cloud_username)
            typed = user.cloud_username if self._is_clear(user, sharing) else login
            text = sign_in_text(typed, code, cloud_id)
            shown = user.profile.display_name or user.cloud_username
            made.append(Invitation(user.cloud_username, login, typed, shown, cloud_id, expires, code, text))
        return made

    def _is_clear(self, user: User, networks: set[int]) -> bool:
        """True when the Cloud Username alone means this user among all networks of the app."""
        return [found.user for found in self._directory.named(sorted(networks), fold(user.cloud_username))[0]] == [
            user.id
        ]

    def _app(self, network: Network, cloud_id: str) -> str:
        """The Cloud ID that the QR code is for."""
        if not self.rules.work:
            raise InvalidValue("device_credentials", "is off, so a sign-in code would open nothing. Turn it on first.")
        known = network.cloud_ids
        if cloud_id:
            if (wanted := normalise_cloud_id(cloud_id)) in known:
                return wanted
            raise InvalidValue(
                "cloud_id", f"{cloud_id!r} is not one of the network's: {', '.join(known) or 'it has none'}."
            )
        if len(known) != 1:
            raise InvalidValue(
                "cloud_id",
                f"say which app it is for: the network has {', '.join(known)}."
                if known
                else f"the network has none. Add it: carddav-msg network set {network.network_id} --cloud-id …",
            )
        return known[0]
