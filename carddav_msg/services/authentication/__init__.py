"""Who is it? The one resolver and the one place where secrets are verified, for all faces (DESIGN §2, §5).

`signin` is the way in; `names` finds whom a login means, `throttling` says who has to wait, `codes` what a sign-in code
opens, `denials` what a refused refresh is told, `strangers` how many wait for a secret to be looked at, and `callers`
keeps something of those who come again.
"""

from __future__ import annotations

from carddav_msg.services.authentication.callers import Callers
from carddav_msg.services.authentication.codes import Codes
from carddav_msg.services.authentication.signin import Authentication
from carddav_msg.services.authentication.strangers import Strangers
from carddav_msg.services.authentication.throttling import Limits, Throttle
from carddav_msg.services.authentication.visitor import Face, Hints, Method, Moment, Ticket, Visitor

__all__ = [
    "Authentication",
    "Callers",
    "Codes",
    "Face",
    "Hints",
    "Limits",
    "Method",
    "Moment",
    "Strangers",
    "Throttle",
    "Ticket",
    "Visitor",
]
