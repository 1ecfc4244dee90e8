"""The machine and the versions of a run, described so that nobody learns whose machine it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3


def describe() -> dict[str, str | int]:
    """Cores, memory, operating system and the versions that matter."""
    return {
        "cores": os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in ("granian", "radicale", "lxml", "sqlalchemy", "psycopg")},
    }


def sentence(machine: dict[str, str | int]) -> str:
    """The same for people."""
    named = ", ".join(f"{name} {machine[name]}" for name in ("granian", "radicale", "lxml", "sqlalchemy", "psycopg"))
    return (
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, SQLite {machine['sqlite']}, {named}. Client and server share the cores."
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
