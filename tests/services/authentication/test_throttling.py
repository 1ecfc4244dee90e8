"""Throttling through sign-in: who waits, who never does, and what fail2ban is told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from carddav_msg import bootstrap
from carddav_msg.credentials import device
from carddav_msg.errors import Rejected, Throttled
from carddav_msg.services.authentication import Face
from tests import redis_server
from tests.builders import add_network, add_users, new_user
from tests.profiles import examples
from tests.servers import ROOT

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.settings import Settings

USER, PAIR, ADDRESS = 8, 4, 12
HERE, ELSEWHERE, FAR = "192.0.2.7", "198.51.100.9", "203.0.113.{}"


class House:
    """A network with a few users, and how sign-ins end."""

    def __init__(self, services: Services, users: int = 5) -> None:
        self.services = services
        acme = add_network(services, "acme", domains=("acme.example",))
        new = [new_user(f"u{number}", password=f"right-{number}", sip_username=f"s{number}") for number in range(users)]
        off = new_user("off", password="right", enabled=False, sip_username="soff")
        self.users = add_users(services, acme, [*new, off])

    def tries(self, login: str, secret: str, address: str = HERE, face: Face = Face.CONTACTS) -> str:
        """`in`, the reason of the refusal, or `throttled` with the window."""
        try:
            self.services.authentication.enter(login, secret, face, address=address)
        except Rejected as error:
            return error.reason
        except Throttled as error:
            return f"throttled {error.window}" if error.retry_after >= 1 else "throttled for no time"
        return "in"

    def shuts(self, name: str, other: str) -> None:
        """Fills the window that a user has over both names at this address, and that of neither name."""
        self.guesses(PAIR // 2, name)
        self.guesses(PAIR // 2, other, start=PAIR // 2)

    def with_services(self, services: Services) -> House:
        """The same house behind other services, whose counters are empty."""
        again = House.__new__(House)
        again.services, again.users = services, self.users
        return again

    def guesses(self, count: int, login: str = "u0", address: str = HERE, start: int = 0) -> list[str]:
        """The ends of so many different wrong passwords."""
        return [self.tries(login, f"wrong-{number}", address) for number in range(start, start + count)]


def limited(settings: Settings, **changes: Any) -> Settings:
    """Small limits, in one process."""
    limits = {"throttle_user": USER, "throttle_pair": PAIR, "throttle_address": ADDRESS, "workers": 1}
    return replace(settings, **{**limits, **changes})


def count_hashes(services: Services) -> list[str]:
    """The passwords that are hashed from now on."""
    hashed: list[str] = []
    verify = services.passwords.verify

    def counted(password: str, stored: str, **options: bool) -> Any:
        hashed.append(password)
        return verify(password, stored, **options)

    services.passwords.verify = counted  # type: ignore[method-assign]
    return hashed


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """Counting in memory."""
    services = bootstrap.build(limited(settings, shared_sources=(ELSEWHERE,), auth_allowed_sources=("203.0.113.1",)))
    yield House(services)
    services.close()


def test_a_pair_a_user_and_an_address_have_windows(house: House) -> None:
    """Each has its own limit; whose is full waits, also with the right password, and others don't."""
    assert house.guesses(PAIR + 2) == ["password"] * PAIR + ["throttled pair"] * 2
    assert house.tries("u0", "right-0") == "throttled pair"
    assert house.tries("u0", "right-0", ELSEWHERE) == "in"
    assert house.tries("u1", "right-1") == "in"


