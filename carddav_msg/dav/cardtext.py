"""The responses for many cards of a book: everything that they have in common is written once, as a template.

A template has holes, which stand between NULs: XML has none (XML 1.0 §2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Final

from carddav_msg.dav.addressdata import AddressData
from carddav_msg.dav.multistatus import gone, href_segment, is_plain, text
from carddav_msg.directory.rows import CardRow, Entry

HREF: Final = "\0href\0"
ETAG: Final = "\0etag\0"
SIZE: Final = "\0size\0"
MODIFIED: Final = "\0modified\0"
DATA: Final = "\0data\0"


def http_date(microseconds: int) -> str:
    """An HTTP-date (RFC 9110 §5.6.7)."""
    return formatdate(microseconds // 1_000_000, usegmt=True)


class CardText:
    """Writes responses for cards of the book at `base`, an href with a slash at its end, escaped for XML."""

    def __init__(self, template: str, base: str, data: AddressData) -> None:
        #: What is written beside the cards and the base.
        self.form = (template, data)
        self._literals = template.split("\0")[::2]
        self._holes = [f"\0{name}\0" for name in template.split("\0")[1::2]]
        self._base = base
        self._data = data
        self._write: Mapping[str, Callable[[CardRow], str]] = {
            HREF: lambda card: base + href_segment(card.href),
            ETAG: lambda card: card.etag,
            SIZE: lambda card: str(card.size),
            MODIFIED: lambda card: http_date(card.modified),
            DATA: lambda card: text(data.of(card.text)),
        }

    @property
    def of_whole_card(self) -> bool:
        """True when more of a card is wanted than its href and etag."""
        return not {HREF, ETAG}.issuperset(self._holes)

    def entries(self, page: Sequence[Entry]) -> str:
        """The responses for cards of which only href and etag are wanted; of a deleted one that it is gone."""
        places = self._places([entry[1] for entry in page])
        etags = [entry[2] for entry in page]
        if self._holes == [HREF, ETAG] and None not in etags:  # what clients ask
            before, between, behind = self._literals
            before += self._base
            parts = [f"{before}{place}{between}{etag}{behind}" for place, etag in zip(places, etags, strict=True)]
        else:
            parts = [
                gone(self._base + place) if etag is None else self._filled({HREF: self._base + place, ETAG: etag})
                for place, etag in zip(places, etags, strict=True)
            ]
        return "".join(parts)

    def cards(self, page: Sequence[CardRow | str]) -> str:
        """The responses for cards; behind them, for each href without a card, that it is gone."""
        found = [card for card in page if not isinstance(card, str)]
        if found and self._holes == [HREF, ETAG, DATA]:  # what clients ask
            before, between, around, behind = self._literals
            before += self._base
            places = self._places([card.href for card in found])
            # Escaped together: of a call for each card little would be work.
            datas = text("\0".join([self._data.of(card.text) for card in found])).split("\0")
            parts = [
                f"{before}{place}{between}{card.etag}{around}{data}{behind}"
                for card, place, data in zip(found, places, datas, strict=True)
            ]
        else:
            parts = list(map(self.card, found))
        missing = [gone(self._base + href_segment(href)) for href in page if isinstance(href, str)]
        return "".join(parts + missing)

    def card(self, card: CardRow) -> str:
        """The response for one card."""
        return self._filled({hole: self._write[hole](card) for hole in set(self._holes)})

    def _filled(self, values: Mapping[str, str]) -> str:
        pieces = [self._literals[0]]
        for hole, literal in zip(self._holes, self._literals[1:], strict=True):
            pieces += (values[hole], literal)
        return "".join(pieces)

    @staticmethod
    def _places(hrefs: Sequence[str]) -> Sequence[str]:
        """The hrefs as path segments; nearly always all of them are written as they are."""
        return hrefs if is_plain("".join(hrefs)) else [href_segment(href) for href in hrefs]
