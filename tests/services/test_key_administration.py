"""What hangs on keys, in both databases: SIP passwords by the key that sealed them, and what an import has staged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carddav_msg.credentials.keyring import Keyring, new_key
from carddav_msg.directory.rows import StagedRow
from carddav_msg.directory.signin import KeyUse
from carddav_msg.errors import InvalidValue
from tests.builders import add_network, add_users, new_user

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services

USERS = 250  # more than a batch


def opened(services: Services, keyring: Keyring, network: int) -> list[str]:
    """The SIP passwords of a network's users as they open now; empty for those without."""
    found = [services.directory.with_secrets(user.id) for user in services.directory.users(network, "", 1000)]
    return [
        keyring.decrypt(one.credentials.sip_password, one.user.uid) if one.credentials.sip_password else ""
        for one in found
        if one
    ]


def test_resealing_and_giving_up(any_services: Services) -> None:
    """Every password moves to the new key with its user; a key that is given up takes with it what only it opens."""
    services, keys = any_services, any_services.administration.keys
    acme = add_network(services)
    names = [f"user{number:03}" for number in range(USERS)]
    secrets = [f"sip {name}" for name in names[:-1]] + [""]
    add_users(services, acme, [new_user(n, sip_password=s) for n, s in zip(names, secrets, strict=True)])
    old = services.keyring.current("sip")
    ring = Keyring((*services.keyring.keys, new_key("sip")))
    new = ring.current("sip")
    assert (keys.use(old.key_id), keys.use(new.key_id)) == (KeyUse(USERS - 1), KeyUse())
    with pytest.raises(InvalidValue, match="--reseal"):
        keys.retire(old)
    steps: list[int] = []
    assert keys.reseal(ring, old.key_id, steps.append) == USERS - 1
    assert len(steps) == 2
    assert sum(steps) == USERS - 1
    assert (keys.use(old.key_id), keys.use(new.key_id)) == (KeyUse(), KeyUse(USERS - 1))
    assert opened(services, ring, acme.id) == secrets
    keys.retire(old)
    assert old.key_id not in services.directory.key_checks()
    assert keys.give_up([(new.key_id, "sip")], [old]) == USERS - 1
    assert opened(services, ring, acme.id) == [""] * USERS
    assert old.key_id in services.directory.key_checks()


def test_an_import_under_way_holds_its_key(any_services: Services) -> None:
    """What is staged is stored later, so its key can't be retired before."""
    acme = add_network(any_services)
    key = any_services.keyring.current("sip")
    row = StagedRow(1, acme.id, "anna", None, None, "{}")
    sealed = any_services.keyring.encrypt("sip", "uid")

    def stage(tx: object) -> None:
        tx.stage("run", [row])  # type: ignore[attr-defined]
        tx.save_staged_secrets("run", [(1, None, sealed)])  # type: ignore[attr-defined]

    any_services.directory.transact(stage)
    with pytest.raises(InvalidValue):
        any_services.administration.keys.retire(key)
    any_services.directory.transact(lambda tx: tx.discard_staged("run"))
    any_services.administration.keys.retire(key)
