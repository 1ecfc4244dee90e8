"""Errors as the command shows them: one sentence each on stderr, exit code 1, never a traceback."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import IO, Any

import click

from carddav_msg.errors import CarddavMsgError, ConfigurationError


class Failure(click.ClickException):
    """Ends the command with its sentences on stderr and exit code 1."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self._sentences = tuple(sentences)

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes one line for each sentence."""
        for sentence in self._sentences:
            click.echo(f"Error: {sentence}", file=file, err=file is None)


class Commands(click.Group):
    """The root of all commands, where the product's errors become failures."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise Failure(error.problems) from error
        except CarddavMsgError as error:
            raise Failure(str(error).splitlines()) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe went away; click ends quietly
                raise
            place = f"{error.filename}: " if error.filename else ""
            raise Failure([f"{place}{error.strerror or error}."]) from error
