"""`config/carddav-msg.toml`, made from what the settings say of themselves: `python -m tests.settings_file`."""

from __future__ import annotations

import json
import textwrap
from dataclasses import fields

from carddav_msg.settings import PREFIX, Settings
from tests.servers import ROOT

FILE = ROOT / "config" / "carddav-msg.toml"
_HEAD = f"""\
# Every setting of carddav-msg with its default. Name the file in {PREFIX}CONFIG; a setting may also be given as an
# environment variable, {PREFIX} and its name in capitals, which wins; a secret also as a file, with _FILE at the end.
# Times are seconds, sizes bytes, unless the text says otherwise. Unknown names are errors.
"""


def text() -> str:
    """The whole file."""
    parts = [_HEAD]
    for item in fields(Settings):
        comment = textwrap.fill(item.metadata["doc"], 118, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n# {item.name} = {_toml(item.default)}\n")
    return "\n".join(parts)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
