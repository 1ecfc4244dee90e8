"""`carddav-msg completion`: what a shell needs to complete commands, networks and users."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "carddav-msg"
_VARIABLE = "_CARDDAV_MSG_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: eval "$(carddav-msg completion bash)"      in ~/.bashrc
    zsh:  eval "$(carddav-msg completion zsh)"       in ~/.zshrc
    fish: carddav-msg completion fish > ~/.config/fish/completions/carddav-msg.fish
    """
    kind = get_completion_class(shell)
    if kind is None:  # a later click without this shell
        raise click.UsageError(f"This version of click knows no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, _VARIABLE).source())
