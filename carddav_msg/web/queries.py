"""Passwords in the query of a URL, where the logs of others may show them: each network says what is to be done."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from werkzeug.exceptions import BadRequest

from carddav_msg.services.authentication import Face, Visitor
from carddav_msg.web.parameters import Parameters

log: Final = logging.getLogger("carddav_msg.web.queries")
_AGAIN_AFTER = 3600.0


class QueryPasswords:
    """Applies a network's `credentials_in_query` to a face; warns of each network once an hour and process."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._warned: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, visitor: Visitor, sent: Parameters, *, refuses: bool = True) -> None:
        """BadRequest when the network refuses what the caller did. Asked of those who were let in: to others it would
        tell which networks there are. Without `refuses` it is taken all the same, with the warning.
        """
        if not sent.in_query or visitor.credentials_in_query == "allow":
            return
        if refuses and visitor.credentials_in_query == "refuse":
            raise BadRequest("The password must not be in the query: send it in the body of a POST.")
        network = visitor.network_id
        with self._lock:
            if time.monotonic() - self._warned.get(network, -_AGAIN_AFTER) < _AGAIN_AFTER:
                return
            self._warned[network] = time.monotonic()
        log.warning(
            "face=%s network=%s passwords come in the query, where the logs of others may show them; let the portal's"
            " templates use POST",
            self._face,
            network,
        )
