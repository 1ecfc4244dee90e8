"""Importing networks."""

from __future__ import annotations

from carddav_msg.bootstrap import Services
from carddav_msg.domain.network import Network
from carddav_msg.services.importing.report import Change, Difference, Options, Report
from tests.builders import add_network, add_user
from tests.services.importing.files import DATA, Heard, book_numbers, file_of, user


def import_networks(services: Services, *rows: dict[str, str], **options: bool) -> Report:
    """Imports rows."""
    return services.importing.import_networks(file_of(*rows), Options(**options))


def network(services: Services, network_id: str) -> Network:
    """A network that has to exist."""
    found = services.directory.network(network_id)
    assert found is not None, network_id
    return found


def test_sample(any_services: Services) -> None:
    """The sample comes in whole, a single-tenant network under its Cloud ID, and a second time changes nothing."""
    for added, unchanged in ((4, 0), (0, 4)):
        with (DATA / "networks.csv").open("rb") as file:
            report = any_services.importing.import_networks(file, Options())
        assert (report.written, report.added, report.changed, report.unchanged) == (True, added, 0, unchanged)
    globex = network(any_services, "globex.example.net")
    assert globex.domains == ("globex.example.com", "globex.example.net")
    assert (globex.sip_host, globex.cloud_ids, globex.effective_id) == (
        "sip.globex.example.net:5061",
        ("RESELLER1",),
        "globex.example.net",
    )
    assert network(any_services, "umbrella").effective_id == "UMBRELLA"
    assert network(any_services, "umbrella").name == "アンブレラ株式会社"


def test_absent_columns_stay(any_services: Services) -> None:
    """An existing network keeps what the file has no column for; its users' cards follow a new SIP host."""
    acme = add_network(any_services, sip_host="old.example.org", country="CZ", account={"expires": "60"})
    add_user(any_services, acme, "ann", sip_username="S1")
    seq = book_numbers(any_services)["acme"]
    report = import_networks(any_services, {"network_id": "acme", "sip_host": "new.example.org"})
    assert report.changed == 1
    changed = network(any_services, "acme")
    assert (changed.sip_host, changed.country, changed.account, changed.name) == (
        "new.example.org",
        "CZ",
        {"expires": "60"},
        acme.name,
    )
    book = any_services.directory.home(user(any_services, "ann").id)[0]
    assert book.seq == seq + 1


def test_an_empty_cell_clears(services: Services) -> None:
    """An empty cell clears its field; an empty name is the Network ID, an empty flag says nothing."""
    add_network(services, domains=("example.org",), cloud_ids=("ACMEAPP",), single_tenant=True, auto_link=True)
    import_networks(services, {"network_id": "acme", "name": "", "domains": "", "single_tenant": "", "auto_link": "no"})
    changed = network(services, "acme")
    assert (changed.name, changed.domains, changed.single_tenant, changed.auto_link) == ("acme", (), True, False)


def test_every_problem_at_once(any_services: Services) -> None:
    """Bad cells, doubles and clashes with other networks are told together, and nothing is written."""
    add_network(any_services, "taken", domains=("taken.example.org",), cloud_ids=("TAKEN",), single_tenant=True)
    rows = (
        {"network_id": "good", "domains": "", "cloud_ids": "", "single_tenant": ""},
        {"network_id": "-bad"},
        {"network_id": "GOOD"},
        {"network_id": "third", "domains": "taken.example.org"},
        {"network_id": "fourth", "single_tenant": "yes"},
        {"network_id": "fifth", "cloud_ids": "taken*"},
        {"network_id": "sixth", "single_tenant": "maybe", "domains": "a b"},
        {"network_id": "TAKEN"},
        {"network_id": "seventh", "domains": "new.example.org"},
        {"network_id": "eighth", "domains": "new.example.org"},
    )
    report = import_networks(any_services, *rows)
    assert not report.written
    assert [(problem.line, problem.field) for problem in report.problems] == [
        (3, "network_id"),
        (4, "network_id"),
        (5, ""),
        (6, "cloud_ids"),
        (7, ""),
        (8, "domains"),
        (8, "single_tenant"),
        (9, "network_id"),
        (11, ""),
    ]
    assert [found.network_id for found in any_services.directory.networks()] == ["taken"]
    skipped = import_networks(any_services, *rows, skip_rows=True)
    assert (skipped.written, skipped.added, skipped.skipped) == (True, 2, (3, 4, 5, 6, 7, 8, 9, 11))
    assert [found.network_id for found in any_services.directory.networks()] == ["good", "seventh", "taken"]


def test_what_one_gives_up_another_may_take(any_services: Services) -> None:
    """A domain may move from one network to another within a file, in either order of the rows."""
    add_network(any_services, "one", domains=("one.example.org",))
    add_network(any_services, "two", domains=("two.example.org",))
    report = import_networks(
        any_services,
        {"network_id": "one", "domains": "two.example.org"},
        {"network_id": "two", "domains": ""},
        {"network_id": "three", "domains": "one.example.org"},
    )
    assert (report.problems, report.changed, report.added) == ((), 2, 1)
    assert [network(any_services, name).domains for name in ("one", "two", "three")] == [
        ("two.example.org",),
        (),
        ("one.example.org",),
    ]


def test_dry_run(services: Services) -> None:
    """A dry run tells every difference and writes nothing."""
    add_network(services, country="CZ")
    heard = Heard()
    source = file_of({"network_id": "acme", "country": "SK"}, {"network_id": "new", "country": "DE"})
    report = services.importing.import_networks(source, Options(dry_run=True), heard)
    assert (report.written, report.added, report.changed) == (False, 1, 1)
    assert heard.differences == [
        Difference("changed", "acme", "", (Change("country", "CZ", "SK"),)),
        Difference(
            "added",
            "new",
            "",
            (Change("network_id", "", "new"), Change("name", "", "new"), Change("country", "", "DE")),
        ),
    ]
    assert [found.network_id for found in services.directory.networks()] == ["acme"]
    assert network(services, "acme").country == "CZ"
