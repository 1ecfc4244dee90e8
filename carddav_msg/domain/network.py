"""A network: a tenant of the provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from carddav_msg.errors import InvalidValue

REFRESH_DENIED: Final = ("error", "logged_out_account")
CREDENTIALS_IN_QUERY: Final = ("warn", "allow", "refuse")
"""What happens to a password in the query of a web face; the first is the default."""


@dataclass(frozen=True, slots=True)
class Network:
    """A tenant. `effective_id` is the Network ID on the wire: `network_id`, or the Cloud ID of a single-tenant one.

    `account` holds extra nodes of the Account XML by name; `country` is the default for telephone numbers.
    With `auto_link`, cards that share a number, an e-mail or a SIP address with exactly one visible user stand for that
    user; with `link_extensions`, a bare extension is enough in shared books.
    `source_owned` names profile fields that an import feeds: clients can't edit them, and are told `source_name`.
    `omit_network_id` leaves `networkId` out of provisioning, the vendor's implicit rule for single-tenant apps.
    With `contacts_nodes`, provisioning tells the app where its contacts are. `refresh_denied` is how a refresh says
    that the user was disabled or removed or the phone revoked: an `error`, or an unusable `logged_out_account`.
    `credentials_in_query` says whether a web face takes a password in the query, where logs of others may show it:
    `warn` says so in our log, `allow` is silent, `refuse` does not let the user in.
    """

    id: int
    network_id: str
    name: str
    effective_id: str
    sip_host: str = ""
    domains: tuple[str, ...] = ()
    cloud_ids: tuple[str, ...] = ()
    country: str = ""
    single_tenant: bool = False
    staff: bool = False
    auto_link: bool = False
    link_extensions: bool = False
    omit_network_id: bool = False
    contacts_nodes: bool = False
    refresh_denied: str = REFRESH_DENIED[0]
    credentials_in_query: str = CREDENTIALS_IN_QUERY[0]
    account: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    source_name: str = ""
    source_owned: frozenset[str] = frozenset()


def effective_id(network_id: str, *, single_tenant: bool, cloud_ids: tuple[str, ...]) -> str:
    """The Network ID on the wire (reference: an app without one uses its normalised Cloud ID).

    Raises InvalidValue when a single-tenant network has not exactly one Cloud ID.
    """
    if not single_tenant:
        return network_id
    if len(cloud_ids) != 1:
        raise InvalidValue("cloud_ids", "a single-tenant network has exactly one Cloud ID, shared with nobody.")
    return cloud_ids[0]
