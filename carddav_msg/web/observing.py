"""Noting who was let in by a web face, for `why` and `user timeline`."""

from __future__ import annotations

from carddav_msg.credentials import device
from carddav_msg.services.authentication import Face, Visitor
from carddav_msg.services.observations import Observations
from carddav_msg.web.errors import by_doctor
from carddav_msg.web.parameters import Parameters


def let_in(
    observations: Observations,
    face: Face,
    visitor: Visitor,
    sent: Parameters,
    *,
    network_id: str = "",
    book: int = 0,
    seq: int = 0,
) -> None:
    """Notes a success, with what was served where it matters; a probe of `doctor` is nobody's visit."""
    if device.is_probe(visitor.device) or (face is Face.EXTERNAL_AUTHENTICATION and by_doctor()):
        return
    observations.success(
        visitor.principal.id,
        face,
        login=sent.login,
        agent=sent.agent,
        matched=visitor.matched,
        device=visitor.device or sent.device,
        cloud_id=sent.cloud_id,
        network_id=network_id,
        book=book,
        seq=seq,
    )
