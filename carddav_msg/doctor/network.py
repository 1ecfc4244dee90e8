"""One network: the flows, provisioning, contacts and CardDAV with a user, then the promise for every user."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from carddav_msg.doctor import carddav
from carddav_msg.doctor.findings import Finding, bad, good
from carddav_msg.domain.contact import View
from carddav_msg.domain.network import Network
from carddav_msg.domain.proxies import NOT_LISTED
from carddav_msg.domain.user import User
from carddav_msg.formats.portal import portal
from carddav_msg.formats.vcard.identity import IdentityNames
from carddav_msg.probe.flows import Account, Flow, Phone, Refused, Typed, message_of, send, sign_in, verified
from carddav_msg.probe.transport import Ask, Call, Reply
from carddav_msg.services.external_authentication import VerifiedAccount, verified_account
from carddav_msg.services.probing import Probe
from carddav_msg.services.provisioning import LOGGED_OUT

Pair = tuple[str, str]
_AVATARS: Final = 3
_NAMED: Final = 20
_AMBIGUOUS: Final = "Give the network a Cloud ID of its own, or a SIP host: carddav-msg network set"


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how is asked: the address, the transport, and what identity properties are called."""

    url: str
    ask: Ask
    names: IdentityNames

    def phone(self, network: Network, probe: Probe, *, signed_in: bool = True) -> Phone:
        """The phone of a user: with an account already, or about to sign in by the Cloud Username."""
        cloud_id = network.cloud_ids[0] if network.cloud_ids else ""
        typed = Typed(probe.user.cloud_username, probe.credential, cloud_id)
        phone = Phone(typed, portal(self.url, network.cloud_ids), self.ask)
        if signed_in:
            phone.account = Account(
                {"cloud_login": probe.login, "cloud_password": probe.credential, "host": network.sip_host}
            )
        return phone


def examine(site: Site, network: Network, probes: Sequence[Probe]) -> Iterator[Finding]:
    """What one user with messaging meets; `probes` are the first users of the network."""
    probe = next((p for p in probes if p.user.enabled and p.user.messaging), None)
    if probe is None:
        yield bad("users", "Nobody in the network may sign in to chat.", "carddav-msg user add, or --messaging")
        return
    for flow in Flow:
        result = sign_in(site.phone(network, probe, signed_in=flow is Flow.SKIPPED), flow)
        if flow is Flow.SKIPPED and result.problem:
            result = sign_in(site.phone(network, probe, signed_in=False), flow)
        check = f"flow: {flow}"
        if result.problem.endswith(NOT_LISTED):
            text = "External Authentication is closed to this machine: the flows were not played."
            yield bad(
                "allow-list", text, "List its address in auth_allowed_sources: carddav-msg allowlist test ADDRESS"
            )
            break
        if result.problem:
            yield bad(check, f"{probe.login}: {result.problem}", _AMBIGUOUS)
        else:
            yield good(check, f"{probe.login}: a token would be issued, {len(result.numbers)} numbers.")
    phone = site.phone(network, probe)
    yield _provisioning(phone, site.url)
    yield from _contacts(phone, site.url)
    yield from carddav.examine(phone, site.url)


def promise(
    site: Site,
    network: Network,
    probes: Sequence[Probe],
    views: Mapping[int, View],
    advance: Callable[[int], None],
) -> Iterator[Finding]:
    """The pair in contacts, vCard and account, and External Authentication, for every user of a network.

    `views` are its views by the rows of their books.
    """
    shown = [_Seen(site, network, probes, book, view) for book, view in sorted(views.items(), key=itemgetter(0))]
    wrong: list[str] = []
    for probe in probes:
        wrong += [f"{probe.login}: {problem}" for problem in _of_user(site, network, probe, shown)]
        advance(1)
    for problem in wrong[:_NAMED]:
        yield bad("promise", problem, "carddav-msg rebuild; carddav-msg why says more")
    if len(wrong) > _NAMED:
        yield bad("promise", f"… and {len(wrong) - _NAMED} more.", "Mend these first")
    if not wrong:
        yield good("promise", f"Contacts, cards, accounts and sign-in agree for {len(probes):,} users.")


class _Seen:
    """What the users of one view see: user row → pair in the contacts, UID → pair in the cards."""

    def __init__(self, site: Site, network: Network, probes: Sequence[Probe], book: int, view: View) -> None:
        self._contacts: dict[str, Pair | None] = {}
        self._cards: dict[str, Pair | None] = {}
        self._view = view
        self._problems: list[str] = []
        # A user's own entry is left out of the contacts, so a second user is asked for the first one's.
        self._viewers = [p for p in probes if p.user.view == book and p.user.enabled][:2]
        for viewer in self._viewers:
            reply = site.phone(network, viewer).contacts()
            contacts = _contacts_in(reply)
            if contacts is None:
                self._problems.append(f"/contacts: {reply.status}, {reply.media_type or 'no type'}")
                return
            for contact in contacts:
                pair = _pair(contact.get("cloudUsername"), contact.get("networkId"))
                self._contacts[contact.get("contactId", "")] = pair
        if self._viewers:
            self._read_cards(site, site.phone(network, self._viewers[0]))

    def against(self, user: User, expected: Pair | None) -> Iterator[str]:
        """What is shown of a user that is not what the account says."""
        yield from self._problems
        if self._problems or not self._viewers:
            return
        alone = len(self._viewers) == 1 and self._viewers[0].user.id == user.id
        for what, pairs, key in (("contacts", self._contacts, str(user.id)), ("cards", self._cards, user.uid)):
            if key in pairs:
                if pairs[key] != expected:
                    yield f"{what} say {pairs[key]}, the account says {expected}"
            elif self._view.holds(user) and not (alone and what == "contacts"):
                yield f"{what} of the view lack the user"

    def _read_cards(self, site: Site, phone: Phone) -> None:
        try:
            _, book = carddav.discover(phone, site.url)
            cards, _ = carddav.sync(phone, book)
        except carddav.Broken as broken:
            self._problems.append(str(broken))
            return
        for card in cards.values():
            found = carddav.properties(card)
            pair = _pair(found.get(site.names.cloud_username.upper()), found.get(site.names.network_id.upper()))
            self._cards[found.get("UID", "")] = pair


