"""The texts for the vendor's portal: where the app and the SSO server find the web services (reference §3 to §6).

Placeholders are the vendor's: `%username%`, `%password%`, `%host%` and `%fullcode%` (the Cloud ID) at sign-in,
`%installid%`, and `%account[NODE]%` for a node of the Account XML that was returned. A POST keeps secrets out of the
logs on the way; a GET is for portals that offer nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

FORM: Final = "application/x-www-form-urlencoded"
_TYPED: Final = "cloud_username=%username%&cloud_password=%password%&cloud_id=%fullcode%&installid=%installid%"
_RETURNED: Final = "username=%account[cloud_login]%&password=%account[cloud_password]%"


@dataclass(frozen=True, slots=True)
class WebService:
    """One web service. `prefix` begins the names of its settings in an app's configuration, where it has one.

    With POST, `data` is the body; with GET it stands in the query of `url`.
    """

    name: str
    prefix: str
    url: str
    data: str
    method: str = "POST"

    def settings(self) -> list[tuple[str, str]]:
        """Names and values to paste, in the order of the portal's form."""
        given = [("Url", self.url), ("Method", self.method)]
        if self.method == "POST":
            given += [("ContentType", FORM), ("PostData", self.data)]
        return [(f"{self.prefix}{name}", value) for name, value in given]


@dataclass(frozen=True, slots=True)
class ContactSource:
    """The CardDAV source. The user is in the path, since apps may drop query strings (reference §6)."""

    url: str
    username: str
    password: str

    def settings(self) -> list[tuple[str, str]]:
        """Names and values to paste."""
        return [("URL", self.url), ("User name", self.username), ("Password", self.password)]


@dataclass(frozen=True, slots=True)
class Portal:
    """Everything that connects the apps of one network. There is one External Authentication for each Cloud ID."""

    initial: WebService
    refresh: WebService
    authentication: tuple[WebService, ...]
    contacts: WebService
    carddav: ContactSource

    def services(self) -> tuple[WebService, ...]:
        """The web services in the order in which a sign-in needs them."""
        return (self.initial, self.refresh, *self.authentication, self.contacts)


def portal(public_url: str, cloud_ids: Sequence[str], *, get: bool = False) -> Portal:
    """The texts for a server at `public_url` (no slash at its end); with `get` all of them as GET."""
    ids = tuple(cloud_ids) or ("%fullcode%",)
    made = Portal(
        WebService("External Provisioning, first", "InitialProvisioning", f"{public_url}/provisioning", _TYPED),
        WebService(
            "External Provisioning, refresh",
            "extProv",
            f"{public_url}/provisioning/refresh",
            f"{_RETURNED}&cloud_id=%fullcode%&installid=%installid%",
        ),
        tuple(
            WebService(
                "External Authentication" + (f" of {cloud_id}" if len(ids) > 1 else ""),
                "",
                f"{public_url}/auth",
                f"username=%username%&password=%password%&host=%host%&cloud_id={cloud_id}",
            )
            for cloud_id in ids
        ),
        WebService("Web Service Contacts", "wsContacts", f"{public_url}/contacts", _RETURNED),
        ContactSource(
            f"{public_url}/dav/%account[cloud_login]%/directory/",
            "%account[cloud_login]%",
            "%account[cloud_password]%",
        ),
    )
    if not get:
        return made
    return replace(
        made,
        initial=_as_get(made.initial),
        refresh=_as_get(made.refresh),
        authentication=tuple(map(_as_get, made.authentication)),
        contacts=_as_get(made.contacts),
    )


def _as_get(service: WebService) -> WebService:
    return replace(service, method="GET", url=f"{service.url}?{service.data}")
