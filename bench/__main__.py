"""`python -m bench`: the command line."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from bench import report
from bench.errors import WrongAnswer
from bench.operations import Effort
from bench.suite import PEERS, RESULTS, Plan, run, save

_QUICK = Effort(seconds=0.5, writes=20, deltas=3, queries=2)
_GROWTH = (1_000, 10_000, 100_000)


def main() -> int:
    """Runs what was asked for; 1 after a wrong answer."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    results = arguments.results / "quick" if arguments.quick else arguments.results
    try:
        if arguments.what == "peers":
            _peers(arguments)
        elif arguments.what == "growth":
            _growth(arguments)
        elif arguments.what == "accounts":
            from bench import accounts

            save("accounts", accounts.run(_say, quick=arguments.quick), results)
        elif arguments.what == "coldstart":
            from bench import coldstart

            cold = coldstart.QUICK if arguments.quick else coldstart.Choice()
            save("coldstart", coldstart.run(cold, _say), results)
        elif arguments.what == "scaling":
            from bench import scaling

            sizes = scaling.QUICK if arguments.quick else scaling.Choice(users=arguments.n or 10_000)
            save("scaling", scaling.run(sizes, _say), results)
        elif arguments.what == "mix":
            from bench import mix

            choice = mix.Choice(scale=arguments.scale, seconds=arguments.seconds or 60.0)
            save("mix", mix.run(mix.QUICK if arguments.quick else choice, _say), results)
        if not arguments.quick:
            report.write(arguments.results)
    except WrongAnswer as wrong:
        print(f"WRONG ANSWER: {wrong}", file=sys.stderr)
        return 1
    return 0


def _peers(arguments: argparse.Namespace) -> None:
    if arguments.quick:
        plan = Plan(arguments.n or 200, arguments.only or ["floor", "constant", "ours"], runs=1, effort=_QUICK)
        save("quick", run(plan, _say), arguments.results / "quick")
        return
    plan = Plan(arguments.n or 10_000, arguments.only or list(PEERS), arguments.runs, _effort(arguments))
    save(f"peers-{plan.count}", run(plan, _say), arguments.results)


def _growth(arguments: argparse.Namespace) -> None:
    for count in [arguments.n] if arguments.n else _GROWTH:
        plan = Plan(count, ["floor", "ours"], arguments.runs, _effort(arguments))
        save(f"growth-{count}", run(plan, _say), arguments.results)


def _effort(arguments: argparse.Namespace) -> Effort:
    return Effort(seconds=arguments.seconds) if arguments.seconds else Effort()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="The benchmark of carddav-msg; see README.md.")
    parser.add_argument(
        "what",
        nargs="?",
        default="peers",
        choices=["peers", "growth", "accounts", "coldstart", "scaling", "mix", "report"],
        help="peers: all servers at one size; growth: ours at three; accounts: the other faces, imports, a rename; "
        "coldstart: all phones after a restart; scaling: more servers on one database; mix: a provider's load; "
        "report: write RESULTS.md again from what was measured",
    )
    parser.add_argument("--quick", action="store_true", help="a small run that proves the harness; no report")
    parser.add_argument("--n", type=int, help="cards in the book (10000; growth: 1000, 10000, 100000; quick: 200)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each operation; the median counts")
    parser.add_argument("--seconds", type=float, help="length of a poll run (4) or of the mix (60)")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(PEERS)}")
    parser.add_argument("--scale", type=float, help="mix: share of the full load; default: the most that is carried")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    arguments = parser.parse_args()
    if unknown := set(arguments.only or ()) - PEERS.keys():
        parser.error(f"--only: unknown: {', '.join(sorted(unknown))}")
    return arguments


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
