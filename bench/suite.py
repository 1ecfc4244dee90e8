"""Runs of the operations on servers, one after the other, and their results as files."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import machine
from bench.cards import Contact, contacts
from bench.errors import Missing, WrongAnswer
from bench.operations import ALONE, Bench, Effort, Figures
from bench.peers import Peer
from bench.peers.cyrus import Cyrus
from bench.peers.ours import Ours
from bench.peers.radicale import Radicale
from bench.peers.static import Constant, Floor
from bench.peers.xandikos import Xandikos
from bench.slow import beside_slow_readers

OPERATIONS: Final = {**ALONE, "slow": beside_slow_readers}
"""Every operation by its name, in the order in which they run."""
RESULTS: Final = Path(__file__).parent / "results"
PEERS: Final[dict[str, Peer]] = {
    peer.name: peer for peer in (Floor(), Constant(), Ours(), Cyrus(), Xandikos(), Radicale())
}
"""All servers by name; the floor comes first, since others are compared with it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of the suite does."""

    count: int
    peers: Sequence[str]
    runs: int = 3
    effort: Effort = field(default_factory=Effort)
    operations: Sequence[str] = tuple(OPERATIONS)


def run(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measures each server of the plan. One that is not installed is left out, with a line that says so.

    A wrong answer of a peer ends its own measurement and is kept as its result; one of ours, or of a floor, is raised.
    """
    cards = contacts(plan.count)
    servers: dict[str, Any] = {}
    for name in plan.peers:
        peer = PEERS[name]
        say(f"{peer.label}, {plan.count:,} cards")
        try:
            servers[name] = {"label": peer.label, **_measure(peer, cards, plan, say)}
        except Missing as missing:
            say(f"  left out: {missing}")
            servers[name] = {"label": peer.label, "missing": str(missing)}
        except WrongAnswer as wrong:
            if name in ("ours", "floor", "constant"):
                raise
            say(f"  wrong answer: {wrong}")
            servers[name] = {"label": peer.label, "wrong": wrong.problem}
    return {
        "count": plan.count,
        "runs": plan.runs,
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "card_bytes": round(statistics.mean(len(card.vcard().encode()) for card in cards)),
        "machine": machine.describe(),
        "servers": servers,
    }


def _measure(peer: Peer, cards: Sequence[Contact], plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # some servers give up root and still have to read it
    try:
        with peer.start(folder, cards) as target:
            bench = Bench(target, cards, plan.effort)
            if not target.static:
                begun = time.perf_counter()
                bench.populate()
                say(f"  stored in {time.perf_counter() - begun:.1f} s")
            measured = {name: _median_of(bench, name, plan.runs, say) for name in plan.operations}
            bench.client.close()
            return {"facts": target.facts, "measured": measured}
    except (WrongAnswer, RuntimeError):
        for log in folder.glob("*.log"):
            say(f"  {log.name} ends with:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _median_of(bench: Bench, name: str, runs: int, say: Callable[[str], None]) -> Figures:
    done = [OPERATIONS[name](bench) for _ in range(1 if name == "memory" else runs)]
    median = {key: statistics.median(figures[key] for figures in done) for key in done[0]}
    say(f"  {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in median.items()))
    return median


def save(name: str, result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Keeps a result as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path