def test_a_user_has_a_window_whatever_the_addresses(house: House) -> None:
    """Guesses from everywhere add up; all spellings and faces are the same user, and so are the user's other names."""
    spellings = ("u0", "acme~u0", "ACME~U0", "s0")
    faces = (Face.CARDDAV, Face.CONTACTS, Face.PROVISIONING)
    ends = [house.tries(spellings[n % 4], f"wrong-{n}", FAR.format(n + 2), faces[n % 3]) for n in range(USER + 3)]
    assert ends == ["password"] * USER + ["throttled"] * 2 + ["throttled user"]
    assert house.tries("s0", "right-0", FAR.format(99)) == "throttled", "right or wrong"
    ends = [house.tries("u1", f"wrong-{n}", FAR.format(n + 2)) for n in range(USER + 1)]
    assert ends == ["password"] * USER + ["throttled user"]
    assert house.tries("s1", "right-1", FAR.format(99)) == "throttled"


def test_what_was_refused_unseen_counts_when_it_is_tried(house: House) -> None:
    """Guesses that a full window kept away are no free tries from elsewhere or later."""
    for n in range(ADDRESS):
        house.tries(f"nobody{n}", "wrong", FAR.format(2))
    assert house.guesses(USER + 3, address=FAR.format(2)) == ["throttled address"] * (USER + 3)
    ends = [house.tries("u0", f"wrong-{n}", FAR.format(n + 3)) for n in range(USER + 3)]
    assert ends == ["password"] * USER + ["throttled user"] * 3


