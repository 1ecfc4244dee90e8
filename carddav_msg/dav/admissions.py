"""Who was let in before, and what they were answered.

Phones ask the same question every three minutes, and nearly always nothing has changed. The same credentials for the
same book are let in again while the door is the same, with one look at the directory. And since an answer is made of
the request and of the door (a book's `seq` is there), the same request gets the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from wsgiref.types import WSGIEnvironment

from carddav_msg.dav.exchange import Answer, Request
from carddav_msg.domain.hrefs import DavPath
from carddav_msg.services.authentication import Authentication, Callers, Visitor

_ANSWERS: Final = 2  # a poll and a sync
_SMALL: Final = 2048  # octets: what is asked again and again is no longer, nor is what is answered


@dataclass(slots=True)
class Admission:
    """A visitor in a book, in a home, or at the root. `login` is what was typed, `device` the phone whose credential
    was sent, if it was one.

    `probe` says that `doctor` looks, not a phone. A visitor without a ticket is looked at each time. `answers` are
    those given since, by the digest of the request.
    """

    visitor: Visitor
    login: str
    device: str
    probe: bool
    answers: dict[bytes, Answer] = field(default_factory=dict, repr=False)


class Admissions:
    """The admissions of one process; threads share it. It holds digests of credentials, never a secret."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self._known: Callers[Admission] = Callers()

    def asked(self, environ: WSGIEnvironment, path: DavPath) -> bytes:
        """A digest of all that an admission depends on, beside the directory."""
        return self._known.digest(
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_AUTHORIZATION", ""),
            path.principal,
            path.book,
        )

    def again(self, asked: bytes) -> Admission | None:
        """The admission of before, if it is one still. Unavailable when the directory can't tell."""
        admission = self._known.kept(asked)
        if admission is None:
            return None
        visitor = self._authentication.again(admission.visitor)
        if visitor is admission.visitor:
            return admission
        if visitor is None:
            self._known.forget(asked)
            return None
        return replace(admission, visitor=visitor, answers={})

    def question(self, request: Request, admission: Admission) -> bytes | None:
        """A digest of all that an answer depends on beside the admission: path, body, and all headers, read or not.

        None when the answer is not to be remembered: when the request is no poll, or the admission won't be repeated.
        """
        poll = request.method == "PROPFIND" or (request.method == "REPORT" and b"sync-collection" in request.body)
        if admission.visitor.ticket is None or not poll or len(request.body) > _SMALL:
            return None
        said = [f"{name}={value}" for name, value in request.environ.items() if name.startswith("HTTP_")]
        path = "/".join(request.path.segments) + ("/" if request.path.collection else "")
        return self._known.digest(request.method, path, *said, request.body.decode("latin-1"))

    def keep(self, asked: bytes, admission: Admission, question: bytes, given: Answer | None) -> None:
        """Remembers the admission of a poll. Also the answer, if it is a short one about the book of the admission: of
        anything else the door tells too little.
        """
        self._known.keep(asked, admission)
        if given is None or given.status != 207 or admission.visitor.book is None:
            return
        if isinstance(given.body, list) and sum(map(len, given.body)) <= _SMALL:
            if len(admission.answers) >= _ANSWERS:
                admission.answers.clear()
            admission.answers[question] = given
