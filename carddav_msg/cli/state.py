"""What one run of the command holds: settings and services, made when a command first asks for them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carddav_msg import settings as configuration
from carddav_msg.cli.actor import actor
from carddav_msg.errors import ConfigurationError
from carddav_msg.settings import Settings

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services


@dataclass
class State:
    """`config` is the file of `--config`. Commands that only read settings never open a database."""

    config: Path | None = None
    _settings: Settings | None = field(default=None, repr=False)
    _services: Services | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings; ConfigurationError names everything that is wrong with them."""
        if self._settings is None:
            self._settings = configuration.load(self.config)
        return self._settings

    @property
    def services(self) -> Services:
        """The services, on a database whose schema and keys fit; ConfigurationError says what to do otherwise."""
        if self._services is None:
            from carddav_msg import bootstrap  # heavy: SQLAlchemy, and the password hashes are warmed

            self._services = bootstrap.build(self.settings, actor(os.environ))
            if problems := bootstrap.check(self._services):
                raise ConfigurationError(problems)
        return self._services

    def close(self) -> None:
        """Closes what was opened."""
        if self._services is not None:
            self._services.close()


pass_state = click.make_pass_decorator(State, ensure=True)