def test_what_failed_while_the_user_was_shut_counts_when_it_is_tried_again(house: House) -> None:
    """Known to be wrong, it is not hashed again, as with a name that nobody has; but it is one of the user's tries."""
    house.shuts("u0", "s0")
    for start, login in ((PAIR, "u0"), (PAIR + PAIR // 2, "s0")):
        assert house.guesses(PAIR // 2, login, start=start) == ["throttled"] * (PAIR // 2)
    hashed = count_hashes(house.services)
    for start, login in ((PAIR, "u0"), (PAIR + PAIR // 2, "s0")):
        assert house.guesses(PAIR // 2, login, FAR.format(2), start) == ["password"] * (PAIR // 2)
    assert not hashed
    assert USER == PAIR * 2
    assert house.tries("u0", "right-0", FAR.format(3)) == "throttled"


def test_a_right_password_is_right_again_when_the_user_is_not_shut(house: House) -> None:
    """While it was shut, it was hashed once like any other, and nobody could tell it from them."""
    house.shuts("u0", "s0")
    hashed = count_hashes(house.services)
    assert [house.tries("u0", "right-0") for _ in range(2)] == ["throttled"] * 2
    assert [house.tries("s0", "wrong") for _ in range(2)] == ["throttled"] * 2
    assert hashed == ["right-0", "wrong"]
    assert house.tries("u0", "right-0", FAR.format(2)) == "in"


def test_a_disabled_user_is_shut_like_any_other(house: House) -> None:
    """The right password of a disabled user is proof for a refresh, and none while the user is shut."""
    house.shuts("off", "soff")
    hashed = count_hashes(house.services)
    assert [house.tries("off", "right") for _ in range(2)] == ["disabled"] * 2
    assert [house.tries("soff", "wrong") for _ in range(2)] == ["disabled"] * 2
    assert hashed == ["right", "wrong"]
    assert house.tries("soff", "wrong", FAR.format(2)) == "disabled"
    assert hashed == ["right", "wrong"]
    assert [house.tries("off", "right", FAR.format(2)) for _ in range(2)] == ["disabled"] * 2
    assert hashed == ["right", "wrong", "right", "right"], "proven, so it counts nowhere"


KNOWN = ("u0", "acme~u0", "ACME~U0", "u0@acme.example", "acme~u0@acme.example", "s0", "acme~s0", "off", "soff")
"""Spellings of a user's two names, and those of a disabled user."""


def _shut_here(name: str, other: str) -> list[tuple[str, int, str, Face]]:
    """Tries under two names of a user, of which the last is shut, and once more from where it is not."""
    names = (name, name, other, other, name)
    return [*((login, n, HERE, Face.CARDDAV) for n, login in enumerate(names)), (name, 4, ELSEWHERE, Face.CARDDAV)]


@hypothesis_settings(
    max_examples=examples(ci=15, soak=300), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KNOWN), st.integers(0, 12), st.sampled_from((HERE, ELSEWHERE)), st.sampled_from(tuple(Face))
        ),
        min_size=5,
        max_size=60,
    )
)
@example(_shut_here("u0", "s0"))
@example(_shut_here("off", "soff"))
def test_names_that_exist_are_throttled_like_names_that_do_not(
    settings: Settings, house: House, tries: list[tuple[str, int, str, Face]]
) -> None:
    """Whatever is tried in whatever spelling: who has to wait, and what is hashed, is the same for names nobody has."""
    seen = []
    for known in (True, False):
        services = bootstrap.build(limited(settings, known_days=0))
        again, hashed = house.with_services(services), count_hashes(services)
        ends = []
        for login, number, address, face in tries:
            name = login if known else login.replace("u0", "x0").replace("U0", "X0").replace("s0", "y0")
            name = name if known else name.replace("soff", "nobody").replace("off", "none")
            end = again.tries(name, f"wrong-{number}", address, face)
            ends.append((end if end.startswith("throttled ") else "refused", len(hashed)))
        seen.append(ends)
        services.close()
    assert seen[0] == seen[1]


def test_an_address_has_a_window_whoever_is_meant(house: House) -> None:
    """One guess for each of many names; in IPv6 the /64 is the address."""
    ends = [house.tries(f"nobody{n}", "wrong", f"2001:db8::{n + 1:x}") for n in range(ADDRESS + 1)]
    assert ends == ["unknown"] * ADDRESS + ["throttled address"]
    assert house.tries("u0", "right-0", "2001:db8:0:1::1") == "in"


@pytest.mark.parametrize(("login", "reason"), [("nobody", "unknown"), ("off", "disabled"), ("u0", "password")])
def test_all_refusals_are_throttled_alike(house: House, login: str, reason: str) -> None:
    """Who is unknown, disabled or has another password gets the same number of tries."""
    assert house.guesses(PAIR + 1, login) == [reason] * PAIR + ["throttled pair"]


def test_successes_do_not_count(house: House) -> None:
    """Neither do requests without credentials."""
    for _ in range(ADDRESS * 2):
        assert house.tries("u0", "right-0") == "in"
        assert house.tries("u0", "") == "missing"
    assert house.guesses(1, "u1") == ["password"]


def test_the_same_wrong_password_counts_once(house: House) -> None:
    """A phone with an old password asks for years and hurts nobody; its password is hashed once."""
    hashed = count_hashes(house.services)
    for login, reason in (("u0", "password"), ("nobody", "unknown"), ("off", "disabled")):
        hashed.clear()
        assert [house.tries(login, "old") for _ in range(30)] == [reason] * 30
        assert len(hashed) == 1
    assert house.tries("u0", "right-0") == "in"


def test_an_old_password_may_become_the_new_one(house: House) -> None:
    """What was wrong a moment ago is right when it is set, and when the user is enabled again."""
    assert house.tries("u0", "later") == "password"
    hashed = house.services.passwords.hash("later")
    house.services.directory.transact(
        lambda tx: tx.save_password_hashes([(house.users[0].id, hashed)], new_secret=True)
    )
    assert house.tries("u0", "later") == "in"
    assert house.tries("off", "right") == "disabled"
    house.services.directory.transact(lambda tx: tx.save_users([replace(house.users[-1], enabled=True)]))
    assert house.tries("off", "right") == "in"


def test_refused_device_credentials_count_nowhere(house: House) -> None:
    """Phones of a disabled user, and revoked ones, go on asking: it is their own secret, and guesses nothing."""
    off = house.users[-1]
    for n in range(USER * 2):
        credential = device.issue(house.services.keyring, off.id, off.session_epoch, f"phone-{n}")
        assert house.tries("off", credential) == "disabled"
    assert house.tries("u1", "right-1") == "in"
    assert house.guesses(1, "off") == ["disabled"]


def test_probes_of_doctor_make_nobody_known(house: House) -> None:
    """Or one run would open every window of every user to all who come from near the server."""
    user = house.users[0]
    probe = device.issue(house.services.keyring, user.id, user.session_epoch, device.probe_device(60))
    assert house.tries("u0", probe, face=Face.PROVISIONING) == "in"
    enter = house.services.authentication.enter
    enter("u0", "right-0", Face.EXTERNAL_AUTHENTICATION, address=HERE, visits=False)
    assert house.guesses(PAIR + 1)[-1] == "throttled pair"


def test_a_device_credential_never_waits(house: House) -> None:
    """From anywhere, while the windows of user and address are full."""
    user = house.users[0]
    credential = device.issue(house.services.keyring, user.id, user.session_epoch, "phone")
    for n in range(USER):
        house.tries("u0", f"wrong-{n}", FAR.format(n + 2))
    assert house.tries("u0", "right-0", "192.0.9.9") == "throttled user"
    assert house.tries("u0", credential, "192.0.9.9") == "in"


def test_who_signed_in_from_there_is_known(house: House, settings: Settings) -> None:
    """The surroundings (/24, /64) let the user pass every window, in other processes and after a restart as well."""
    assert house.tries("u0", "right-0", "192.0.2.200") == "in"
    assert house.tries("u0", "right-0", "2001:db8::1") == "in"
    assert house.guesses(PAIR * 5, address="192.0.2.9") == ["password"] * PAIR * 5
    assert house.guesses(1, address="192.0.4.1") == ["throttled user"]
    services = bootstrap.build(limited(settings))
    again = house.with_services(services)
    for n in range(USER):
        again.tries("u0", f"wrong-{n}", FAR.format(n + 2))
    assert again.tries("u0", "right-0", "192.0.4.1") == "throttled user"
    assert again.tries("u0", "right-0", "192.0.2.1") == "in"
    assert again.tries("u0", "right-0", "2001:db8::ffff") == "in"
    services.close()


def test_known_surroundings_are_a_setting(settings: Settings) -> None:
    """With 0 days nobody is known."""
    services = bootstrap.build(limited(settings, known_days=0))
    house = House(services)
    assert house.tries("u0", "right-0") == "in"
    assert house.guesses(PAIR + 1)[-1] == "throttled pair"
    services.close()


def test_shared_addresses_have_no_window(house: House) -> None:
    """An office behind one address, and the SSO server: their people don't wait for each other."""
    for address in (ELSEWHERE, "203.0.113.1"):
        for n in range(ADDRESS * 2):
            assert house.tries(f"nobody{address}{n}", "wrong", address) == "unknown"
        assert house.tries("u1", "right-1", address) == "in"
    # Everybody comes from the SSO server's address, so having been there says nothing.
    assert house.guesses(PAIR + 1, "u1", "203.0.113.1")[-1] == "throttled pair"


def test_places_are_written_once_a_day(any_settings: Settings) -> None:
    """Not with every sign-in, and the database knows them by their last day."""
    services = bootstrap.build(limited(any_settings))
    house = House(services)
    wrote: list[tuple[Any, ...]] = []
    transact = services.directory.transact
    services.authentication._throttle._directory.transact = lambda work: (wrote.append(()), transact(work))[1]  # type: ignore[method-assign,func-returns-value]
    assert [house.tries("u0", "right-0", HERE) for _ in range(5)] == ["in"] * 5
    assert len(wrote) == 1
    user = house.users[0].id
    assert services.directory.known_place(user, "192.0.2.0/24", 0)
    assert not services.directory.known_place(user, "192.0.2.0/24", 2**60)
    assert not services.directory.known_place(user, "192.0.3.0/24", 0)
    assert not services.directory.known_place(0, "192.0.2.0/24", 0)
    services.close()


@pytest.mark.parametrize("store", ["memory", "redis"])
def test_nobody_gets_more_tries_by_sending_them_at_once(settings: Settings, tmp_path: Path, store: str) -> None:
    """20 guessers side by side, over two sets of services when those share Redis: exactly the limit is tried."""
    with redis_server.running(tmp_path) if store == "redis" else nullcontext() as redis:
        changes = {"redis_url": redis.url} if redis else {}
        both = [bootstrap.build(limited(settings, throttle_pair=USER, **changes)) for _ in range(2 if redis else 1)]
        houses = [House(both[0])]
        for services in both[1:]:
            houses.append(houses[0].with_services(services))
        count = examples(ci=120, soak=5000)

        def guess(n: int) -> str:
            return houses[n % len(houses)].tries("u0", f"wrong-{n}", FAR.format(n % 20 + 2))

        with ThreadPoolExecutor(20) as pool:
            ends = list(pool.map(guess, range(count)))
        assert ends.count("password") == USER
        assert ends.count("throttled user") == count - USER
        for services in both:
            services.close()


def test_processes_that_count_alone_share_the_limits(settings: Settings) -> None:
    """With four workers and no Redis each has a quarter, so nobody gets more tries than configured."""
    services = bootstrap.build(limited(settings, workers=4, throttle_user=USER))
    assert House(services).guesses(USER).count("password") == 1
    services.close()


def _expression() -> re.Pattern[str]:
    """The failregex that `docs/operations.md` gives, as fail2ban reads it."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    found = re.search(r"(?m)^failregex = (.+)$", text)
    assert found is not None
    return re.compile(found[1].replace("<HOST>", r"(?P<host>[0-9a-fA-F:.]+)"))


def test_fail2ban_reads_one_line_for_each_failure_that_counts(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """The documented expression finds the address; a login can't forge one, and shared addresses are never named."""
    from carddav_msg.logs import OneLine

    caplog.set_level(logging.INFO, "carddav_msg.refusals")
    evil = (
        "x' client=198.51.100.1\n2025-01-01T00:00:00.000Z warning carddav_msg.refusals: sign-in refused: client=1.1.1.1"
    )
    house.tries("u0", "wrong")
    house.tries("u0", "wrong")
    house.tries(evil, "wrong", "2001:db8::7")
    house.tries("nobody", "wrong", ELSEWHERE)
    lines = [OneLine().format(record) for record in caplog.records if record.name == "carddav_msg.refusals"]
    hosts = [match["host"] for line in lines if (match := _expression().search(line))]
    assert hosts == [HERE, "2001:db8::7"]
    assert len(lines) == 2
    assert not any("\n" in line for line in lines)


def test_stale_phones_behind_one_address_lock_nobody_out(settings: Settings) -> None:
    """500 users with old passwords behind the SSO server, 800 phones behind one NAT: no right credential is refused."""
    stale, phones = examples(ci=25, soak=500), examples(ci=40, soak=800)
    services = bootstrap.build(
        limited(settings, auth_allowed_sources=("203.0.113.1",), shared_sources=("198.51.100.9",))
    )
    house = House(services, max(stale, phones))
    for _ in range(3):
        for n in range(stale):
            assert house.tries(f"u{n}", f"old-{n}", "203.0.113.1", Face.EXTERNAL_AUTHENTICATION) == "password"
    for n in range(stale):
        assert house.tries(f"u{n}", f"right-{n}", "203.0.113.1", Face.EXTERNAL_AUTHENTICATION) == "in"
    for n in range(phones):
        right = n % 4 != 0
        assert house.tries(f"u{n}", f"right-{n}" if right else "old", "198.51.100.9") == ("in" if right else "password")
    # A NAT that nobody listed: who was there before is known, whatever the others do.
    for n in range(phones):
        assert house.tries(f"u{n}", f"right-{n}", HERE) == "in"
    for n in range(phones):
        house.tries(f"u{n}", f"old-{n}", HERE)
    assert [house.tries(f"u{n}", f"right-{n}", HERE) for n in range(phones)] == ["in"] * phones
    services.close()
