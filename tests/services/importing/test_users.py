"""Importing users: what is added, changed, renamed and disabled, and what a file with problems does."""

from __future__ import annotations

import csv
import time
from collections import Counter
from dataclasses import replace

import pytest

from carddav_msg.bootstrap import Services
from carddav_msg.directory.rows import StagedRow
from carddav_msg.domain.user import Number
from carddav_msg.errors import NotFound, Rejected
from carddav_msg.services.authentication import Face
from carddav_msg.services.importing.report import Change, Limit, Options, Report
from tests.builders import add_network, add_user
from tests.services.importing.files import DATA, Heard, book_numbers, file_of, import_users, person, user


def sample(services: Services, name: str = "users.csv", **options: object) -> Report:
    """Imports a sample file."""
    with (DATA / name).open("rb") as file:
        return services.importing.import_users(file, Options(**options))  # type: ignore[arg-type]


def staged(services: Services, run: str) -> list[StagedRow]:
    """What is left of a run."""
    return services.directory.transact(lambda tx: tx.staged(run, 0, 10))


def shown_in_sample() -> Counter[str]:
    """How many users of the sample each network's directory shows: as many changes as its book has."""
    with (DATA / "users.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Counter(row["network_id"] for row in rows if row["enabled"] == row["listed"] == "yes")


def test_samples_twice(any_services: Services) -> None:
    """The sample files come in whole, and a second time change nothing: no user, no secret, no change number."""
    with (DATA / "networks.csv").open("rb") as file:
        assert any_services.importing.import_networks(file, Options()).added == 4
    first = sample(any_services)
    assert (first.written, first.added, first.problems) == (True, 2220, ())
    admin = user(any_services, "1000")
    before = book_numbers(any_services), any_services.directory.with_secrets(admin.id)
    assert before[0] == shown_in_sample()
    again = sample(any_services)
    assert (again.unchanged, again.added, again.changed) == (2220, 0, 0)
    assert (book_numbers(any_services), any_services.directory.with_secrets(admin.id)) == before
    assert admin.profile.numbers == (
        Number("extension", "1000"),
        Number("mobile", "+15551899152", "+15551899152"),
        Number("main", "+15561338122", "+15561338122", verified=True),
    )
    grants = any_services.directory.grants(None)
    assert sorted((grant.network_id, grant.cloud_username, grant.role, grant.scope) for grant in grants) == sorted(
        (network.network_id, "1000", "admin", network.network_id) for network in any_services.directory.networks()
    )
    visitor = any_services.authentication.enter("acme~1000", "pw-acm-0000-441467", Face.CARDDAV)
    assert visitor.principal.id == admin.id


def test_sample_with_errors(services: Services) -> None:
    """The nine faulty rows are named, each once and by its line, and nothing is written."""
    add_network(services)
    report = sample(services, "users-with-errors.csv")
    assert [(problem.line, problem.field) for problem in report.problems] == [
        (23, "cloud_username"),
        (24, "network_id"),
        (25, "cloud_username"),
        (26, "cloud_username"),
        (27, "cloud_username"),
        (28, "role"),
        (29, "sms_numbers"),
        (30, "enabled"),
        (31, "cloud_username"),
    ]
    assert "line 2 " in report.problems[2].message
    assert not report.written
    assert services.directory.users(user_network(services), "", 1) == []


def user_network(services: Services) -> int:
    """The row of acme."""
    network = services.directory.network("acme")
    assert network is not None
    return network.id


def test_sample_with_errors_skipped(services: Services) -> None:
    """With skip-row the twenty good rows come in, and the report lists the lines of the others."""
    add_network(services)
    report = sample(services, "users-with-errors.csv", skip_rows=True)
    assert (report.written, report.added) == (True, 20)
    assert report.skipped == tuple(range(23, 32))
    assert len(services.directory.users(user_network(services), "", 100)) == 20


def test_only_given_columns_change(any_services: Services) -> None:
    """An existing user keeps what the file has no column for, and only cards whose bytes differ get a number."""
    acme = add_network(any_services)
    add_user(any_services, acme, "ann", display_name="Ann", title="Lead", note="kept", sip_password="s")
    add_user(any_services, acme, "bob", display_name="Bob")
    ann, numbers = user(any_services, "ann"), book_numbers(any_services)
    report = import_users(any_services, person("ANN", title="Head"), person("bob"))
    assert (report.changed, report.unchanged) == (1, 1)
    changed = user(any_services, "ann")
    assert changed == replace(ann, cloud_username="ANN", profile=replace(ann.profile, title="Head"))
    assert book_numbers(any_services)["acme"] == numbers["acme"] + 1


def test_a_rename_keeps_the_books(any_services: Services) -> None:
    """A user is found by `external_id` first: with a new name it keeps card, books and the old name as a login."""
    add_network(any_services)
    import_users(any_services, person("ann", external_id="E1", password="pw-ann"))
    before = any_services.directory.home(user(any_services, "ann").id)[0]
    (card,) = any_services.directory.listing(before.id, 0, 10)
    report = import_users(any_services, person("ann.blue", external_id="E1"))
    assert (report.changed, report.added) == (1, 0)
    (renamed,) = any_services.directory.listing(before.id, 0, 10)
    assert (renamed[1], renamed[2] != card[2]) == (card[1], True)
    assert any_services.authentication.enter("acme~ann", "pw-ann", Face.CARDDAV).cloud_username == "ann.blue"


def test_names_may_be_swapped(any_services: Services) -> None:
    """Two users may take each other's names in one file, and a new user one that is given up."""
    add_network(any_services)
    import_users(
        any_services,
        person("ann", external_id="E1", sip_username="S1"),
        person("bob", external_id="E2", sip_username="S2"),
        person("cid", external_id="E3", sip_username="S3"),
    )
    old = {name: user(any_services, name).id for name in ("ann", "bob", "cid")}
    report = import_users(
        any_services,
        person("cid", external_id="E9", sip_username="S4"),
        person("bob", external_id="E1", sip_username="S3"),
        person("ann", external_id="E2", sip_username="S1"),
        person("dan", external_id="E3", sip_username="S2"),
    )
    assert (report.problems, report.added, report.changed) == ((), 1, 3)
    assert [user(any_services, name).id for name in ("bob", "ann", "dan")] == [old["ann"], old["bob"], old["cid"]]
    assert [user(any_services, name).sip_username for name in ("cid", "bob", "ann", "dan")] == ["S4", "S3", "S1", "S2"]


def test_names_of_others_are_refused(any_services: Services) -> None:
    """A name that somebody else has is a problem of the row, whether the other one is in the file or not."""
    acme = add_network(any_services)
    for name, sip_username, external_id in (("ann", "S1", "E1"), ("bob", "S2", "E2"), ("cid", "S3", "")):
        add_user(any_services, acme, name, sip_username=sip_username, external_id=external_id)
    report = import_users(
        any_services,
        person("ann", external_id="E9", sip_username="S9"),  # 2: the name of another person
        person("new1", sip_username="s2"),  # 3: the SIP username of bob
        person("new2", sip_username="CID"),  # 4: the Cloud Username of cid
        person("S3", sip_username="S8"),  # 5: the SIP username of cid
        person("new3", sip_username="new4"),  # 6: the Cloud Username of the next row
        person("new4", sip_username="S7"),
        person("new5", external_id="E7"),
        person("new6", external_id="E7"),  # 9: an external id twice
        person("new7", sip_username="S5"),
        person("new8", sip_username="s5"),  # 11: a SIP username twice
    )
    assert [problem.line for problem in report.problems] == [2, 3, 4, 5, 6, 9, 11]
    assert "'E1'" in report.problems[0].message
    assert not report.written
    with pytest.raises(AssertionError):
        user(any_services, "new4")


def test_left_out_rows_keep_their_names(services: Services) -> None:
    """When a row is left out, its user keeps the name, so a row that was to get it is left out too."""
    acme = add_network(services)
    for name in ("ann", "bob", "cid"):
        add_user(services, acme, name, external_id=f"E-{name}")
    report = import_users(
        services,
        person("bob", external_id="E-ann"),
        person("cid", external_id="E-bob"),  # cid is not in the file, so bob can't become cid, nor ann bob
        person("dan", external_id="E-dan"),
        skip_rows=True,
    )
    assert (report.skipped, report.added, report.changed) == ((2, 3), 1, 0)
    assert [user(services, name).external_id for name in ("ann", "bob", "cid")] == ["E-ann", "E-bob", "E-cid"]


def test_every_problem_at_once(services: Services) -> None:
    """Several bad cells of a row and clashes with the directory are all told in one run."""
    acme = add_network(services)
    add_user(services, acme, "ann", sip_username="S1")
    report = import_users(
        services,
        person("bob", email="nobody", enabled="maybe", sip_username=""),
        person("cid", sip_username="S1"),
    )
    assert [(problem.line, problem.field) for problem in report.problems] == [(2, "email"), (2, "enabled"), (3, "")]


def test_role(any_services: Services) -> None:
    """`network_admin` grants the role on the network, `user` takes exactly this grant, an empty cell says nothing."""
    acme = add_network(any_services)
    other = add_network(any_services, "other")
    ann = add_user(any_services, acme, "ann")

    def work(tx: object) -> None:
        tx.save_grant(ann.id, "admin", other.id)  # type: ignore[attr-defined]
        tx.save_grant(ann.id, "support", acme.id)  # type: ignore[attr-defined]

    any_services.directory.transact(work)
    kept = {("admin", "other"), ("support", "acme")}

    def grants() -> set[tuple[str, str]]:
        return {(grant.role, grant.scope) for grant in any_services.directory.grants(None)}

    for role, expected, changed in (
        ("network_admin", {("admin", "acme"), *kept}, 1),
        ("", {("admin", "acme"), *kept}, 0),
        ("user", kept, 1),
        ("user", kept, 0),
    ):
        assert import_users(any_services, person("ann", role=role)).changed == changed
        assert grants() == expected


def test_disabling_ends_sessions(any_services: Services) -> None:
    """`enabled=no` takes the user's card away and raises the session epoch, once."""
    acme = add_network(any_services)
    add_user(any_services, acme, "ann")
    add_user(any_services, acme, "bob")
    before = user(any_services, "ann").session_epoch
    for changed in (1, 0):
        assert import_users(any_services, person("ann", enabled="no")).changed == changed
    ann = user(any_services, "ann")
    assert (ann.enabled, ann.session_epoch) == (False, before + 1)
    book = any_services.directory.home(ann.id)[0]
    assert [href for _, href, _ in any_services.directory.listing(book.id, 0, 9)] == [
        f"{user(any_services, 'bob').uid}.vcf"
    ]


def test_mirror(any_services: Services) -> None:
    """A mirror disables who is missing from the file, in the networks of the file only."""
    acme, other = add_network(any_services), add_network(any_services, "other")
    for network in (acme, other):
        for name in ("ann", "bob", "cid"):
            add_user(any_services, network, name)
    before = user(any_services, "cid").session_epoch
    report = import_users(any_services, person("ann"), person("bob"), mirror=True, max_removals=Limit(1, percent=False))
    assert (report.disabled, report.unchanged) == (1, 2)
    assert not user(any_services, "cid").enabled
    assert user(any_services, "cid").session_epoch == before + 1
    assert user(any_services, "cid", "other").enabled
    again = import_users(any_services, person("ann"), person("bob"), mirror=True)
    assert (again.disabled, again.unchanged) == (0, 2)


def test_mirror_refuses_too_many(services: Services) -> None:
    """Beyond the limit nobody is disabled and nothing else is written either."""
    acme = add_network(services)
    for name in ("ann", "bob", "cid"):
        add_user(services, acme, name)
    rows = (person("ann", title="Lead"), person("bob", title="Lead"))
    report = import_users(services, *rows, mirror=True, skip_rows=True)
    (problem,) = report.problems
    assert (report.written, problem.field, "1 of the 3 " in problem.message) == (False, "max-removals", True)
    assert user(services, "cid").enabled
    assert user(services, "ann").profile.title == ""
    assert import_users(services, *rows, mirror=True, max_removals=Limit(34, percent=True)).disabled == 1


def test_mirror_spares_users_of_faulty_rows(services: Services) -> None:
    """Who stands in a row that is left out is not missing; when nobody can tell who that is, nobody is disabled."""
    acme = add_network(services)
    for name in ("ann", "bob", "cid", "dan"):
        add_user(services, acme, name, external_id=f"E-{name}")
    faulty = person("bob", enabled="maybe"), person("new", external_id="E-cid", enabled="maybe")
    options = {"mirror": True, "skip_rows": True, "max_removals": Limit(9, percent=False)}
    unknown = import_users(services, person("ann", enabled="", external_id="E-ann"), person("", enabled=""), **options)
    assert (unknown.disabled, "Nobody was disabled" in unknown.problems[-1].message) == (0, True)
    report = import_users(services, person("ann", enabled="", external_id="E-ann"), *faulty, **options)
    assert report.disabled == 1
    assert [user(services, name).enabled for name in ("ann", "bob", "cid", "dan")] == [True, True, True, False]


def test_dry_run_tells_and_writes_nothing(any_services: Services) -> None:
    """A dry run tells what would happen, secrets only by their name, and leaves the directory as it is."""
    acme = add_network(any_services)
    add_user(any_services, acme, "ann", title="Lead", sip_password="old", password="old", numbers=())
    add_user(any_services, acme, "bob")
    before = book_numbers(any_services), any_services.directory.with_secrets(user(any_services, "ann").id)
    heard = Heard()
    row = {"title": "Head", "sip_password": "new-canary", "password": "pw-canary", "role": "network_admin"}
    options = Options(dry_run=True, mirror=True, max_removals=Limit(1, percent=False))
    source = file_of(person("ann", **row), person("new", **row))
    report = any_services.importing.import_users(source, options, heard)
    assert (report.written, report.added, report.changed, report.disabled) == (False, 1, 1, 1)
    changed, added, disabled = heard.differences
    assert (changed.action, changed.name) == ("changed", "ann")
    assert changed.changes == (
        Change("title", "Lead", "Head"),
        Change("sip_password", "", "", secret=True),
        Change("role", "user", "network_admin"),
    )
    assert (added.action, added.name, added.changes[0]) == ("added", "new", Change("cloud_username", "", "new"))
    assert (disabled.action, disabled.name) == ("disabled", "bob")
    assert "canary" not in repr(heard.differences)
    assert (book_numbers(any_services), any_services.directory.with_secrets(user(any_services, "ann").id)) == before


def test_nothing_stays_staged(services: Services) -> None:
    """Rows are discarded when an import ends, however it ends; those of one that died, when the next one begins."""
    add_network(services)
    row = StagedRow(2, user_network(services), "x", None, None, "{}")
    long_ago, lately = f"{int(time.time()) - 90_000:012d}-a", f"{int(time.time()) - 3_600:012d}-b"
    for run in (long_ago, lately):
        services.directory.transact(lambda tx, run=run: tx.stage(run, [row]))

    class Stopped(Exception):
        pass

    def stop(step: str) -> None:
        if step == "Writing":
            raise Stopped

    with pytest.raises(Stopped):
        services.importing.import_users(file_of(person("ann")), Options(), Heard(stop))
    assert staged(services, long_ago) == []
    left = services.directory.transact(lambda tx: tx.stage(lately, [row]))
    assert left == [(2, 2)]
    with pytest.raises(AssertionError):
        user(services, "ann")


def test_a_network_that_goes_meanwhile(services: Services) -> None:
    """When the network is removed while an import runs, it ends with a sentence and nothing is written."""
    add_network(services)

    def remove(step: str) -> None:
        if step == "Reading":
            row = user_network(services)
            services.directory.transact(lambda tx: tx.remove_network(row))

    with pytest.raises(NotFound):
        services.importing.import_users(file_of(person("ann")), Options(), Heard(remove))


def test_an_import_without_passwords_lets_nobody_in(services: Services) -> None:
    """A new user without a password has none: every sign-in is refused."""
    add_network(services)
    import_users(services, person("ann", password=""))
    with pytest.raises(Rejected):
        services.authentication.enter("acme~ann", "", Face.CARDDAV)
