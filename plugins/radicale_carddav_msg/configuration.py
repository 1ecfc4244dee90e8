"""The engine's configuration in the composed server; that of a stock Radicale is `config/radicale.ini`."""

from __future__ import annotations

from radicale import config

from carddav_msg.bootstrap import Services
from radicale_carddav_msg.auth import Auth
from radicale_carddav_msg.rights import Rights
from radicale_carddav_msg.storage import Storage

REALM = "carddav-msg"


def composed(services: Services, *, visitor_key: str, segment_key: str, dav: str) -> config.Configuration:
    """A configuration whose plugins are bound to these services.

    The keys are those of the WSGI environ with the visitor that the guard let in and with the principal's segment of
    the path; `dav` is the DAV header of all answers, as the engine's own promises locks and calendars.
    """

    def auth(configuration: config.Configuration) -> Auth:
        return Auth(configuration, lambda: services, visitor_key=visitor_key, segment_key=segment_key)

    settings = services.settings
    configuration = config.load()
    configuration.update(
        {
            "server": {
                "max_content_length": settings.max_body_size,
                # The engine takes at most 80 % of it for one card.
                "max_resource_size": min(settings.max_card_size, settings.max_body_size * 8 // 10),
                "delay_on_error": 0,
                "validate_user_value": "none",
                "validate_path_value": "none",
            },
            "auth": {"type": auth, "delay": 0, "realm": REALM},
            "rights": {"type": Rights, "permit_delete_collection": False, "permit_overwrite_collection": False},
            "storage": {"type": Storage},
            "web": {"type": "none"},
            "headers": {"DAV": dav},
        },
        "carddav_msg.wsgi",
    )
    return configuration
