"""`carddav-msg serve`: the server with its worker processes."""

from __future__ import annotations

import logging
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from carddav_msg import settings as configuration
from carddav_msg.cli import output
from carddav_msg.cli.listener import check_address, listening, place
from carddav_msg.cli.metrics import Metrics
from carddav_msg.cli.state import State, pass_state
from carddav_msg.errors import CarddavMsgError, ConfigurationError
from carddav_msg.settings import Settings

if TYPE_CHECKING:
    from carddav_msg.bootstrap import Services
    from carddav_msg.entrance import Entrance

log = logging.getLogger(__name__)

_KEPT: Final = ("HOME", "LANG", "LC_", "PATH", "PG", "PROMETHEUS_", "PYTHON", "SSL_", "TMPDIR", "TZ")
"""Variables that the workers need. Each is in the environ of each request, so none may look like a header."""
_DESCRIPTORS: Final = 65_536
_SUPERSEDED: Final = (
    "Warning: Cards are rendered by a newer release, or with settings that were set after these. This server answers "
    "reads, and refuses to change cards that are rendered so. To go back to these settings: carddav-msg rebuild"
)


@click.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one and prints it.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that answer requests.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads in each process.")
@pass_state
def serve(state: State, /, **given: Any) -> None:
    """Serve all faces. Options win over settings.

    A new SQLite database is made; any other one has to have the schema of this release (`carddav-msg migrate`).
    """
    from carddav_msg import bootstrap, logs

    settings = _with(state.settings, given)
    if bootstrap.is_new_database(settings):
        bootstrap.migrate(settings)
    current = _Current(state.config, given, settings)
    _say_who_may_ask(settings)
    logs.configure(settings.log_level)  # not before: Alembic is talkative
    if settings.public_url == Settings().public_url and settings.port != Settings().port:
        output.warn(
            f"Warning: photos and links point to {settings.public_url}; set public_url to where phones find us."
        )
    _run(current)


class _Current:
    """The server of the moment: with the settings and keys of the start, until new ones are asked for that work."""

    def __init__(self, config: Path | None, given: Mapping[str, Any], settings: Settings) -> None:
        self.services, self.application, self.outdated = _checked(settings)
        self.environ = dict(os.environ)
        self._config = config
        self._given = given

    def renew(self) -> None:
        """Reads settings and keys again. When they don't work that is told, and those that did stay."""
        try:
            settings = _with(configuration.load(self._config, self.environ), self._given)
            self.services, self.application, self.outdated = _checked(settings)
        except CarddavMsgError as error:
            log.error("The new settings don't work, so the old ones stay: %s", error)
        else:
            log.info("The settings and keys were read again.")

    def command(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a command of ours beside the server."""
        config = ["--config", str(self._config)] if self._config else []
        return subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-m", "carddav_msg", *config, *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


def _with(settings: Settings, given: Mapping[str, Any]) -> Settings:
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _checked(settings: Settings) -> tuple[Services, Entrance, bool]:
    """The services, the server over them, and whether cards are to be rendered again.

    ConfigurationError when schema or keys don't fit, or a setting can't be answered with.

    What was opened is closed again, since the workers are forked from this process; the services open it anew.
    """
    from carddav_msg import bootstrap, wsgi

    services = bootstrap.build(settings)
    try:
        if problems := bootstrap.check(services):
            raise ConfigurationError(problems)
        if not services.administration.announce():
            output.warn(_SUPERSEDED)
        return services, wsgi.mount(services), services.administration.outdated()
    finally:
        services.directory.close()


def _say_who_may_ask(settings: Settings) -> None:
    """Whom External Authentication answers is never left to guesses: said at each start."""
    listed = ", ".join(settings.auth_allowed_sources)
    if settings.auth_access == "closed":
        click.echo(
            f"External Authentication is closed; it answers {listed or 'nobody: auth_allowed_sources is empty'}."
        )
    else:
        but = f", though auth_allowed_sources names {listed}" if listed else ""
        click.echo(f"External Authentication is open; it answers every address{but} (auth_access).")


class _Rebuild:
    """`rebuild` in a process of its own beside the server: serving never waits for it."""

    def __init__(self, current: _Current) -> None:
        self._current = current
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it when there is something to do."""
        if not self._current.outdated:
            return
        self.stop()
        log.info("Cards were rendered by another release or with other settings; they are rendered again beside.")
        self._process = self._current.command("rebuild", "--due")

    def stop(self) -> None:
        """Ends it if it still runs; what it has done stays, and the next start goes on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _run(current: _Current) -> None:
    """Serves until it is told to end."""
    settings = current.services.settings
    _allow_descriptors()
    if settings.metrics_port:
        check_address(settings.metrics_host, settings.metrics_port, "metrics_host and metrics_port")
    with listening(settings.host, settings.port, settings.workers) as listeners:
        _serve(current, listeners, Metrics(settings) if settings.metrics_port else None)


def _allow_descriptors() -> None:
    """As many as we may have: of the connections of idle phones there are more than the 1,024 that are usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _serve(current: _Current, listeners: list[socket.socket], metrics: Metrics | None) -> None:
    from carddav_msg.cli.workers import Workers

    rebuild = _Rebuild(current)
    beside = [process for process in (rebuild, metrics) if process]
    workers = Workers(listeners, current.services.settings, lambda: (current.services, current.application))
    for name in list(os.environ):
        if not name.startswith(_KEPT):
            del os.environ[name]

    def started() -> None:
        click.echo(f"carddav-msg serves {place(listeners[0])}")
        sys.stdout.flush()
        for process in beside:
            process.start()

    def renewed() -> None:
        current.renew()
        rebuild.start()

    workers.on_startup(started)
    workers.on_reload(renewed)
    try:
        workers.run()
    finally:
        for process in beside:
            process.stop()
