"""Arguments and options that several commands share, with their completion in a shell."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from carddav_msg.cli.failures import Failure
from carddav_msg.errors import CarddavMsgError

if TYPE_CHECKING:
    from carddav_msg.directory.port import Directory

F = TypeVar("F", bound=Callable[..., Any])
_COMPLETIONS = 50


def complete_networks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Network IDs that begin like this."""
    with _directory(ctx) as directory:
        if directory is None:
            return []
        names = [network.network_id for network in directory.networks()]
    return [name for name in names if name.lower().startswith(incomplete.lower())]


def complete_usernames(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Cloud Usernames of the network named before that begin like this, at most a screenful."""
    with _directory(ctx) as directory:
        network = directory.network(ctx.params.get("network") or "") if directory else None
        if directory is None or network is None:
            return []
        # The first page behind the text itself: names in order that begin with it come right there.
        users = directory.users(network.id, incomplete, _COMPLETIONS)
        exact = directory.user(network.id, incomplete) if incomplete else None
    names = [user.cloud_username for user in ([exact] if exact else []) + users]
    return [name for name in names if name.lower().startswith(incomplete.lower())]


def complete_books(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shared books of the network named before that begin like this."""
    with _directory(ctx) as directory:
        network = directory.network(ctx.params.get("network") or "") if directory else None
        if directory is None or network is None:
            return []
        return [b.slug for b in directory.shared_books(network.id) if b.slug.startswith(incomplete)]


def complete_views(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Views of the network named before that begin like this."""
    with _directory(ctx) as directory:
        network = directory.network(ctx.params.get("network") or "") if directory else None
        if directory is None or network is None:
            return []
        names = [view.name for view in directory.directory_books(network.id)]
    return [name for name in names if name.lower().startswith(incomplete.lower())]


@contextmanager
def _directory(ctx: click.Context) -> Iterator[Directory | None]:
    """The directory, or None: while somebody types, a problem is no reason to write over the line."""
    from carddav_msg import bootstrap, settings

    directory: Directory | None = None
    try:
        configured = settings.load(ctx.find_root().params.get("config"))
        if not bootstrap.is_new_database(configured):
            directory = bootstrap.open_directory(configured)
            if directory.ready():
                directory.close()
                directory = None
    except CarddavMsgError:
        directory = None
    try:
        yield directory
    finally:
        if directory is not None:
            directory.close()


network_argument = click.argument("network", shell_complete=complete_networks)
username_argument = click.argument("username", shell_complete=complete_usernames)
book_argument = click.argument("book", shell_complete=complete_books)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for scripts.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")


def secret_from_stdin(what: str) -> str:
    """One line of standard input, without its line end."""
    line = sys.stdin.readline()
    if not line:
        raise Failure([f"The {what} was to come from standard input, but nothing came."])
    return line.rstrip("\r\n")


def asked_secret(what: str, *, instead: str) -> str:
    """A secret typed twice without being shown; `instead` says what to use where nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"There is no terminal to ask for the {what}; use {instead}.")
    secret: str = click.prompt(what.capitalize(), hide_input=True, confirmation_prompt="The same again", err=True)
    return secret
