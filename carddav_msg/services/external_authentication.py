"""External Authentication: what the SSO server learns of a user who proved who they are (reference §3)."""

from __future__ import annotations

from dataclasses import dataclass

from carddav_msg.directory.port import Reads
from carddav_msg.domain.access import Principal
from carddav_msg.domain.contact import sip_address
from carddav_msg.domain.network import Network
from carddav_msg.domain.user import User
from carddav_msg.errors import Rejected, Unavailable
from carddav_msg.formats.sip import sip_uri


@dataclass(frozen=True, slots=True)
class VerifiedAccount:
    """`uri` is where the user can be reached (`sip:…` or empty), `numbers` are the verified ones, with `+`."""

    uri: str
    numbers: tuple[str, ...]


class ExternalAuthentication:
    """Answers the SSO server. Reads no secret: who the user is was settled before."""

    def __init__(self, directory: Reads) -> None:
        self._directory = directory

    def account(self, principal: Principal, cloud_username: str) -> VerifiedAccount:
        """The verified account of a user who had this name; Rejected for one without messaging, or who was disabled.

        Unavailable when the user was renamed since.
        """
        found = self._directory.member(principal.id)
        if found is None:
            raise Rejected("unknown")
        user, network = found
        if user.cloud_username != cloud_username:
            raise Unavailable("The account changed while it was read.", retry_after=1)
        if not user.enabled:
            raise Rejected("disabled", principal.id)
        if not user.messaging:
            raise Rejected("messaging", principal.id)
        return verified_account(user, network)


def verified_account(user: User, network: Network) -> VerifiedAccount:
    """What there is to tell of a user, whoever asks."""
    numbers = dict.fromkeys(number.e164 for number in user.profile.numbers if number.verified and number.e164)
    return VerifiedAccount(sip_uri(sip_address(user, network)), tuple(numbers))
