"""The contacts of a run: the same N cards every time, and a strict look at what a server made of them."""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import dataclass
from typing import Final

from bench.errors import WrongAnswer

MARK: Final = "Quillfeather"
"""A word in the FN of ten cards of a book, whatever its size."""
HITS: Final = 10
_GIVEN: Final = ("Ada", "Béla", "Chloé", "Dmitri", "Esra", "Fatou", "Gaëlle", "Hugo", "Ilse")
_FAMILY: Final = ("Abel", "Bauer", "Çetin", "Dvořák", "Evans", "Falk", "Großmann", "Haas", "Iqbal")
_FOLD: Final = re.compile(r"\r?\n[ \t]")


@dataclass(frozen=True, slots=True)
class Contact:
    """One card: its name in URLs and its content lines, all but the NOTE, which tells the revision."""

    href: str
    lines: tuple[str, ...]
    marked: bool

    def vcard(self, revision: int = 0) -> str:
        """The text that is sent, about 480 bytes."""
        return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *self.lines, _note(revision), "END:VCARD", ""])

    def check(self, text: str, revision: int = 0) -> None:
        """WrongAnswer unless every line is there; servers may fold, reorder and add lines."""
        served = set(_FOLD.sub("", text).replace("\r\n", "\n").split("\n"))
        missing = {"BEGIN:VCARD", "END:VCARD", *self.lines, _note(revision)} - served
        if missing:
            raise WrongAnswer(f"{self.href} lacks {sorted(missing)}", text.encode())


def contacts(count: int, kind: str = "card") -> list[Contact]:
    """The first `count` contacts of a kind; ten of kind `card` are marked, spread over the book."""
    step = max(1, count // HITS)
    return [_contact(kind, i, marked=kind == "card" and i % step == 0 and i // step < HITS) for i in range(count)]


def _contact(kind: str, index: int, *, marked: bool) -> Contact:
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"carddav-msg-bench/{kind}/{index}"))
    chance = random.Random(uid)  # the same card in every run
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    lines = (
        f"UID:{uid}",
        f"FN:{given} {family} {MARK if marked else index}",
        f"N:{family};{given};;;",
        f"ORG:Example Telephony Ltd;Department {index % 41}",
        f"TEL;TYPE=WORK:+4930{chance.randrange(10**7, 10**8)}",
        f"TEL;TYPE=CELL:+4917{chance.randrange(10**8, 10**9)}",
        f"EMAIL;TYPE=INTERNET:person.{index:06d}@example.org",
        f"X-BENCH-ACCOUNT:account-{index:06d}@cloud.example.org",
        f"X-BENCH-TENANT:tenant-{chance.getrandbits(64):016x}",
        f"URL:https://directory.example.org/contacts/{uid}",
        "REV:2025-01-01T00:00:00Z",
    )
    return Contact(f"{uid}.vcf", lines, marked)


def _note(revision: int) -> str:
    return f"NOTE:A contact of the benchmark in its revision {revision}"
