"""`carddav-msg serve`: the server with its worker processes."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from carddav_msg.cli import output
from carddav_msg.cli.metrics import Metrics
from carddav_msg.cli.state import State, pass_state
from carddav_msg.errors import ConfigurationError
from carddav_msg.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

_UNIX: Final = "unix:"
_KEEPALIVE: Final = 30
_GRACE: Final = 30
# A longer line or header is answered with 414 or 431: passwords in a query are short, and memory is not for strangers.
_REQUEST_LINE: Final = 8190
_HEADERS: Final = 64
_HEADER_SIZE: Final = 8190
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

    settings = replace(state.settings, **{name: value for name, value in given.items() if value is not None})
    if bootstrap.is_new_database(settings):
        bootstrap.migrate(settings)
    outdated = _checked(settings)
    _check_addresses(settings)
    _say_who_may_ask(settings)
    logs.configure(settings.log_level)  # not before: Alembic is talkative
    if settings.public_url == Settings().public_url and settings.port != Settings().port:
        output.warn(
            f"Warning: photos and links point to {settings.public_url}; set public_url to where phones find us."
        )
    _run(settings, _Rebuild(state.config) if outdated else None, Metrics(settings) if settings.metrics_port else None)


def _checked(settings: Settings) -> bool:
    """Whether cards are to be rendered again. ConfigurationError when schema or keys don't fit.

    All that was opened is closed again, since the workers are forked from this process.
    """
    from carddav_msg import bootstrap

    services = bootstrap.build(settings)
    try:
        if problems := bootstrap.check(services):
            raise ConfigurationError(problems)
        if not services.administration.announce():
            output.warn(_SUPERSEDED)
        return services.administration.outdated()
    finally:
        services.close()


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


def _check_addresses(settings: Settings) -> None:
    """ConfigurationError when an address can't be listened on: gunicorn would try for seconds and say it in logs."""
    if not settings.host.startswith(_UNIX):
        _check_address(settings.host, settings.port, "host and port")
    if settings.metrics_port:
        _check_address(settings.metrics_host, settings.metrics_port, "metrics_host and metrics_port")


def _check_address(host: str, port: int, names: str) -> None:
    place = f"{_bracketed(host)}:{port}"
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise ConfigurationError([f"Can't listen on {place}: {error.strerror}. See the settings {names}."]) from None


class _Rebuild:
    """`rebuild` in a process of its own beside the server: serving never waits for it."""

    def __init__(self, config: Path | None) -> None:
        self._command = [
            sys.executable,
            "-m",
            "carddav_msg",
            *(["--config", str(config)] if config else []),
            "rebuild",
            "--due",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        log.info("Cards were rendered by another release or with other settings; they are rendered again beside.")
        self._process = subprocess.Popen(  # noqa: S603  # this very program
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def stop(self) -> None:
        """Ends it if it still runs; what it has done stays, and the next start goes on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _run(settings: Settings, rebuild: _Rebuild | None, metrics: Metrics | None) -> None:
    """Runs gunicorn until it is told to end."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    from carddav_msg import logs

    class OurLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
        """Gunicorn's messages in the product's one pipeline, which knows what must not be shown."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            logs.adopt("gunicorn.error", "gunicorn.access")

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        """The application is made in each worker, after the fork."""

        def load_config(self) -> None:
            for name, value in _options(settings, OurLogger, rebuild, metrics).items():
                if name in self.cfg.settings:  # some are newer than the oldest gunicorn that we run on
                    self.cfg.set(name, value)

        def load(self) -> WSGIApplication:
            from carddav_msg.wsgi import create_application

            return create_application(settings)

    Server().run()


def _options(settings: Settings, logger: type, rebuild: _Rebuild | None, metrics: Metrics | None) -> dict[str, Any]:
    beside = [process for process in (rebuild, metrics) if process]

    def when_ready(arbiter: Any) -> None:
        click.echo(f"carddav-msg serves {_place(arbiter.LISTENERS[0].sock)}")
        sys.stdout.flush()
        for process in beside:
            process.start()

    def on_exit(arbiter: Any) -> None:
        for process in beside:
            process.stop()

    def child_exit(arbiter: Any, worker: Any) -> None:
        if metrics:
            metrics.forget(worker)

    hooks: dict[str, Callable[..., None]] = {"when_ready": when_ready, "on_exit": on_exit, "child_exit": child_exit}
    return {
        "bind": settings.host if settings.host.startswith(_UNIX) else f"{_bracketed(settings.host)}:{settings.port}",
        # Of a Unix socket: whoever can open it is a proxy, so only the group can.
        "umask": 0o007 if settings.host.startswith(_UNIX) else 0,
        "workers": settings.workers,
        "worker_class": "gthread",
        "threads": settings.threads,
        "keepalive": _KEEPALIVE,
        "graceful_timeout": _GRACE,
        "limit_request_line": _REQUEST_LINE,
        "limit_request_fields": _HEADERS,
        "limit_request_field_size": _HEADER_SIZE,
        "proc_name": "carddav-msg",
        "loglevel": settings.log_level,
        "logger_class": logger,
        "accesslog": None,
        # Headers of proxies count for nothing here: the product itself knows whom to believe (`entrance`).
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "control_socket_disable": True,
        **hooks,
    }


def _place(listener: socket.socket) -> str:
    """Where a listener listens, as a URL where there is one."""
    name = listener.getsockname()
    return f"{_UNIX}{name}" if isinstance(name, str) else f"http://{_bracketed(name[0])}:{name[1]}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
