"""RESULTS.md from the results that are there: tables for people, and the plots beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import machine, plot
from bench.operations import BATCH
from bench.suite import PEERS

LIMITED: Final = 0.8
"""From this share of a CPU on, the client is likely what a figure measures."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tables: which figure of which operation."""

    operation: str
    figure: str
    title: str
    more_is_better: bool = False

    def value(self, server: dict[str, Any]) -> float | None:
        """The figure of a server, None where it has none."""
        value = server.get("measured", {}).get(self.operation, {}).get(self.figure)
        return None if value is None else float(value)

    def ratio(self, server: dict[str, Any], base: dict[str, Any]) -> float | None:
        """How many times worse than the base."""
        mine, other = self.value(server), self.value(base)
        if not mine or not other:
            return None
        return other / mine if self.more_is_better else mine / other

    def limit(self, server: dict[str, Any]) -> str:
        """The client's share of a core where it may have been the limit, else nothing."""
        share = float(server.get("measured", {}).get(self.operation, {}).get("client_cpu_share", 0.0))
        return f" †{share:.2f}" if share > LIMITED else ""


ROWS: Final = (
    Row("poll_1", "rps", "poll, 1 connection, req/s", more_is_better=True),
    Row("poll_1", "p50_ms", "… p50, ms"),
    Row("poll_1", "p99_ms", "… p99, ms"),
    Row("poll_8", "rps", "poll, 8 connections, req/s", more_is_better=True),
    Row("poll_8", "p50_ms", "… p50, ms"),
    Row("poll_8", "p99_ms", "… p99, ms"),
    Row("poll_8", "server_cpu_ms", "… server CPU, ms a request"),
    Row("list", "ms", "list, Depth 1, ms"),
    Row("list", "first_byte_ms", "… first byte, ms"),
    Row("initial", "report_ms", "sync-collection without a token, ms"),
    Row("initial", "multiget_ms", f"multiget of {BATCH}, ms"),
    Row("initial", "seconds", "initial sync, s"),
    Row("first", "list_ms", "list, first after a change, ms"),
    Row("first", "multiget_ms", f"multiget of {BATCH}, first after a change, ms"),
    Row("first", "initial_s", "initial sync, first after a change, s"),
    Row("delta", "ms", "delta of 1 card, ms"),
    Row("writes", "put_ms", "PUT, new card, ms"),
    Row("writes", "put_p99_ms", "… p99, ms"),
    Row("delta", "put_over_ms", "PUT over a card, ms"),
    Row("writes", "delete_ms", "DELETE, ms"),
    Row("query", "ms", "query on FN, 10 hits, ms"),
    Row("slow", "p99_ms", "poll p99 beside 16 slow readers, ms"),
    Row("memory", "pss_mib", "memory (PSS), MiB"),
    Row("memory", "idle_mib", "… before the first card, MiB"),
)

_PER_CARD: Final = (
    ("list", "list", "ms"),
    ("sync-collection", "initial", "report_ms"),
    ("initial sync", "initial", "seconds"),
)


def write(folder: Path) -> None:
    """Writes RESULTS.md, and its plots, beside the folder of the results."""
    peers, growth = _sized(folder, "peers"), _sized(folder, "growth")
    parts = [
        "# Results of the benchmark\n",
        "Written by `python -m bench`; [README.md](README.md) says what is measured. `results/` has the data.\n",
    ]
    for count, result in peers:
        parts += [f"## Servers, {count:,} cards\n", _about(result), "\n".join(_comparison(result)), _notes(result)]
        drawn = [row for row in ROWS if not row.title.startswith("…") and row.operation not in ("memory", "slow")]
        _draw(folder, f"peers-{count}", plot.bars(f"Times the nginx floor, {count:,} cards", _series(result, drawn)))
        parts.append(f"![Ratios to the floor](results/peers-{count}.svg)\n")
    if growth:
        parts += ["## Growth\n", _about(growth[0][1]), "\n".join(_growth(growth))]
        _draw(folder, "growth", plot.lines("carddav-msg as a book grows", _growth_series(growth)))
        parts.append("![Growth](results/growth.svg)\n")
    for name, title in (
        ("accounts", "The other faces, imports and a rename"),
        ("coldstart", "A cold start"),
        ("scaling", "More server processes"),
        ("mix", "The provider mix"),
    ):
        path = folder / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text("utf-8"))
            parts += [f"## {title}\n", _about(result), "\n".join(_plain(result))]
            if name == "mix":
                _draw(folder, "mix", plot.bars("Provider mix: milliseconds", _mix_series(result), unit=" ms"))
                parts.append("![Latencies of the mix](results/mix.svg)\n")
    (folder.parent / "RESULTS.md").write_text("\n".join(parts), "utf-8")


