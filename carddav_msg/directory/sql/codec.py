"""Rows ↔ values of the domain. JSON columns leave out what is empty, so that a new field needs no migration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, TypeVar

from carddav_msg.domain.audit import Actor, AuditEntry, CardVersion
from carddav_msg.domain.contact import DEFAULT_MASK, View
from carddav_msg.domain.identifiers import fold, normalise_host
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import Address, Email, Number, Photo, Profile, SmsNumber, User

T = TypeVar("T")


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def profile_json(profile: Profile) -> str:
    """A profile without its display name, which has a column."""
    values: dict[str, Any] = {}
    for name, value in asdict(profile).items():
        if isinstance(value, (list, tuple)):
            value = [_filled(item) if isinstance(item, dict) else item for item in value]
        elif isinstance(value, dict):
            value = _filled(value)
        if value and name != "display_name":
            values[name] = value
    return dumps(values)


def profile_of(display_name: str, text: str) -> Profile:
    values = json.loads(text)
    values["numbers"] = tuple(Number(**item) for item in values.get("numbers", ()))
    values["emails"] = tuple(Email(**item) for item in values.get("emails", ()))
    values["addresses"] = tuple(Address(**item) for item in values.get("addresses", ()))
    values["photo"] = Photo(**values.get("photo", {}))
    values["extra"] = tuple(values.get("extra", ()))
    return Profile(display_name=display_name, **values)


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def view_json(view: View) -> str:
    return dumps({"departments": sorted(view.departments), "hidden": sorted(view.hidden)})


def view_of(text: str) -> View:
    values = json.loads(text)
    return View(frozenset(values.get("departments", ())), frozenset(values.get("hidden", DEFAULT_MASK)))


def network_values(network: Network) -> dict[str, Any]:
    return {
        "network_id": network.network_id,
        "network_key": fold(network.network_id),
        "effective_id": network.effective_id,
        "effective_key": fold(network.effective_id),
        "name": network.name,
        "sip_host": network.sip_host,
        "sip_host_key": normalise_host(network.sip_host),
        "country": network.country,
        "single_tenant": network.single_tenant,
        "staff": network.staff,
        "auto_link": network.auto_link,
        "link_extensions": network.link_extensions,
        "omit_network_id": network.omit_network_id,
        "contacts_nodes": network.contacts_nodes,
        "refresh_denied": network.refresh_denied,
        "credentials_in_query": network.credentials_in_query,
        "account": dumps(dict(network.account)),
        "source_name": network.source_name,
        "source_owned": dumps(sorted(network.source_owned)),
    }


def network_of(row: Any, domains: Iterable[str], cloud_ids: Iterable[str]) -> Network:
    return Network(
        id=row.id,
        network_id=row.network_id,
        name=row.name,
        effective_id=row.effective_id,
        sip_host=row.sip_host,
        domains=tuple(sorted(domains)),
        cloud_ids=tuple(sorted(cloud_ids)),
        country=row.country,
        single_tenant=bool(row.single_tenant),
        staff=bool(row.staff),
        auto_link=bool(row.auto_link),
        link_extensions=bool(row.link_extensions),
        omit_network_id=bool(row.omit_network_id),
        contacts_nodes=bool(row.contacts_nodes),
        refresh_denied=row.refresh_denied,
        credentials_in_query=row.credentials_in_query,
        account=MappingProxyType(json.loads(row.account)),
        source_name=row.source_name,
        source_owned=frozenset(json.loads(row.source_owned)),
    )


def user_values(user: User) -> dict[str, Any]:
    return {
        "network": user.network,
        "uid": user.uid,
        "external_id": user.external_id or None,
        "cloud_username": user.cloud_username,
        "cloud_username_key": fold(user.cloud_username),
        "sip_username": user.sip_username,
        "sip_username_key": fold(user.sip_username) or None,
        "display_name": user.profile.display_name,
        "profile": profile_json(user.profile),
        "sms_numbers": dumps([[sms.carrier, sms.number] for sms in user.sms_numbers]),
        "enabled": user.enabled,
        "listed": user.listed,
        "messaging": user.messaging,
        "view": user.view,
    }


def user_of(row: Any) -> User:
    return User(
        id=row.id,
        network=row.network,
        uid=row.uid,
        cloud_username=row.cloud_username,
        profile=profile_of(row.display_name, row.profile),
        external_id=row.external_id or "",
        sip_username=row.sip_username,
        sms_numbers=tuple(SmsNumber(carrier, number) for carrier, number in json.loads(row.sms_numbers)),
        enabled=bool(row.enabled),
        listed=bool(row.listed),
        messaging=bool(row.messaging),
        view=row.view,
        session_epoch=row.session_epoch,
    )


def audit_entry_of(row: Any) -> AuditEntry:
    actor = Actor(row.actor, row.face, row.address)
    return AuditEntry(row.network, row.action, row.subject, row.before, row.after, row.at, actor)


def version_of(row: Any) -> CardVersion:
    actor = Actor(row.actor, row.face, row.address, row.by)
    return CardVersion(row.id, row.book, row.href, row.uid, row.action, row.text, row.at, actor)


def chunks(items: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """The items in pieces that fit one statement's parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))
