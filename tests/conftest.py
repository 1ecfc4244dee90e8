"""Fixtures of all tests: settings, services on both databases, and the real server as a process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from carddav_msg import bootstrap
from carddav_msg.settings import PREFIX, Settings
from tests import clusters, profiles
from tests.databases import Databases
from tests.servers import Servers

profiles.load()
_FOLDER = pytest.StashKey[Path]()
_END = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """The main process of a run makes its folder and holds it to the end; xdist's workers are told where it is."""
    inherited = getattr(config, "workerinput", {}).get("carddav_msg_folder")
    if inherited is None:
        end = ExitStack()
        config.stash[_END] = end
        config.stash[_FOLDER] = end.enter_context(clusters.run_folder(Path(tempfile.mkdtemp(prefix="carddav-msg-"))))
    else:
        config.stash[_FOLDER] = Path(inherited)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tells a worker of xdist where the folder of the run is."""
    node.workerinput["carddav_msg_folder"] = str(node.config.stash[_FOLDER])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the PostgreSQL cluster, if a test started it, and removes the folder of the run."""
    if _END in config.stash:
        config.stash[_END].close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    """Makes migrated databases; for tests that need more than one, or one for each example."""
    return Databases(pytestconfig.stash[_FOLDER])


@pytest.fixture
def settings(databases: Databases, tmp_path: Path) -> Settings:
    """Settings with cheap hashes, keys, and a migrated SQLite database, all in the test's own folder."""
    return databases.settings(tmp_path, databases.sqlite(tmp_path))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that SQLite runs on connections made from now on: ask for it before what connects."""
    run: list[str] = []

    def connected(connection: Any, _: object) -> None:
        connection.set_trace_callback(run.append)

    event.listen(Pool, "connect", connected)
    yield run
    event.remove(Pool, "connect", connected)


@pytest.fixture
def services(settings: Settings) -> Iterator[bootstrap.Services]:
    """The services on SQLite."""
    services = bootstrap.build(settings)
    yield services
    services.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_settings(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """Like `settings`, once with SQLite and once with PostgreSQL."""
    if request.param == "sqlite":
        yield databases.settings(tmp_path, databases.sqlite(tmp_path))
    else:
        with databases.postgresql() as url:
            yield databases.settings(tmp_path, url)


@pytest.fixture
def any_services(any_settings: Settings) -> Iterator[bootstrap.Services]:
    """The services, once on SQLite and once on PostgreSQL."""
    services = bootstrap.build(any_settings)
    yield services
    services.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Servers]:
    """Starts `carddav-msg serve`, `server(settings, log_level="debug").url`, and ends it with the test."""
    with Servers(tmp_path) as servers:
        yield servers
