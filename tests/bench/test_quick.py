"""The quick run: our server and the floors give right answers to everything that the benchmark asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import accounts, coldstart, mix, report, scaling
from bench.__main__ import main
from bench.errors import Missing
from bench.operations import Effort
from bench.suite import OPERATIONS, Plan, run, save
from tests import required

_PLAN = Plan(200, ["floor", "constant", "ours"], runs=1, effort=Effort(seconds=0.2, writes=10, deltas=2, queries=1))


def test_quick_run_has_right_answers(tmp_path: Path) -> None:
    """Every operation is answered rightly, or the run raises WrongAnswer; a report is made of what it found."""
    said: list[str] = []
    result = run(_PLAN, said.append)
    servers = result["servers"]
    for name in ("constant", "ours"):
        assert servers[name]["measured"].keys() == OPERATIONS.keys()
    # A machine without nginx leaves the floor out, and says so.
    assert "measured" in servers["floor"] or any("nginx is not installed" in line for line in said)
    save("peers-200", result, tmp_path / "results")
    report.write(tmp_path / "results")
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "carddav-msg" in text
    assert str(tmp_path) not in text
    assert (tmp_path / "results" / "peers-200.svg").read_text("utf-8").startswith("<svg")


def test_the_command_says_so_when_all_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m bench --quick`, as `make bench-quick` runs it."""
    command = ["bench", "--quick", "--only", "ours", "--n", "50", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the handlers are those of the tests
    assert main() == 0
    assert (tmp_path / "quick" / "quick.json").exists()


def test_quick_cold_start_has_right_answers(tmp_path: Path) -> None:
    """Every phone is served after the restart, each time with the token of before; the report has the figures."""
    result = coldstart.run(coldstart.QUICK, lambda line: None)
    (figures,) = result["tables"]["cold start"].values()
    assert figures["answers"] == 60
    assert figures["failures"] == 0
    assert figures["peak PSS MiB"] > 10
    save("coldstart", result, tmp_path / "results")
    report.write(tmp_path / "results")
    assert "## A cold start" in (tmp_path / "RESULTS.md").read_text("utf-8")


def test_quick_scaling_has_right_answers(tmp_path: Path) -> None:
    """Each of several servers on one database answers rightly; the report has a row for each number of them."""
    try:
        result = scaling.run(scaling.QUICK, lambda line: None)
    except Missing as missing:
        required.missing(str(missing))
    for rows in result["tables"].values():
        assert list(rows) == ["1 server process", "2 server processes"]
        assert all(figures["answers/s"] > 0 for figures in rows.values())
    save("scaling", result, tmp_path / "results")
    report.write(tmp_path / "results")
    assert "## More server processes" in (tmp_path / "RESULTS.md").read_text("utf-8")


def test_quick_accounts_have_right_answers(tmp_path: Path) -> None:
    """Each of the other faces, an import and a rename; the report has a table for each."""
    save("accounts", accounts.run(lambda line: None, quick=True), tmp_path / "results")
    report.write(tmp_path / "results")
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    for row in ("provisioning, device credential", "contacts, 304, device credential", "300 users", "300 cards"):
        assert f"|{row}|" in text


def test_quick_mix_has_right_answers(tmp_path: Path) -> None:
    """Every kind of request of a provider, on PostgreSQL behind nginx with TLS; the report has no errors."""
    try:
        result = mix.run(mix.QUICK, lambda line: None)
    except Missing as missing:
        required.missing(str(missing))
    assert result["tables"]["kind"]["all"]["answers/s"] > 0
    assert "Errors: 0." in result["notes"][-1]
    save("mix", result, tmp_path / "results")
    report.write(tmp_path / "results")
    assert "## The provider mix" in (tmp_path / "RESULTS.md").read_text("utf-8")


def test_a_cold_start_lasts_until_the_last_slow_answer() -> None:
    """Requests that were due in a second whose p99 is too slow count until they have their answer."""
    seen = coldstart.Seen([(0, 0.1), (1, 4.5), (2, 0.5), (3, 0.9)], memory=[50.0, 70.0, 60.0])
    figures = coldstart.figures(seen)
    assert (figures["seconds until p99 < 1 s"], figures["slowest s"], figures["peak PSS MiB"]) == (5.5, 4.5, 70.0)
    assert coldstart.figures(coldstart.Seen([(0, 0.1)], memory=[50.0]))["seconds until p99 < 1 s"] == 0
