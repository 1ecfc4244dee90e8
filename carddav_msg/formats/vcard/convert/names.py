"""Which properties the versions name differently, and which only one of them has."""

from __future__ import annotations

from collections.abc import Iterable

from carddav_msg.formats.vcard.contentlines import ContentLine, unescape
from carddav_msg.formats.vcard.convert.draft import V3, V4, retext

TEXTS = ("FN", "NOTE", "TITLE", "ROLE", "PRODID", "EMAIL")
LISTS = ("NICKNAME", "CATEGORIES")
URIS = ("URL", "SOURCE", "IMPP", "FBURL", "CALURI", "CALADRURI")  # UID is left alone: it is compared as it is

ONLY_3 = ("AGENT", "CLASS", "LABEL", "MAILER", "NAME", "PROFILE", "SORT-STRING")  # RFC 6350 appendix A.2
ONLY_4 = ("CLIENTPIDMAP", "LANG", "XML")
_IN_BOTH = ("BDAY", "GEO", "KEY", "LOGO", "PHOTO", "REV", "SOUND", "TZ")  # with values that one of them has not

# What an aside may be restored to: a closed list, so that no client can write a property of another name, such as a
# messaging identity, in a way that shows only after a conversion.
ASIDE_3 = (*ONLY_3, *_IN_BOTH)
ASIDE_4 = (*ONLY_4, "ANNIVERSARY", "GENDER", "KIND", "RELATED", *_IN_BOTH)
# A card has one of these; a second one that comes out of an aside would make it a broken card.
ONCE = frozenset({"ANNIVERSARY", "BDAY", "GENDER", "KIND", "REV"})

MEMBER = "X-ADDRESSBOOKSERVER-MEMBER"
ALIASES = {"ANNIVERSARY": "X-ANNIVERSARY", "GENDER": "X-GENDER", "KIND": "X-ADDRESSBOOKSERVER-KIND"}
AB_DATE = "X-ABDATE"
AB_LABEL = "X-ABLABEL"
AB_RELATED = "X-ABRELATEDNAMES"
AB_ANNIVERSARY = "anniversary"
_OURS = (V3, V4, "X-ADDRESSBOOKSERVER-")

# Apple's labels of X-ABRELATEDNAMES as types of RELATED (RFC 6350 §6.6.6).
RELATIONS = {
    "assistant": "agent",
    "brother": "sibling",
    "child": "child",
    "daughter": "child",
    "father": "parent",
    "friend": "friend",
    "manager": "co-worker",
    "mother": "parent",
    "parent": "parent",
    "partner": "sweetheart",
    "sister": "sibling",
    "son": "child",
    "spouse": "spouse",
}


def has_meaning(name: str) -> bool:
    """True for an X- property (in upper case) that a conversion reads or writes as something else."""
    return name.startswith(_OURS) or name in (*ALIASES.values(), AB_DATE, AB_LABEL, AB_RELATED)


def apple_labels(lines: Iterable[ContentLine]) -> dict[str, str]:
    """The label of each group (in upper case); one that Apple translates (`_$!<Spouse>!$_`) without its marks."""
    labels: dict[str, str] = {}
    for line in lines:
        if line.name == AB_LABEL and line.group:
            label = unescape(line.value).strip().lower()
            labels.setdefault(line.group.upper(), label.removeprefix("_$!<").removesuffix(">!$_"))
    return labels


def stands_for(name: str, line: ContentLine, labels: dict[str, str]) -> bool:
    """Whether a line of a 3.0 card is what ANNIVERSARY, GENDER or KIND becomes there.

    In a group that Apple labels as anniversary that is X-ABDATE, so an X-ANNIVERSARY in one stays what it is.
    """
    if name != "ANNIVERSARY":
        return line.name == ALIASES[name]
    return line.name == (AB_DATE if labels.get(line.group.upper()) == AB_ANNIVERSARY else ALIASES[name])


def synthetic_name(lines: Iterable[ContentLine]) -> str:
    """The N that 3.0 asks for, of the first FN: all as given name, as taking a name apart would be a guess."""
    full = next((line.value for line in lines if line.name == "FN"), "")
    return f";{retext(full, ',;')};;;"
