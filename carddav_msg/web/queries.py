"""Passwords in the query of a URL, where the logs of others may show them: each network says what is to be done."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from werkzeug.exceptions import BadRequest

from carddav_msg.services.authentication import Visitor
from carddav_msg.web.errors import face
from carddav_msg.web.parameters import Parameters

log: Final = logging.getLogger("carddav_msg.web.queries")
_AGAIN_AFTER = 3600.0


class QueryPasswords:
    """Applies a network's `credentials_in_query`; warns of each network and face once an hour and process."""

    def __init__(self) -> None:
        self._warned: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def check(self, visitor: Visitor, sent: Parameters, *, refuses: bool = True) -> None:
        """BadRequest when the network refuses what the caller did. Asked of those who were let in: to others it would
        tell which networks there are. Without `refuses` it is taken all the same, with the warning.
        """
        if not sent.in_query or visitor.credentials_in_query == "allow":
            return
        if refuses and visitor.credentials_in_query == "refuse":
            raise BadRequest("The password must not be in the query: send it in the body of a POST.")
        key = (visitor.network_id, face())
        with self._lock:
            if time.monotonic() - self._warned.get(key, -_AGAIN_AFTER) < _AGAIN_AFTER:
                return
            self._warned[key] = time.monotonic()
        log.warning(
            "face=%s network=%s passwords come in the query, where the logs of others may show them; let the portal's"
            " templates use POST",
            key[1],
            visitor.network_id,
        )
