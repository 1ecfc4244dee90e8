"""The process that `serve` starts beside its workers when `metrics_port` is set: it tells Prometheus their sums."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import click

from carddav_msg import metrics
from carddav_msg.settings import Settings

_LOOK_EVERY = 5.0


@click.command(name="serve-metrics", hidden=True)
@click.option("--host", required=True)
@click.option("--port", type=int, required=True)
def serve_metrics(host: str, port: int) -> None:
    """Answer /metrics until the process that started this one is gone."""
    from prometheus_client import start_http_server  # heavy, and only needed here

    parent = os.getppid()
    _, thread = start_http_server(port, host, registry=metrics.collected())
    while os.getppid() == parent and thread.is_alive():
        thread.join(_LOOK_EVERY)


class Metrics:
    """The folder that the workers count into, and the process that reads it."""

    def __init__(self, settings: Settings) -> None:
        """Names the folder in the environment, which workers forked later inherit."""
        self._folder = tempfile.mkdtemp(prefix="carddav-msg-metrics-")
        os.environ[metrics.FOLDER_VARIABLE] = self._folder
        arguments = ["serve-metrics", "--host", settings.metrics_host, "--port", str(settings.metrics_port)]
        self._command = [sys.executable, "-m", "carddav_msg", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603  # this very program

    def forget(self, worker: Any) -> None:
        """A worker has ended: what it had running is not running any more."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library's own lack

    def stop(self) -> None:
        """Ends it and removes the folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
