"""Who runs the command, as the audit names it: the account of the machine, and where it is used from."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from carddav_msg.domain.audit import Actor
from carddav_msg.domain.identifiers import has_control


def actor(environ: Mapping[str, str]) -> Actor:
    """The account (behind `sudo` also the person), with the address of the SSH client or the machine's name."""
    account = _account()
    person = environ.get("SUDO_USER", "")
    name = f"{person} as {account}" if person and person != account else account
    client = environ.get("SSH_CONNECTION", environ.get("SSH_CLIENT", "")).partition(" ")[0]
    return Actor(_printable(name), "cli", _printable(client or socket.gethostname()))


def _account() -> str:
    import pwd  # missing on systems that we don't serve from

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that no account has
        return f"uid {os.getuid()}"


def _printable(text: str) -> str:
    """The environment can say anything, and the audit is read on terminals."""
    return "".join("?" if has_control(character) else character for character in text)[:255]
