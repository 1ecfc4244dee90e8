"""What hypothesis builds the values of the format tests from."""

from __future__ import annotations

from hypothesis import strategies as st

from carddav_msg.domain.contact import Contact, MessagingIdentity
from carddav_msg.domain.user import NUMBER_KINDS, Address, Email, Number, Photo, Profile

HOSTILE = [
    'O\'Brien, "Bob"',
    "Line\nBreak",
    "Semi; Colon",
    "Back\\slash",
    "ends with \\",
    "<b>&amp;</b>]]>",
    "tab\tname",
    "עמר نوعה",
    "👩🏽‍🚀 Ada Łovelace",
    "a\nX-CLOUD-USERNAME:mallory\nEND:VCARD",
    "x" * 180,
    "ü" * 180,
    " \n ",
]


def _carried(text: str) -> bool:
    return "\ufffe" not in text and "\uffff" not in text


# Any text that the domain lets in: no control characters but tab and LF, and nothing that XML 1.0 can't carry.
TEXT = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\t\n\\;,:"'), max_size=90
).filter(_carried)
NAME = TEXT.map(str.strip).filter(bool)
DIGITS = st.text("0123456789", min_size=3, max_size=10)
URL = st.builds("https://example.com/{}".format, st.text("abc,;=?&/%20", max_size=90))
USERNAME = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="/:@"), min_size=1, max_size=128)
NETWORK = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", fullmatch=True)
IDENTITY = st.builds(MessagingIdentity, USERNAME.filter(_carried), NETWORK)
NUMBER = st.builds(
    Number, st.sampled_from(NUMBER_KINDS), DIGITS, st.just("") | DIGITS.map("+1555".__add__), st.just("") | NAME
)
ADDRESS = st.builds(Address, st.sampled_from(["work", "home", "other"]), NAME, *[st.just("") | NAME] * 4)
PROFILE = st.builds(
    Profile,
    NAME,
    *[st.just("") | NAME] * 12,
    numbers=st.lists(NUMBER, max_size=4, unique_by=lambda n: n.entered).map(tuple),
    emails=st.lists(st.builds(Email, NAME, st.sampled_from(["work", "home", "other"])), max_size=3).map(tuple),
    addresses=st.lists(ADDRESS, max_size=2).map(tuple),
    birthday=st.just("") | st.dates().map(lambda day: day.isoformat()),
    note=st.just("") | NAME,
    photo=st.builds(Photo, st.just("") | URL, st.just("") | URL, st.just("") | st.just("ab" * 16)),
)
CONTACT = st.builds(
    Contact,
    DIGITS,
    PROFILE,
    st.none() | IDENTITY,
    st.just("") | st.builds("{}@sip.example.com".format, USERNAME),
    st.lists(URL, max_size=2).map(tuple),
)