def _of_user(site: Site, network: Network, probe: Probe, shown: Sequence[_Seen]) -> Iterator[str]:
    """What breaks the promise for one user."""
    user = probe.user
    phone = site.phone(network, probe)
    try:
        account = phone.refresh()
    except Refused as refused:
        if user.enabled:
            yield f"provisioning refused: {refused}"
        return
    if account.nodes == dict(LOGGED_OUT.nodes):  # how some networks refuse
        if user.enabled:
            yield "provisioning signed the user out"
        return
    if not user.enabled:
        yield "provisioning let a disabled user in"
    cloud_id = network.cloud_ids[0] if network.cloud_ids else ""
    pair: Pair = (account["cloud_username"], account["networkId"] or cloud_id)
    expected = pair if user.messaging and user.enabled else None
    for seen in shown:
        yield from seen.against(user, expected)
    yield from _signs_in(phone, account, verified_account(user, network) if expected else None)


def _signs_in(phone: Phone, account: Account, expected: VerifiedAccount | None) -> Iterator[str]:
    """What is wrong with External Authentication by the account: it is to answer as expected or, None, to refuse."""
    for login, secret in (("cloud_username", "cloud_password"), ("username", "password")):
        if account[login] and account[secret]:
            values = {"username": account[login], "password": account[secret], "host": account["host"]}
            reply = send(phone, phone.portal.authentication[0], values)
            asked = f"External Authentication with {login} of the account"
            if (expected is not None) != (200 <= reply.status < 300):
                if message_of(reply) != NOT_LISTED:
                    yield f"{asked}: {reply.status}"
            elif expected:
                try:
                    uri, numbers = verified(reply)
                except Refused as refused:
                    yield f"{asked}: {refused}"
                    continue
                if (uri, numbers) != (expected.uri, expected.numbers):
                    yield f"{asked} says {uri or 'no URI'} and {len(numbers)} numbers, which are not the user's"


def _provisioning(phone: Phone, url: str) -> Finding:
    try:
        account = phone.refresh()
    except Refused as refused:
        return bad("provisioning", str(refused), "Look at the log: reason= says why")
    for node in ("extProvUrl", "wsContactsUrl"):
        if account[node] and not account[node].startswith(f"{url}/"):
            fix = f"Set public_url, or take the node away: carddav-msg network set --unset-node {node}"
            return bad("provisioning", f"{node} is {account[node]}, another server.", fix)
    return good("provisioning", f"An account with {len(account.nodes)} nodes, refreshed with what it returned.")


def _contacts(phone: Phone, url: str) -> Iterator[Finding]:
    first = phone.contacts()
    contacts = _contacts_in(first)
    if contacts is None:
        yield bad("contacts", f"{first.status}, {first.media_type or 'no type'}.", "Look at the log: reason= says why")
        return
    again = phone.contacts(first.headers.get("etag", ""))
    if again.status != 304:
        yield bad(
            "contacts",
            f"{again.status} and not 304 while nothing changed.",
            "Let the proxy pass ETag and If-None-Match on",
        )
    else:
        yield good("contacts", f"{len(contacts)} contacts; 304 when asked again.")
    yield _avatars(phone.ask, url, contacts)


def _avatars(ask: Ask, url: str, contacts: Sequence[dict[str, str]]) -> Finding:
    addresses = [contact["avatar"] for contact in contacts if contact.get("avatar")]
    ours = [address for address in addresses if "/avatars/" in address]
    if strange := [address for address in ours if not address.startswith(f"{url}/")]:
        return bad("photos", f"A photo is at {strange[0]}, another server.", f'Set public_url = "{url}", then rebuild')
    if plain := [address for address in addresses if not address.startswith(("https:", url))]:
        return bad("photos", f"{plain[0]} is plain HTTP: apps may not load it.", "Give photos https addresses")
    for address in ours[:_AVATARS]:
        reply = ask(Call("GET", address))
        if reply.status != 200 or not reply.media_type.startswith("image/"):
            return bad("photos", f"{address}: {reply.status}, {reply.media_type}.", "Let the proxy pass /avatars/ on")
    return good(
        "photos", f"{len(addresses)} of {len(contacts)} contacts have one; {min(len(ours), _AVATARS)} were loaded."
    )


def _contacts_in(reply: Reply) -> list[dict[str, str]] | None:
    """The contacts of an answer; None when it is none that an app can read."""
    if reply.status != 200 or reply.media_type != "application/json":
        return None
    try:
        contacts = json.loads(reply.body)["contacts"]
    except (ValueError, KeyError, TypeError):
        return None
    readable = isinstance(contacts, list) and all(isinstance(contact, dict) for contact in contacts)
    return contacts if readable else None


def _pair(cloud_username: str | None, network_id: str | None) -> Pair | None:
    return (cloud_username, network_id) if cloud_username and network_id else None
