"""Auth plugin: who is it? Logins resolve as everywhere (DESIGN §2); the engine gets the canonical principal name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from radicale import types
from radicale.auth import AuthContext, BaseAuth
from radicale.config import Configuration

from carddav_msg.bootstrap import Services
from carddav_msg.domain.identifiers import fold
from carddav_msg.errors import Rejected, Throttled
from carddav_msg.services.authentication import Face, Hints, Visitor
from radicale_carddav_msg import stock
from radicale_carddav_msg.visit import Visit, begin, current

log = logging.getLogger(__name__)


class Auth(BaseAuth):
    """Begins the visit, and verifies logins unless somebody in front of the engine has done so.

    `services` is called for each request; None stands for a stock Radicale, where they are made of the settings at the
    first. `visitor_key` and `segment_key` name entries of the WSGI environ: the Visitor that a guard let in, and the
    principal's segment of the path as it was spelled; both "" where there is no guard.
    """

    def __init__(
        self,
        configuration: Configuration,
        services: Callable[[], Services] | None = None,
        visitor_key: str = "",
        segment_key: str = "",
    ) -> None:
        super().__init__(configuration)
        if services is None:
            stock.check_settings()
        self._services = services or stock.services
        self._visitor_key = visitor_key
        self._segment_key = segment_key

    def get_external_login(self, environ: types.WSGIEnviron) -> tuple[()] | tuple[str, str]:
        """The name of the guard's visitor; `()` otherwise: a truthy answer would suppress the 401 challenge."""
        services = self._services()
        visit = begin(
            Visit(
                services.authentication,
                services.addressbooks,
                host=environ.get("HTTP_HOST", ""),
                address=environ.get("REMOTE_ADDR", ""),
                segment=environ.get("PATH_INFO", "").strip("/").partition("/")[0],
                media_type=environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower(),
                conditional="HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ,
            )
        )
        visitor = environ.get(self._visitor_key) if self._visitor_key else None
        if not isinstance(visitor, Visitor):
            return ()
        visit.let_in(visitor, environ.get(self._segment_key) or visitor.principal.login)
        return visit.name, ""

    def _login_ext_with_groups(self, login: str, password: str, context: AuthContext) -> tuple[str, set[str]]:
        """The name of the principal, or "" when the credentials are not accepted.

        It is `NETWORK~cloud_username` unless the path spells it otherwise: in another case, or as the old name that was
        used to sign in. Then answers repeat that spelling, as clients take other hrefs for those of somebody else.
        """
        visit = current()
        if visit.visitor is None:
            hints = Hints(request_host=visit.host)
            try:
                visitor = visit.authentication.enter(login, password, Face.CARDDAV, hints=hints, address=visit.address)
            except (Rejected, Throttled) as error:  # the engine knows no 429
                log.info("The login %r was rejected: %s", login, error.reason)
                return "", set()
            canonical = visitor.principal.login
            own = fold(visit.segment) in (fold(canonical), fold(login))
            visit.let_in(visitor, visit.segment if own else canonical)
        return visit.name, set()

    def _sleep_for_constant_exec_time(self, time_ns_begin: int) -> None:
        """Does not sleep: a refusal costs `enter` the same work whatever its reason, and this delay only ever grows."""
