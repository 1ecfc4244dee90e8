"""What stands around the server of a provider: a PostgreSQL cluster of its own, and nginx with TLS."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import processes
from bench.errors import Missing

_PATIENCE: Final = 60.0
_NGINX: Final = """\
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    client_max_body_size 5m;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    upstream server_of_ours {{
        server {host}:{server};
        keepalive 32;
    }}
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://server_of_ours;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A process with its port."""

    pid: int
    port: int


@contextmanager
def postgresql(folder: Path) -> Iterator[Running]:
    """A new cluster with a database `bench`; durable, as it comes, with memory for its pages."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parts[-2]))
    if not tools:
        raise Missing("PostgreSQL's server is not installed: apt-get install postgresql")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    data, port = folder / "postgresql", processes.free_port()
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user)

    def run(name: str, *arguments: str) -> None:
        subprocess.run([str(tools[-1] / name), *arguments], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)

    run("initdb", "-D", str(data), "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C")
    command = [str(tools[-1] / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    command += ["-c", f"listen_addresses={processes.HOST}", "-c", "shared_buffers=512MB", "-c", "max_connections=200"]
    with processes.running(command, folder / "postgresql.log", port=port, user=user) as pid:
        ready = [str(tools[-1] / "pg_isready"), "--quiet", "-h", processes.HOST, "-p", str(port)]
        until = time.monotonic() + _PATIENCE
        while subprocess.run(ready, check=False).returncode and time.monotonic() < until:
            time.sleep(0.05)  # it listens before it takes connections
        run("createdb", "-h", processes.HOST, "-p", str(port), "-U", "bench", "bench")
        yield Running(pid, port)


@contextmanager
def nginx(folder: Path, server: int) -> Iterator[Running]:
    """TLS in front of a port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("openssl") is None:
        raise Missing("nginx or openssl is not installed: apt-get install nginx-light openssl")
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    certificate += ["-days", "2", "-subj", "/CN=bench"]
    certificate += ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"]
    subprocess.run(certificate, check=True, capture_output=True)
    for name in ("body", "proxy"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    port, config = processes.free_port(), folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, host=processes.HOST, port=port, server=server), "utf-8")
    command = [program, "-p", str(folder), "-e", f"{folder}/nginx-error.log", "-c", str(config)]
    with processes.running(command, folder / "nginx.log", port=port) as pid:
        yield Running(pid, port)


def trusting() -> ssl.SSLContext:
    """TLS of a client that takes the certificate of this run, which nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
