"""The second pass: passwords are hashed in processes of their own, only those that are needed."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final

from carddav_msg.credentials.passwords import Passwords
from carddav_msg.directory.port import Directory
from carddav_msg.directory.rows import Credentials
from carddav_msg.domain.user import User
from carddav_msg.errors import Unavailable
from carddav_msg.services.importing.matching import meant
from carddav_msg.services.importing.report import Options
from carddav_msg.services.importing.staging import BATCH, Run

_JOBS: Final = 16
"""Passwords handed to a process at once; an import of no more than these is hashed without starting processes."""


@dataclass(frozen=True, slots=True)
class HashSettings:
    """What a hash costs; `memory` in KiB."""

    memory: int
    time_cost: int
    parallelism: int

    def passwords(self) -> Passwords:
        """A hasher with these settings."""
        return Passwords(memory=self.memory, time_cost=self.time_cost, parallelism=self.parallelism)


@dataclass(frozen=True, slots=True, repr=False)
class Job:
    """A password to hash; `known` is the hash that is kept when it is one of this password."""

    line: int
    password: str
    known: str
    sip_password: bytes | None


@dataclass(frozen=True, slots=True, repr=False)
class Done:
    """A hashed password."""

    line: int
    password_hash: str
    sip_password: bytes | None


def hash_passwords(directory: Directory, run: Run, settings: HashSettings, total: int) -> None:
    """Puts the hashes of the run's passwords, about `total`, where they were sealed; see `needed`."""
    run.listener.step("Hashing passwords", total)
    for done in _hashed(_chunks(_jobs(directory, run)), settings):
        rows = [(one.line, one.password_hash, one.sip_password) for one in done]
        directory.transact(lambda transaction, rows=rows: transaction.save_staged_secrets(run.name, rows))  # type: ignore[misc]  # bound now
        run.listener.advance(len(rows))


def _jobs(directory: Directory, run: Run) -> Iterator[Job]:
    after = 0
    while True:
        with directory.write() as transaction:
            rows = transaction.staged(run.name, after, BATCH)
            users = meant(transaction, run, rows)
            known = transaction.credentials([user.id for user in users.values()])
        if not rows:
            return
        after = rows[-1].line
        for row in rows:
            user = users.get(row.line)
            if row.sealed_password is not None and row.line not in run.skipped and needed(run.options, user):
                credentials = known.get(user.id, Credentials()) if user else Credentials()
                password = run.seal.open(row.sealed_password, row.line)
                yield Job(row.line, password, credentials.password_hash, row.sip_password)


def needed(options: Options, user: User | None) -> bool:
    """True when the password of a row for this user (None: a new one) is hashed; a dry run does so only to compare."""
    return options.set_passwords if user else not options.dry_run


def _chunks(jobs: Iterator[Job]) -> Iterator[list[Job]]:
    while chunk := list(itertools.islice(jobs, _JOBS)):
        yield chunk


def _hashed(chunks: Iterator[list[Job]], settings: HashSettings) -> Iterator[list[Done]]:
    """The chunks hashed, in any order; no more of them under way than keep the processes busy."""
    first = next(chunks, [])
    second = next(chunks, [])
    if not second:
        if first:
            yield _hash(first, settings.passwords())
        return
    workers = os.cpu_count() or 1
    # Spawned, not forked: this process has threads and open database connections.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _prepare, (settings,)) as pool:
        try:
            yield from _in_pool(pool, itertools.chain([first, second], chunks), 2 * workers)
        except BrokenProcessPool:
            raise Unavailable("A process that hashes passwords ended; nothing was written. Start it again.") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _in_pool(pool: ProcessPoolExecutor, chunks: Iterable[list[Job]], limit: int) -> Iterator[list[Done]]:
    waiting: set[Future[list[Done]]] = set()
    for chunk in chunks:
        waiting.add(pool.submit(_hash_in_process, chunk))
        if len(waiting) >= limit:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    for future in waiting:
        yield future.result()


_of_process: list[Passwords] = []


def _prepare(settings: HashSettings) -> None:
    """Makes the hasher of a spawned process."""
    _of_process.append(settings.passwords())


def _hash_in_process(jobs: list[Job]) -> list[Done]:
    return _hash(jobs, _of_process[0])


def _hash(jobs: list[Job], passwords: Passwords) -> list[Done]:
    return [Done(job.line, _hash_one(job, passwords), job.sip_password) for job in jobs]


def _hash_one(job: Job, passwords: Passwords) -> str:
    if job.known and passwords.verify(job.password, job.known)[0]:
        return job.known
    return passwords.hash(job.password)
