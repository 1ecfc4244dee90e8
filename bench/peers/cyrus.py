"""Cyrus (Debian: cyrus-caldav, cyrus-imapd, sasl2-bin) with CardDAV alone and accounts in a file. Needs root."""

from __future__ import annotations

import imaplib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import processes
from bench.cards import Contact
from bench.errors import Missing
from bench.operations import Target
from bench.peers import PASSWORD, USER

_ADMIN: Final = "cyrus"
_SERVICES: Final = "/usr/lib/cyrus/bin"
_MASTER: Final = f"{_SERVICES}/master"
_PACKAGES: Final = "cyrus-caldav cyrus-imapd sasl2-bin"
_IMAPD: Final = """\
configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
duplicate_db_path: {folder}/run/deliver.db
statuscache_db_path: {folder}/run/statuscache.db
ptscache_db_path: {folder}/run/ptscache.db
tls_sessions_db_path: {folder}/run/tls_sessions.db
idlesocket: {folder}/run/idle
notifysocket: {folder}/run/notify
lmtpsocket: {folder}/run/lmtp
admins: {admin}
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
servername: localhost
virtdomains: off
httpmodules: carddav
httpkeepalive: 30
syslog_prefix: bench
"""
_MASTER_CONFIG: Final = """\
START {{
}}
SERVICES {{
  http cmd="httpd -C {folder}/imapd.conf" listen="{host}:{http}" prefork=2 maxchild=100
  imap cmd="imapd -C {folder}/imapd.conf" listen="{host}:{imap}" prefork=0 maxchild=4
}}
EVENTS {{
}}
"""


class Cyrus:
    """The default address book of a user."""

    name = "cyrus"
    label = "Cyrus"

    @contextmanager
    def start(self, folder: Path, contacts: Sequence[Contact]) -> Iterator[Target]:
        """A user with an INBOX, which Cyrus wants before it makes address books."""
        for program in (_MASTER, f"{_SERVICES}/httpd", f"{_SERVICES}/imapd", "saslpasswd2"):
            if shutil.which(program) is None:
                raise Missing(f"Cyrus is not installed: apt-get install --no-install-recommends {_PACKAGES}")
        if os.geteuid() != 0:
            raise Missing("Cyrus starts as root only.")
        http, imap = processes.free_port(), processes.free_port()
        _configure(folder, http, imap)
        command = [
            _MASTER,
            "-C",
            f"{folder}/imapd.conf",
            "-M",
            f"{folder}/cyrus.conf",
            "-p",
            f"{folder}/run/master.pid",
        ]
        with processes.running(command, folder / "cyrus.log", port=http) as pid:
            with imaplib.IMAP4(processes.HOST, imap) as admin:
                admin.login(_ADMIN, PASSWORD)
                admin.create(f"user/{USER}")
            yield Target(
                name=self.name,
                port=http,
                path=f"/dav/addressbooks/user/{USER}/Default/",
                user=USER,
                password=PASSWORD,
                pids=(pid,),
                facts=f"{_version()}, sasldb (plain text), PUT durable (fsync)",
            )


def _configure(folder: Path, http: int, imap: int) -> None:
    names = {"folder": folder, "admin": _ADMIN, "host": processes.HOST, "http": http, "imap": imap}
    (folder / "imapd.conf").write_text(_IMAPD.format(**names), "utf-8")
    (folder / "cyrus.conf").write_text(_MASTER_CONFIG.format(**names), "utf-8")
    for name in ("conf", "spool", "run/proc", "run/lock", "run/socket", "conf/socket"):
        (folder / name).mkdir(parents=True)
    for user in (USER, _ADMIN):
        subprocess.run(
            ["saslpasswd2", "-c", "-p", "-f", f"{folder}/sasldb2", "-u", "localhost", user],
            input=PASSWORD.encode(),
            check=True,
        )
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "cyrus", "mail")


def _version() -> str:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Version}", "cyrus-caldav"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"Cyrus {done.stdout.partition('-')[0]}"
