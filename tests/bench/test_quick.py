"""The quick run: our server and the floors give right answers to everything that the benchmark asks."""

from __future__ import annotations

from pathlib import Path

from bench import report
from bench.operations import OPERATIONS, Effort
from bench.suite import Plan, run, save

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
