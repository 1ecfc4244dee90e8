"""One PostgreSQL cluster for a whole test run, in a folder that the run's main process holds a lock on.

`start` runs this file as a keeper: it makes and starts the cluster, goes to the background, waits for the run's lock
(the kernel frees it whatever way the run ends), then stops the cluster and removes its files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

SUPERUSER: Final = "postgres"
_RUN, _KEEPER, _DATA = "run.lock", "keeper.lock", "postgresql"
_OPTIONS: Final = (
    "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off "
    "-c max_connections=200 -c shared_buffers=64MB -c autovacuum=off -c jit=off"
)


class PostgresqlMissing(Exception):
    """There is no PostgreSQL to test with, and why."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock on a file; freed at the latest when the process ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def binaries() -> Path:
    """The folder of the newest PostgreSQL server: Debian's place, else beside `initdb` on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise PostgresqlMissing("PostgreSQL's server is not installed (Debian: apt-get install postgresql).")
    return Path(initdb).parent


def start(folder: Path) -> None:
    """Starts the cluster of a run's folder and returns when it takes connections."""
    binaries()
    keeper = subprocess.run(
        [sys.executable, __file__, str(folder)], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if keeper.returncode:
        raise RuntimeError(f"PostgreSQL did not start:\n{keeper.stdout}{keeper.stderr}")


def conninfo(folder: Path, database: str = SUPERUSER) -> str:
    """How psycopg reaches a database of the cluster."""
    return f"host={folder / _DATA} user={SUPERUSER} dbname={database}"


def url(folder: Path, database: str) -> str:
    """How SQLAlchemy reaches a database of the cluster."""
    return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={quote(str(folder / _DATA), safe='')}"


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """Holds the folder of a run; at the end waits until a cluster that was started in it is gone."""
    folder.chmod(0o755)
    try:
        with locked(folder / _RUN):
            yield folder
        with locked(folder / _KEEPER):
            pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> dict[str, object]:
    """Whom the server runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in (SUPERUSER, "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise PostgresqlMissing("PostgreSQL does not run as root, and there is no user `postgres`.")


def _keep(folder: Path) -> None:
    keeper = (folder / _KEEPER).open("a")
    fcntl.flock(keeper, fcntl.LOCK_EX)
    data, account = folder / _DATA, _account()
    data.mkdir(mode=0o700)
    if account:
        os.chown(data, int(str(account["user"])), int(str(account["group"])))

    def run(*command: str) -> None:
        # The server would hold a pipe open for as long as it runs: it writes to its log, the tools to ours.
        subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL, **account)  # type: ignore[call-overload]

    tools = binaries()
    run(
        *(str(tools / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=trust", "--no-sync"),
        *("--encoding=UTF8", "--locale=C", "--no-instructions"),
    )
    pg_ctl = (str(tools / "pg_ctl"), "-D", str(data), "-s", "-w", "-t", "60")
    run(*pg_ctl, "-l", str(data / "log"), "-o", f"-k {data} {_OPTIONS}", "start")
    if os.fork():
        os._exit(0)
    os.setsid()
    with open(os.devnull, "r+b") as null:
        for stream in (0, 1, 2):
            os.dup2(null.fileno(), stream)
    try:
        with locked(folder / _RUN):
            pass
    finally:
        run(*pg_ctl, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
