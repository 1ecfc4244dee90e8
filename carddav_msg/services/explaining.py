"""Why does X not see Y in chat? Every link of the chain in its order, the first broken one first, each with its fix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from carddav_msg.directory.port import Directory
from carddav_msg.domain.audit import AuditEntry
from carddav_msg.domain.contact import View, identity_of
from carddav_msg.domain.identifiers import fold, login_of, normalise_cloud_id
from carddav_msg.domain.network import Network
from carddav_msg.domain.observations import Observation, Outcome
from carddav_msg.domain.user import User
from carddav_msg.errors import NotFound
from carddav_msg.formats.vcard.contentlines import scan
from carddav_msg.formats.vcard.identity import IdentityNames, identity_in

Observed = Callable[[int], list[Observation]]
_FETCHED: Final = ("contacts", "carddav")
_SIGN_IN: Final = ("provisioning", "external_authentication")
_LATEST: Final = 2**62
_AUDITED: Final = 500
_REASONS: Final = {
    "password": ("the password was wrong", "Set a new one: carddav-msg user passwd {who}"),
    "disabled": ("the user was disabled", "carddav-msg user enable {who}, then sign in again"),
    "revoked": ("the device was revoked", "Sign in on the device again"),
    "messaging": ("the user had no messaging", "carddav-msg user set {who} --messaging, then sign in again"),
    "spelling": (
        "the login was not spelled as it is stored",
        "Type the Cloud Username exactly as stored, or set auth_any_login",
    ),
}
_OTHER_REASON: Final = ("the reason was: {reason}", "See docs/user-guide.md, 'When it does not work'")


@dataclass(frozen=True, slots=True)
class Finding:
    """One link of the chain. When it is not `ok`, `text` is a cause and `fix` says what to do about it."""

    check: str
    ok: bool
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All findings in their order; the first that is not ok is the cause to look at first."""

    viewer: str
    target: str
    findings: tuple[Finding, ...]

    @property
    def causes(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.ok)


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a user's timeline: what was seen, or what was changed. `at` is microseconds UTC."""

    at: int
    observation: Observation | None = None
    entry: AuditEntry | None = None


