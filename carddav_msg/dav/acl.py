"""Rights as WebDAV tells them (RFC 3744 §3, §5, §8.1): to be read, never to be changed.

Rights follow from the owner of a book, from its members and from grants, which the command `carddav-msg` gives
(`domain.access` decides). A client is told its own part: who may read a resource may read which rights the visitor has
there, and nobody else's. The method ACL needs DAV:write-acl, which nobody has.

Strictly DAV:write contains DAV:write-properties (§3.12), but clients take a book without DAV:write for a read-only one:
DAV:current-user-privilege-set has DAV:write where cards can be written. DAV:acl names the parts alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_AGGREGATE: Final = "write"


def privilege_set(*names: str) -> str:
    """DAV:current-user-privilege-set (§5.4)."""
    return f"<current-user-privilege-set>{_privileges(names)}</current-user-privilege-set>"


def acl(home_href: str, *names: str) -> str:
    """DAV:acl (§5.5): one entry, which grants the principal at `home_href` what it has."""
    granted = _privileges(name for name in names if name != _AGGREGATE)
    principal = f"<principal><href>{home_href}</href></principal>"
    return f"<acl><ace>{principal}<grant>{granted}</grant><protected/></ace></acl>"


def _privileges(names: Iterable[str]) -> str:
    return "".join(f"<privilege><{name}/></privilege>" for name in names)


def _supported(name: str, description: str, *inside: str, abstract: bool = False) -> str:
    return (
        f"<supported-privilege><privilege><{name}/></privilege>{'<abstract/>' if abstract else ''}"
        f'<description xml:lang="en">{description}</description>{"".join(inside)}</supported-privilege>'
    )


_ALL: Final = _supported(
    "all",
    "Everything",
    _supported("read", "Read the resource, its properties and its rights"),
    _supported(
        _AGGREGATE,
        "Change the resource",
        _supported("write-properties", "Change properties"),
        _supported("write-content", "Change a card"),
        _supported("bind", "Add members"),
        _supported("unbind", "Remove members"),
    ),
    _supported("write-acl", "Change rights"),
    abstract=True,
)
SUPPORTED_PRIVILEGES: Final = f"<supported-privilege-set>{_ALL}</supported-privilege-set>"
"""DAV:supported-privilege-set (§5.3), of all resources."""
RESTRICTIONS: Final = "<acl-restrictions><grant-only/><no-invert/></acl-restrictions>"
"""DAV:acl-restrictions (§5.6)."""
INHERITED: Final = "<inherited-acl-set/>"
"""DAV:inherited-acl-set (§5.7): rights come from no other resource."""
