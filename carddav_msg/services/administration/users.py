"""Users: adding, changing, renaming and removing them, their passwords and photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from carddav_msg.credentials.keyring import Keyring
from carddav_msg.credentials.passwords import Passwords
from carddav_msg.directory.port import Directory, Transaction
from carddav_msg.domain.identifiers import fold
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Photo, User
from carddav_msg.errors import AlreadyExists, NotFound
from carddav_msg.publishing import users as publishing
from carddav_msg.publishing.auditing import user_entry
from carddav_msg.publishing.profiles import checked, parse_password, parse_photo
from carddav_msg.publishing.renderer import Renderer
from carddav_msg.publishing.views import change_view
from carddav_msg.services.administration.lookup import network_named, user_named, view_named

_PAGE = 500


@dataclass(frozen=True, slots=True)
class SecretsSet:
    """Which secrets a user has; never the secrets themselves."""

    password: bool
    sip_password: bool


class Users:
    """The users of one directory. A user is named by Network ID and Cloud Username, both also by old ones."""

    def __init__(self, directory: Directory, renderer: Renderer, passwords: Passwords, keyring: Keyring) -> None:
        self._directory = directory
        self._renderer = renderer
        self._passwords = passwords
        self._keyring = keyring

    def find(self, network_id: str, name: str) -> tuple[Network, User]:
        """A user and its network; NotFound names the one that is missing."""
        network = network_named(self._directory, network_id)
        return network, user_named(self._directory, network, name)

    def each(self, network: Network, after: str = "") -> Iterator[User]:
        """The users of a network behind `after`, in the order of their folded Cloud Usernames, read in pages."""
        while page := self._directory.users(network.id, after, _PAGE):
            yield from page
            after = page[-1].cloud_username

    def secrets_set(self, user: User) -> SecretsSet:
        """Which secrets the user has."""
        found = self._directory.with_secrets(user.id)
        if found is None:
            raise NotFound(f"The user {user.cloud_username!r} was removed.")
        return SecretsSet(bool(found.credentials.password_hash), found.credentials.sip_password is not None)

    def add(
        self,
        network_id: str,
        user: User,
        *,
        password: str | None = None,
        sip_password: str | None = None,
        photo: bytes | None = None,
        view: str | None = None,
    ) -> User:
        """Stores a new user of the network with its directory card; returns it with its row and UID.

        `view` names the view that the user gets; None is the network's first one.
        """
        row = network_named(self._directory, network_id).id
        hashed = None if password is None else self._passwords.hash(parse_password(password))

        def work(transaction: Transaction) -> User:
            network = transaction.lock_network(row, exclusive=True)
            new = _with_photo(transaction, replace(user, network=network.id), photo)
            new = checked(_with_view(transaction, network, new, view), network.country)
            _refuse_external_id(transaction, new)
            (stored,) = publishing.add_users(transaction, self._renderer, network, [new])
            if hashed is not None:
                _save_password(transaction, network, stored, hashed)
            if sip_password is not None:
                self._save_sip_password(transaction, network, stored, sip_password)
            return stored

        return self._directory.transact(work)

    def change(
        self,
        network_id: str,
        name: str,
        edit: Callable[[User], User],
        *,
        photo: bytes | None = None,
        sip_password: str | None = None,
        view: str | None = None,
    ) -> User:
        """Applies `edit` to the user as it is now, with its cards in every book, and returns the new state.

        A new Cloud Username keeps the old one as an alias for logins and paths; disabling ends the user's sessions.
        An empty `sip_password` removes it; None leaves it. `view` names another view of the directory for the user.
        """

        def work(transaction: Transaction, network: Network, old: User) -> User:
            new = checked(_with_photo(transaction, edit(old), photo), network.country)
            if view is not None:
                old = self._change_view(transaction, network, old, view)
                new = replace(new, view=old.view)
            if new != old:
                _refuse_external_id(transaction, new)
                publishing.save_users(transaction, self._renderer, network, [new])
            if fold(new.cloud_username) != fold(old.cloud_username):
                transaction.add_user_alias(new, old.cloud_username)
            if old.enabled and not new.enabled:
                _end_sessions(transaction, network, new)
            if sip_password is not None:
                self._save_sip_password(transaction, network, new, sip_password)
            return new

        return self._on_user(network_id, name, work)

    def set_password(self, network_id: str, name: str, password: str | None, *, end_sessions: bool = False) -> User:
        """Sets the login password, or takes it away (None). Sessions and device credentials go on unless asked."""
        hashed = "" if password is None else self._passwords.hash(parse_password(password))

        def work(transaction: Transaction, network: Network, user: User) -> User:
            _save_password(transaction, network, user, hashed)
            if end_sessions:
                _end_sessions(transaction, network, user)
            return user

        return self._on_user(network_id, name, work)

    def remove(self, network_id: str, name: str) -> User:
        """Removes a user with its cards, personal books, grants and devices; returns what it was."""

        def work(transaction: Transaction, network: Network, user: User) -> User:
            publishing.remove_user(transaction, self._renderer, network, user)
            return user

        return self._on_user(network_id, name, work)

    def _on_user(self, network_id: str, name: str, work: Callable[[Transaction, Network, User], User]) -> User:
        found_network, found = self.find(network_id, name)

        def locked(transaction: Transaction) -> User:
            network = transaction.lock_network(found_network.id, exclusive=True)
            users = transaction.users_by_id([found.id])
            if not users:
                raise NotFound(f"The user {found.cloud_username!r} was removed meanwhile.")
            return work(transaction, network, users[0])

        return self._directory.transact(locked)

    def _change_view(self, transaction: Transaction, network: Network, user: User, name: str) -> User:
        """The user as stored with the view of that name."""
        view = _with_view(transaction, network, user, name).view
        return user if view == user.view else change_view(transaction, self._renderer, network, user, view)

    def _save_sip_password(self, transaction: Transaction, network: Network, user: User, sip_password: str) -> None:
        sealed = None
        if sip_password:
            sealed = self._keyring.encrypt(parse_password(sip_password, "sip_password"), user.uid)
        transaction.save_sip_passwords([(user.id, sealed)])
        action = "SIP password changed" if sip_password else "SIP password removed"
        transaction.record([user_entry(network, user, action)])


def _save_password(transaction: Transaction, network: Network, user: User, hashed: str) -> None:
    transaction.save_password_hashes([(user.id, hashed)], new_secret=True)
    transaction.record([user_entry(network, user, "password changed" if hashed else "password removed")])


def _end_sessions(transaction: Transaction, network: Network, user: User) -> None:
    transaction.end_sessions([user.id])
    transaction.record([user_entry(network, user, "sessions ended")])


def _with_view(transaction: Transaction, network: Network, user: User, name: str | None) -> User:
    if name is None:
        return user
    return replace(user, view=view_named(transaction.directory_books(network.id), network, name).book)


def _with_photo(transaction: Transaction, user: User, photo: bytes | None) -> User:
    if photo is None:
        return user
    digest = transaction.save_photo(*parse_photo(photo))
    return replace(user, profile=replace(user.profile, photo=Photo(digest=digest)))


def _refuse_external_id(transaction: Transaction, user: User) -> None:
    """Publishing names all other clashes; this one is only known to who sets external ids."""
    other = transaction.find_user(user.network, external_id=user.external_id) if user.external_id else None
    if other and other.id != user.id:
        raise AlreadyExists(f"The user {other.cloud_username!r} has the external id {user.external_id!r}.")
