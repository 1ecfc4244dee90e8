"""Sign-in codes: `qr-XXXX-XXXX-XXXX-XXXX`, what a QR code holds instead of a password (DESIGN §5).

80 random bits in the alphabet of Crockford's base 32, which has no I, L, O and U: a code can be read aloud and typed,
in either case, with or without the hyphens. That is enough not to be guessed, so a plain digest is stored, and a code
is found by it without a password hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PREFIX: Final = "QR"
_LENGTH: Final = 16
_GROUP: Final = 4
_TYPED = re.compile(rf"{_PREFIX}[{ALPHABET}]{{{_LENGTH}}}\Z")
_LIKENESS = str.maketrans("ILO", "110", "- ")


def new_code() -> str:
    """A new code, as it is shown."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    groups = [text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP)]
    return "-".join([_PREFIX.lower(), *groups])


def digest(secret: str) -> str | None:
    """What is stored of a code, however it was typed; None for a secret that does not look like one."""
    if len(secret) > 2 * _LENGTH or not secret.isascii():
        return None
    text = secret.upper().translate(_LIKENESS)
    return hashlib.sha256(text.encode()).hexdigest() if _TYPED.match(text) else None
