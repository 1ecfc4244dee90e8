"""The command reference of `docs/cli.md`, made from the commands: `python -m tests.cli.reference` writes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

import click

from carddav_msg.cli import commands
from tests.servers import ROOT

FILE: Final = ROOT / "docs" / "cli.md"
MARK: Final = "<!-- what follows is written by: python -m tests.cli.reference -->\n"


def tree(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from tree(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def reference() -> str:
    """A section for each command."""
    return "\n".join(_section(path, command) for path, command in tree(commands, "carddav-msg"))


def document() -> str:
    """The whole document: what people wrote, then the reference."""
    return FILE.read_text("utf-8").partition(MARK)[0] + MARK + "\n" + reference()


def _section(path: str, command: click.Command) -> str:
    arguments = [_argument(param) for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    help_ = inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n")
    lines = [f"## `{' '.join([path, *arguments])}`", "", "\n\n".join(_paragraph(text) for text in help_), ""]
    if options:
        lines += ["| Option | |", "|---|---|", *(f"| {_names(option)} | {_text(option)} |" for option in options), ""]
    return "\n".join(lines)


def _paragraph(text: str) -> str:
    """Text as it is; lines that are to stay apart as a block."""
    return f"```\n{text}\n```" if text.count(": ") > 2 else text


def _argument(param: click.Argument) -> str:
    name = f"{param.metavar or str(param.name).upper()}"
    if isinstance(param.type, click.Choice):
        name = "|".join(map(str, param.type.choices))
    name += "..." if param.nargs < 0 else ""
    return name if param.required else f"[{name}]"


def _names(option: click.Option) -> str:
    names = "` `".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return f"`{names}`"
    value = option.metavar
    if value is None and isinstance(option.type, click.Choice):
        value = "|".join(map(str, option.type.choices))
    value = (value or {"integer range": "NUMBER"}.get(option.type.name, "TEXT")).replace("|", "\\|")
    return f"`{names} {value}`"


def _text(option: click.Option) -> str:
    more = []
    if option.required:
        more.append("Required.")
    if option.show_default and isinstance(option.default, str):
        more.append(f"Default: {option.default}.")
    return " ".join(filter(None, [option.help or "", *more])).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
