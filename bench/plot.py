"""Two kinds of plots as SVG, written by hand: bars in groups, and lines; both with a logarithmic axis of values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

Groups = Mapping[str, Mapping[str, float]]
"""Group → series → value."""

_COLOURS: Final = ("#0b6e4f", "#c8553d", "#3d5a80", "#e09f3e", "#7d5ba6", "#6c757d")
_WIDTH: Final = 860
_STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#222}.t{font-size:15px;font-weight:bold}.g{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}}</style>"
)


def bars(title: str, groups: Groups, unit: str = "×") -> str:
    """Horizontal bars, one for each series of each group."""
    series = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values()] or [1.0]
    left, right, top, thick = 250, 70, 70, 13
    scale = _Scale(values, left, _WIDTH - right)
    height = top + sum(len(group) * thick + 12 for group in groups.values()) + 30
    parts = [_legend(series, 44), *_vertical_grid(scale, top - 8, height - 24, unit)]
    y = top
    for name, group in groups.items():
        parts.append(_text(left - 8, y + len(group) * thick / 2 + 4, name, anchor="end"))
        for label, value in group.items():
            width, colour = scale.at(value) - left, _colour(series, label)
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{thick - 2}" fill="{colour}"/>')
            parts.append(
                _text(left + width + 4, y + thick - 3, f"{value:,.3g}{unit}" if value < 100 else f"{value:,.0f}{unit}")
            )
            y += thick
        y += 12
    return _image(title, height, parts)


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines of milliseconds over the number of cards, both axes logarithmic."""
    left, right, top, bottom = 70, 40, 70, 400
    shown = {name: points for name, points in series.items() if points}
    names = list(shown)
    xs = [x for points in shown.values() for x, _ in points] or [1.0]
    across = _Scale(xs, left, _WIDTH - right)
    up = _Scale([y for points in shown.values() for _, y in points] or [1.0], bottom, top)
    parts = [_legend(names, 44)]
    for tick in up.ticks():
        parts.append(f'<path class="g" d="M{left} {up.at(tick):.1f}H{_WIDTH - right}"/>')
        parts.append(_text(left - 8, up.at(tick) + 4, f"{tick:,g} ms", anchor="end"))
    parts += [_text(across.at(x), bottom + 20, f"{x:,.0f} cards", anchor="middle") for x in sorted(set(xs))]
    for name, points in shown.items():
        path = "L".join(f"{across.at(x):.1f} {up.at(y):.1f}" for x, y in points)
        colour = _colour(names, name)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return _image(title, bottom + 40, parts)


class _Scale:
    """Values to places, by their logarithms; begins and ends at a power of ten."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self._low = math.floor(math.log10(min(positive)))
        self._high = max(self._low + 1, math.ceil(math.log10(max(positive))))
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        share = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> Iterator[float]:
        yield from (10.0**power for power in range(self._low, self._high + 1))


def _vertical_grid(scale: _Scale, top: float, bottom: float, unit: str) -> Iterator[str]:
    for tick in scale.ticks():
        yield f'<path class="g" d="M{scale.at(tick):.1f} {top}V{bottom}"/>'
        yield _text(scale.at(tick), bottom + 16, f"{tick:,g}{unit}", anchor="middle")


def _legend(names: Sequence[str], y: float) -> str:
    parts, x = [], 10.0
    for name in names:
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{_colour(names, name)}"/>')
        parts.append(_text(x + 14, y, name))
        x += 34 + 6.6 * len(name)
    return "".join(parts)


def _colour(names: Sequence[str], name: str) -> str:
    return _COLOURS[names.index(name) % len(_COLOURS)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _image(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img">'
    named = f'<title>{escape(title)}</title>{_STYLE}<text class="t" x="10" y="22">{escape(title)}</text>'
    return f"{head}{named}{''.join(parts)}</svg>\n"
