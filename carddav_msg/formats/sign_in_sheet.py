"""A sheet of sign-in cards to print and cut: HTML for A4 paper that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Final

CARDS: Final = (1, 2, 4, 6, 8, 10)
"""How many cards a page may have."""
_HEIGHT: Final = 277
_STYLE: Final = """
@page { size: A4; margin: 10mm }
* { box-sizing: border-box; margin: 0 }
body { font: 9pt/1.3 "Segoe UI", "Helvetica Neue", Arial, "Noto Sans", sans-serif; color: #000; background: #fff }
.page { display: grid; width: 190mm; height: 277mm; margin: 0 auto; break-after: page; overflow: hidden }
.page:last-child { break-after: auto }
.card { display: flex; align-items: center; gap: 3mm; padding: 3mm; border: 0.2mm dashed #999; overflow: hidden }
.card svg { flex: none; display: block }
.what { min-width: 0; flex: 1 }
h2 { font-size: 1.3em; margin-bottom: 1mm }
h2, .user { overflow-wrap: anywhere; overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical }
h2 { -webkit-line-clamp: 2 }
.user { -webkit-line-clamp: 3 }
p { margin-bottom: 1mm }
dt, .until { font-size: .8em; color: #444 }
dd { margin-bottom: .8mm }
.code { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; font-size: .95em }
.code span { white-space: nowrap }
@media screen { body { background: #ddd } .page { background: #fff; margin: 8mm auto } }
"""


@dataclass(frozen=True, slots=True)
class SignInCard:
    """One card. `svg` is the QR code as an SVG element with a viewBox and no size; `until` is a text."""

    name: str
    user_name: str
    code: str
    app: str
    until: str
    svg: str


def sheet(title: str, note: str, cards: Iterable[SignInCard], per_page: int) -> Iterator[str]:
    """The document in pieces, a page each; `note` is a sentence on every card, `per_page` one of CARDS."""
    columns = 1 if per_page <= 2 else 2
    rows = per_page // columns
    height = _HEIGHT // rows
    side = min(height - 12, 120 if columns == 1 else 38)
    grid = f".page {{ grid: repeat({rows}, {height}mm) / repeat({columns}, 1fr) }} .card svg {{ width: {side}mm }}"
    if columns == 1:
        grid += " .card { flex-direction: column; justify-content: center; text-align: center } .what { flex: none }"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{grid}\n</style>\n</head>\n<body>\n"
    )
    rest = iter(cards)
    while page := list(islice(rest, per_page)):
        yield '<section class="page">\n' + "".join(_card(card, note) for card in page) + "</section>\n"
    yield "</body>\n</html>\n"


def _card(card: SignInCard, note: str) -> str:
    # A code breaks between its groups only, so that it can be typed as it is read.
    code = "-<wbr>".join(f"<span>{escape(group)}</span>" for group in card.code.split("-"))
    return (
        f'<article class="card">\n{card.svg}\n<div class="what">\n<h2 dir="auto">{escape(card.name)}</h2>\n'
        + (f'<p dir="auto">{escape(note)}</p>\n' if note else "")
        + f'<dl><dt>User name</dt><dd class="user" dir="auto">{escape(card.user_name)}</dd>'
        f'<dt>Code, instead of a password</dt><dd class="code">{code}</dd></dl>\n'
        f'<p class="until">App {escape(card.app)}, before {escape(card.until)}</p>\n</div>\n</article>\n'
    )
