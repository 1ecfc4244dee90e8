"""The process that `serve` starts beside its workers when `metrics_port` is set: it tells Prometheus their sums."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import click

from carddav_msg import metrics
from carddav_msg.settings import Settings

_LOOK_EVERY = 2.0


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
        metrics.forget_ended()


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

    def stop(self) -> None:
        """Ends it and removes the folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
