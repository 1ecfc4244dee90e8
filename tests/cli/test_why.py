"""`why` and `user timeline` on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.conftest import Command

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


def test_causes_come_first_with_their_fixes(acme: Command) -> None:
    """A table of causes; with --all what is fine, too; as JSON the names of the causes in order."""
    acme.ok("user", "add", "acme", "bert", "--display-name", "Bert", "--no-password", "--unlisted")
    shown = acme.ok("why", "acme", "anna", "bert")
    assert shown.splitlines()[1].startswith("target listed")
    assert "carddav-msg user set acme bert --listed" in shown
    assert "target enabled" not in shown
    assert "target enabled" in acme.ok("why", "acme", "anna", "bert", "--all")
    told = acme.json("why", "acme", "anna", "bert")
    assert told["causes"][0] == "target listed"
    assert told["viewer"] == "acme~anna"


def test_who_is_not_there(acme: Command) -> None:
    """Nobody of that name is an error that says so."""
    assert "'nobody'" in acme.fails("why", "acme", "anna", "nobody")


def test_a_timeline_shows_changes(acme: Command) -> None:
    """What was changed, as a table and as JSON."""
    acme.ok("user", "set", "acme", "anna", "--unlisted")
    assert "user changed" in acme.ok("user", "timeline", "acme", "anna")
    events = acme.json("user", "timeline", "acme", "anna")
    assert [event["kind"] for event in events] == ["change"] * len(events)
    assert events[-1]["action"] == "user changed"


def test_a_timeline_shows_visits(acme: Command, services: Services) -> None:
    """What was seen: face, outcome and reason, login, device, app and its version."""
    anna = services.directory.user(services.administration.networks.find("acme").id, "anna")
    assert anna
    told = {"login": "Anna", "device": "phone-1", "agent": "Softphone/6.1"}
    services.observations.success(anna.id, "provisioning", cloud_id="ACMEAPP", network_id="acme", **told)
    services.observations.failure(anna.id, "contacts", "revoked", **told)
    services.observations.flush()
    shown = acme.ok("user", "timeline", "acme", "anna")
    for text in ("provisioning: let in", "contacts: refused, revoked", "as Anna", "device phone-1", "app ACMEAPP"):
        assert text in shown
    assert shown.count("Softphone/6.1") == 2
    visits = [event for event in acme.json("user", "timeline", "acme", "anna") if event["kind"] == "visit"]
    assert [visit["face"] for visit in visits] == ["provisioning", "contacts"]
    assert [visit.get("reason") for visit in visits] == [None, "revoked"]
    assert {visit["device"] for visit in visits} == {"phone-1"}
