"""The floors: the right answers prepared as files, given by nginx, and by an application that does nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from shutil import which
from typing import Final
from xml.sax.saxutils import escape

from bench import dav, processes
from bench.cards import Contact
from bench.errors import Missing
from bench.operations import BATCH, Target

_PATH: Final = "/book/"
_TOKEN: Final = "data:,bench-1"
_NGINX: Final = """\
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    default_type application/xml;
    root {folder}/www;
    client_body_temp_path {folder}/body;
    client_body_buffer_size 1m;
    client_max_body_size 16m;
    keepalive_timeout 900;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=2048 inactive=900s;
    open_file_cache_valid 900s;
    server {{
        listen {host}:{port};
        location / {{
            dav_methods PUT DELETE;
            # PROPFIND and REPORT are none of a static file: the file is sent in place of the refusal.
            error_page 405 =207 $uri;
        }}
    }}
}}
"""


class Floor:
    """nginx: no server on this machine can be faster with this client."""

    name = "floor"
    label = "nginx, static files"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """Two workers without authentication; PUT writes a file without fsync."""
        program = which("nginx") or which("nginx", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise Missing("nginx is not installed: apt-get install nginx-light")
        port = processes.free_port()
        write_answers(folder / "www" / "book", contacts)
        for path in (folder, *folder.rglob("*")):  # the workers are not root
            path.chmod(0o777 if path.is_dir() else 0o666)
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, host=processes.HOST, port=port), "utf-8")
        command = [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(config)]
        with processes.running(command, folder / "nginx.log", port=port) as pid:
            yield Target(self.name, port, _PATH, pids=(pid,), static=True, facts="no authentication, PUT not durable")


class Constant:
    """A WSGI application under granian that answers from memory: what a Python server of this kind can reach."""

    name = "constant"
    label = "constant WSGI app"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """granian with the workers and threads that our server has by default."""
        port = processes.free_port()
        write_answers(folder / "www" / "book", contacts)
        code = f"from bench.peers.constant import application; app = application({str(folder / 'www')!r})"
        (folder / "constant_app.py").write_text(code + "\n", "utf-8")
        root = Path(__file__).parent.parent.parent
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--host",
            processes.HOST,
            "--port",
            str(port),
        ]
        command += [
            "--workers",
            "2",
            "--blocking-threads",
            "24",
            "--runtime-mode",
            "st",
            "--http",
            "1",
            "constant_app:app",
        ]
        environ = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
        with processes.running(command, folder / "granian.log", port=port, environ=environ) as pid:
            yield Target(self.name, port, _PATH, pids=(pid,), static=True, facts="no authentication, stores nothing")


def write_answers(folder: Path, contacts: Sequence[Contact]) -> None:
    """One file for each question."""
    folder.mkdir(parents=True)
    token = f"<sync-token>{_TOKEN}</sync-token>"

    def write(name: str, *pieces: str) -> None:
        text = f'<?xml version="1.0" encoding="utf-8"?><multistatus {dav.NAMESPACES}>{"".join(pieces)}</multistatus>'
        (folder / name).write_bytes(text.encode())

    names, cards = [_named(contact) for contact in contacts], [_whole(contact) for contact in contacts]
    write("poll", _response(_PATH, f"<S:getctag>1</S:getctag>{token}"))
    write("list", _response(_PATH, "<getetag>&quot;1&quot;</getetag>"), *names)
    write("sync", *names, token)
    for number, start in enumerate(range(0, len(cards), BATCH)):
        write(f"multiget-{number}", *cards[start : start + BATCH])
    write("delta-sync", names[0], token)
    write("delta-multiget", cards[0])
    write("query", *(card for card, contact in zip(cards, contacts, strict=True) if contact.marked))


def _response(href: str, properties: str) -> str:
    inner = f"<propstat><prop>{properties}</prop><status>HTTP/1.1 200 OK</status></propstat>"
    return f"<response><href>{href}</href>{inner}</response>"


def _etag(contact: Contact) -> str:
    return f"<getetag>&quot;{blake2b(contact.vcard().encode(), digest_size=16).hexdigest()}&quot;</getetag>"


def _named(contact: Contact) -> str:
    return _response(_PATH + contact.href, _etag(contact))


def _whole(contact: Contact) -> str:
    text = escape(contact.vcard()).replace("\r", "&#13;")
    return _response(_PATH + contact.href, f"{_etag(contact)}<C:address-data>{text}</C:address-data>")
