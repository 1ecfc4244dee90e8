"""What can go wrong in a run."""

from __future__ import annotations


class WrongAnswer(Exception):
    """A server under test gave an answer that is not right; `body` is what it said."""

    def __init__(self, problem: str, body: bytes = b"") -> None:
        super().__init__(f"{problem}\n{body[:1500].decode('utf-8', 'replace')}" if body else problem)
        self.problem = problem


class Missing(Exception):
    """A peer is not installed here; the text says what to install."""
