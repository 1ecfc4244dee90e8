"""Keys of the WSGI environ with which the guard hands a request on to the engine behind it.

Beside them the engine finds a PATH_INFO that is text (not the latin-1 of PEP 3333), a `wsgi.input` that holds the whole
body and its length in CONTENT_LENGTH; credentials and the headers that a client could forge are gone.
"""

from __future__ import annotations

from typing import Final

VISITOR: Final = "carddav_msg.visitor"
"""The `services.authentication.Visitor` who was let in."""

PRINCIPAL_SEGMENT: Final = "carddav_msg.principal_segment"
"""The principal's segment of the path as the client spelled it, decoded; empty at the root. Answers echo it."""
