"""Web Service Contacts: the stored fragments of the books a user may read, and when they last changed (DESIGN §3).

`service` is what the face calls; `entries` reads what is in a document, `bodies` packs it once for all who may have it.
"""

from __future__ import annotations

from carddav_msg.services.contacts.service import SETTLED_AFTER, Contacts, State

__all__ = ["SETTLED_AFTER", "Contacts", "State"]