def _sized(folder: Path, kind: str) -> list[tuple[int, dict[str, Any]]]:
    results = [json.loads(path.read_text("utf-8")) for path in folder.glob(f"{kind}-*.json")]
    return sorted(((result["count"], result) for result in results), key=lambda pair: pair[0])


def _draw(folder: Path, name: str, image: str) -> None:
    (folder / f"{name}.svg").write_text(image, "utf-8")


def _about(result: dict[str, Any]) -> str:
    runs = f" Medians of {result['runs']} runs." if "runs" in result else ""
    size = f" Cards of {result['card_bytes']} bytes." if "card_bytes" in result else ""
    return f"{result['day']}.{runs}{size} {machine.sentence(result['machine'])}\n"


def _comparison(result: dict[str, Any]) -> Iterator[str]:
    """The table; in brackets how many times worse than the floor of the same run."""
    servers = {name: server for name, server in result["servers"].items() if "measured" in server}
    floor = servers.get("floor", {})
    yield "| |" + "|".join(server["label"] for server in servers.values()) + "|"
    yield "|---|" + "---:|" * len(servers)
    for row in ROWS:
        cells = []
        for name, server in servers.items():
            cell = _number(row.value(server)) + row.limit(server)
            ratio = row.ratio(server, floor) if name != "floor" and row.operation != "memory" else None
            cells.append(f"{cell} ({_number(ratio)}×)" if ratio is not None else cell)
        yield f"|{row.title}|" + "|".join(cells) + "|"
    yield ""


def _notes(result: dict[str, Any]) -> str:
    lines = [f"† the client's share of a core, where it was more than {LIMITED}: it may be what was measured.\n"]
    for server in result["servers"].values():
        note = server.get("facts") or server.get("missing") or f"wrong answer: {server.get('wrong')}"
        lines.append(f"* {server['label']}: {note}.")
    if absent := [peer.label for name, peer in PEERS.items() if name not in result["servers"]]:
        lines.append(f"* Not run with so many cards: {', '.join(absent)}.")
    return "\n".join(lines) + "\n"


def _growth(growth: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    yield "| carddav-msg |" + "|".join(f"{count:,} cards" for count, _ in growth) + "|"
    yield "|---|" + "---:|" * len(growth)
    for row in ROWS:
        yield f"|{row.title}|" + "|".join(_with_floor(row, result) for _, result in growth) + "|"
    for title, operation, figure in _PER_CARD:
        row, scale = Row(operation, figure, title), 1_000_000 if figure == "seconds" else 1_000
        cells = (_number(scale * (row.value(result["servers"]["ours"]) or 0) / count) for count, result in growth)
        yield f"|{title}, µs a card|" + "|".join(cells) + "|"
    yield ""


def _with_floor(row: Row, result: dict[str, Any]) -> str:
    ours, floor = result["servers"]["ours"], result["servers"].get("floor", {})
    ratio = row.ratio(ours, floor) if row.operation != "memory" else None
    return _number(row.value(ours)) + (f" ({_number(ratio)}×)" if ratio is not None else "")


def _plain(result: dict[str, Any]) -> Iterator[str]:
    """Tables as the result has them: name → figures, each group with the same columns."""
    for title, rows in result["tables"].items():
        columns = list(dict.fromkeys(key for figures in rows.values() for key in figures))
        yield f"|{title}|" + "|".join(columns) + "|"
        yield "|---|" + "---:|" * len(columns)
        for name, figures in rows.items():
            yield f"|{name}|" + "|".join(_number(figures.get(column)) for column in columns) + "|"
        yield ""
    yield from (f"* {note}" for note in result.get("notes", ()))
    yield ""


def _series(result: dict[str, Any], rows: Iterable[Row]) -> plot.Groups:
    servers = result["servers"]
    floor = servers.get("floor", {})
    found = {}
    for row in rows:
        ratios = {s["label"]: row.ratio(s, floor) for name, s in servers.items() if name != "floor"}
        group = {label: ratio for label, ratio in ratios.items() if ratio is not None}
        if group:
            found[row.title.rpartition(",")[0]] = group
    return found


def _mix_series(result: dict[str, Any]) -> plot.Groups:
    kinds = next(iter(result["tables"].values()))
    return {name: {key: figures[key] for key in ("p50 ms", "p99 ms")} for name, figures in kinds.items()}


def _growth_series(growth: list[tuple[int, dict[str, Any]]]) -> dict[str, list[tuple[float, float]]]:
    rows = (
        Row("poll_1", "p50_ms", "poll"),
        Row("delta", "ms", "delta"),
        Row("writes", "put_ms", "PUT"),
        Row("query", "ms", "query"),
        Row("list", "ms", "list"),
        Row("initial", "report_ms", "sync-collection"),
    )
    return {
        row.title: [
            (count, value) for count, result in growth if (value := row.value(result["servers"]["ours"])) is not None
        ]
        for row in rows
    }


def _number(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