class Explaining:
    """Reads what is stored and what was seen; changes nothing."""

    def __init__(self, directory: Directory, names: IdentityNames, observed: Observed) -> None:
        self._directory = directory
        self._names = names
        self._observed = observed

    def why(self, network_id: str, viewer: str, target: str) -> Explanation:
        """Why the viewer does not see the target; NotFound when there is no such network, viewer or target.

        `target` may name a user of another network as `NETWORK~username`.
        """
        network = self._network(network_id)
        who = self._directory.user(network.id, viewer)
        if who is None:
            raise NotFound(f"There is no user {viewer!r} in the network {network.network_id!r}.")
        of, seen = self._target(network, target)
        case = _Case(network, who, of, seen, self._directory, self._names, self._observed)
        return Explanation(case.viewer_name, case.target_name, tuple(case.findings()))

    def timeline(self, network_id: str, name: str) -> list[Event]:
        """What was seen of a user and what was changed, the oldest first."""
        network = self._network(network_id)
        user = self._directory.user(network.id, name)
        if user is None:
            raise NotFound(f"There is no user {name!r} in the network {network.network_id!r}.")
        subject = f"user {login_of(network.network_id, user.cloud_username)}"
        audited = self._directory.audit(network.id, _LATEST, _AUDITED, subject=subject)
        events = [Event(entry.at, entry=entry) for _, entry in audited if fold(entry.subject) == fold(subject)]
        events += [Event(one.at, observation=one) for one in self._observed(user.id)]
        return sorted(events, key=lambda event: event.at)

    def _network(self, network_id: str) -> Network:
        network = self._directory.network(network_id)
        if network is None:
            raise NotFound(f"There is no network {network_id!r}; `carddav-msg network list` shows those there are.")
        return network

    def _target(self, network: Network, target: str) -> tuple[Network, User]:
        """The user who is meant: of the network, of the one named before `~`, or the only one of that name."""
        if user := self._directory.user(network.id, target):
            return network, user
        named, tilde, rest = target.partition("~")
        others = [self._directory.network(named)] if tilde else self._directory.networks()
        name = rest if tilde else target
        found = [
            (other, user) for other in others if other is not None and (user := self._directory.user(other.id, name))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            networks = ", ".join(other.network_id for other, _ in found)
            raise NotFound(
                f"{network.network_id!r} has no user {target!r}, others have: {networks}. Say NETWORK~{name}."
            )
        raise NotFound(
            f"There is no user {target!r}, neither in the network {network.network_id!r} nor in another one."
        )


class _Case:
    """One question, with what is known about it."""

    def __init__(
        self,
        network: Network,
        viewer: User,
        of: Network,
        target: User,
        directory: Directory,
        names: IdentityNames,
        observed: Observed,
    ) -> None:
        self._network, self._viewer, self._of, self._target = network, viewer, of, target
        self._directory = directory
        self._names = names
        self.viewer_name = login_of(network.network_id, viewer.cloud_username)
        self.target_name = login_of(of.network_id, target.cloud_username)
        self._viewer_words = f"{network.network_id} {viewer.cloud_username}"
        self._target_words = f"{of.network_id} {target.cloud_username}"
        self._seen_of_viewer = observed(viewer.id)
        self._seen_of_target = observed(target.id)

    def findings(self) -> Iterator[Finding]:
        """The chain: what is stored of the target, what the viewer may see, what the phones did with it."""
        yield self._same_network()
        if self._network.id != self._of.id:
            return
        yield self._other_person()
        yield from self._stored()
        yield self._view()
        if card := self._card():
            yield card
        yield self._viewer_let_in()
        yield self._served(self._seen_of_viewer, "Network ID of the viewer", self.viewer_name)
        yield self._fetched()
        yield self._let_in(self._seen_of_target, _SIGN_IN, "sign-in of the target", self.target_name)
        yield self._served(self._seen_of_target, "Network ID of the target", self.target_name)
        yield self._spelling()

    def _same_network(self) -> Finding:
        if self._network.id == self._of.id:
            return Finding("network", True, f"Both are in the network {self._network.network_id}.")
        return Finding(
            "network",
            False,
            f"{self.target_name} is in another network: contacts and chat end at the network's border.",
            f"Add the person to {self._network.network_id}, if they belong there: carddav-msg user add",
        )

    def _other_person(self) -> Finding:
        if self._viewer.id != self._target.id:
            return Finding("two people", True, "The viewer and the target are two people.")
        return Finding(
            "two people",
            False,
            "A user's own entry is left out of the user's contacts.",
            "Set contacts_own_entry, if users are to see themselves",
        )

    def _stored(self) -> Iterator[Finding]:
        target, who = self._target, self._target_words
        for check, ok, bad, command in (
            ("target enabled", target.enabled, "is disabled: gone from all faces", f"user enable {who}"),
            ("target messaging", target.messaging, "has no messaging: only a number", f"user set {who} --messaging"),
            ("target listed", target.listed, "is not listed: in nobody's contacts", f"user set {who} --listed"),
        ):
            yield _switch(check, ok, self.target_name, bad, command)
        viewer, who = self._viewer, self._viewer_words
        for check, ok, bad, command in (
            ("viewer enabled", viewer.enabled, "is disabled: may not sign in", f"user enable {who}"),
            ("viewer messaging", viewer.messaging, "has no messaging: no chat", f"user set {who} --messaging"),
        ):
            yield _switch(check, ok, self.viewer_name, bad, command)

    def _view(self) -> Finding:
        book = next((v for v in self._directory.directory_books(self._network.id) if v.book == self._viewer.view), None)
        name, rule = (book.name, book.view) if book else ("", View())
        department = self._target.profile.department
        if not rule.departments or department in rule.departments:
            return Finding("view", True, f"The viewer's view, {name}, holds the target's department.")
        return Finding(
            "view",
            False,
            f"The viewer's view, {name}, holds {', '.join(sorted(rule.departments))}; the target's department is "
            f"{department or 'empty'}.",
            f"carddav-msg user set {self._viewer_words} --view NAME, or add the department: carddav-msg view set",
        )

    def _card(self) -> Finding | None:
        expected = identity_of(self._target, self._of)
        if expected is None or not self._target.listed:
            return None
        fix = "carddav-msg rebuild; if it stays so, this is a fault of the product"
        card = self._directory.card_of(self._viewer.view, self._target.id)
        if card is None:
            return Finding("card", False, "There is no card of the target in the viewer's directory.", fix)
        contact = json.loads(card.fragment)
        pair = (expected.cloud_username, expected.network_id)
        if (contact.get("cloudUsername"), contact.get("networkId")) != pair:
            return Finding(
                "card", False, "The contact of the target carries another Cloud Username or Network ID.", fix
            )
        if identity_in(scan(card.text), self._names) != expected:
            return Finding("card", False, "The vCard of the target carries another Cloud Username or Network ID.", fix)
        return Finding("card", True, f"The card carries {pair[0]} and {pair[1]}.")

    def _viewer_let_in(self) -> Finding:
        """Where neither of the two was ever provisioned, it is the simple flow, which does without: sign-in counts."""
        provisioning, authentication = _SIGN_IN
        faces = {one.face for one in self._seen_of_viewer}
        simple = provisioning not in faces | {one.face for one in self._seen_of_target} and authentication in faces
        face = authentication if simple else provisioning
        return self._let_in(self._seen_of_viewer, (face,), "provisioning of the viewer", self.viewer_name)

    def _let_in(self, seen: list[Observation], faces: tuple[str, ...], check: str, who: str) -> Finding:
        """Whether the last attempt at each of these faces was let in; the last of the faces has to be there."""
        words = who.replace("~", " ", 1)
        for face in faces:
            good, bad = _last(seen, face, Outcome.SUCCESS), _last(seen, face, Outcome.FAILURE)
            if bad and (good is None or bad.at > good.at):
                text, fix = _REASONS.get(bad.reason, _OTHER_REASON)
                told = f"{who} was refused at {face} on {_time(bad.at)} as {bad.login!r}: "
                return Finding(check, False, told + text.format(reason=bad.reason), fix.format(who=words))
        good = _last(seen, faces[-1], Outcome.SUCCESS)
        if good is None:
            return Finding(
                check, False, f"{who} was not seen at {faces[-1]} lately.", "Let the user sign in with the app"
            )
        return Finding(check, True, f"{who} was let in at {faces[-1]} on {_time(good.at)} as {good.login!r}.")

    def _served(self, seen: list[Observation], check: str, who: str) -> Finding:
        good = _last(seen, "provisioning", Outcome.SUCCESS)
        if good is None:
            return Finding(check, True, f"{who} got no Network ID yet.")
        effective = self._network.effective_id
        used = good.network_id or normalise_cloud_id(good.cloud_id)
        if used == effective:
            return Finding(check, True, f"{who} got the Network ID {used} on {_time(good.at)}.")
        how = "was told" if good.network_id else "was told none, so the app took its Cloud ID:"
        return Finding(
            check,
            False,
            f"{who} {how} {used or 'an unknown one'} on {_time(good.at)}; contacts carry {effective}.",
            "Let the app provision again (restart it, or sign in anew)"
            + ("" if good.network_id else f"; carddav-msg network set {self._network.network_id} --no-omit-network-id"),
        )

    def _fetched(self) -> Finding:
        check = "contacts of the viewer"
        fetches = [
            one for one in self._seen_of_viewer if one.face in _FETCHED and one.outcome is Outcome.SUCCESS and one.book
        ]
        refusals = [one for one in self._seen_of_viewer if one.face in _FETCHED and one.outcome is Outcome.FAILURE]
        last = max(fetches, key=lambda one: one.at, default=None)
        bad = max(refusals, key=lambda one: one.at, default=None)
        if bad and (last is None or bad.at > last.at):
            return self._let_in([bad], (bad.face,), check, self.viewer_name)
        if last is None:
            fix = "Enter the contact source in the portal: carddav-msg portal " + self._network.network_id
            return Finding(check, False, f"{self.viewer_name} has not fetched contacts or cards lately.", fix)
        card = self._directory.card_of(self._viewer.view, self._target.id)
        if last.book != self._viewer.view or (card and last.seq < card.seq):
            return Finding(
                check,
                False,
                f"The target's card changed after the viewer's last fetch, on {_time(last.at)} by {last.face}.",
                "Wait for the next poll (180 s), or refresh the contacts in the app",
            )
        return Finding(check, True, f"The viewer fetched the present state on {_time(last.at)} by {last.face}.")

    def _spelling(self) -> Finding:
        check = "login of the target"
        good = _last(self._seen_of_target, "external_authentication", Outcome.SUCCESS)
        if good is None or good.matched == "sip_username" or good.login == self._target.cloud_username:
            return Finding(check, True, "Chat knows the target by the stored spelling, as far as can be seen.")
        return Finding(
            check,
            False,
            f"The target signed in to chat as {good.login!r}; the contact carries {self._target.cloud_username!r}.",
            "Sign in with the stored spelling; see docs/vendor-questions.md, question 1",
        )


def _switch(check: str, ok: bool, who: str, bad: str, command: str) -> Finding:
    return (
        Finding(check, True, f"{who}: yes.") if ok else Finding(check, False, f"{who} {bad}.", f"carddav-msg {command}")
    )


def _last(seen: list[Observation], face: str, outcome: Outcome) -> Observation | None:
    return next((one for one in seen if one.face == face and one.outcome is outcome), None)


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
