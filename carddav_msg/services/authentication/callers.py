"""What is kept of callers who come again: phones ask the same every three minutes, with the same credentials."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Final, Generic, TypeVar

_MOST: Final = 16_384

Kept = TypeVar("Kept")


class Callers(Generic[Kept]):
    """Something kept of each caller of one process, by a digest of what they sent; threads share it.

    The digests have a key of their own, so no secret can be found in memory by trying. When there are too many
    callers, the one who was kept first goes.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, *sent: str) -> bytes:
        """A digest of what was sent, 16 octets; first what nobody can choose, such as the address.

        NUL within a part shifts where it ends. But who sends the same octets in a row knows the same secrets.
        """
        return blake2b("\0".join(sent).encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()

    def kept(self, caller: bytes) -> Kept | None:
        """What is kept of a caller."""
        return self._kept.get(caller)

    def keep(self, caller: bytes, what: Kept) -> None:
        """Keeps it, in place of what was kept of this caller before."""
        with self._lock:
            self._kept[caller] = what
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)

    def forget(self, caller: bytes) -> None:
        """Keeps nothing of a caller any longer."""
        self._kept.pop(caller, None)
