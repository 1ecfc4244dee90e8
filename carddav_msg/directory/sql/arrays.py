"""Many values as one parameter of a statement: an array on PostgreSQL, a JSON array on SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, String, any_, bindparam, cast, func, literal_column, select
from sqlalchemy.sql.selectable import TableValuedAlias


def bound(values: Sequence[Any], *, sqlite: bool) -> Any:
    """The values as the parameter."""
    return json.dumps(list(values)) if sqlite else list(values)


def among(column: ColumnElement[Any], name: str, kind: Any, *, sqlite: bool) -> ColumnElement[bool]:
    """True for the rows whose column is one of the values of the parameter `name`; `kind` is their type."""
    if sqlite:
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))
    return column == any_(cast(bindparam(name), ARRAY(kind)))


def numbered(name: str, *, sqlite: bool) -> tuple[TableValuedAlias, ColumnElement[str], ColumnElement[int]]:
    """The texts of the parameter `name` as rows: (the table, a text, its place from 0)."""
    if sqlite:
        table = func.json_each(bindparam(name)).table_valued("key", "value")
        return table, table.c.value, table.c.key
    texts = func.unnest(cast(bindparam(name), ARRAY(String)))
    table = texts.table_valued("value", with_ordinality="place").render_derived()
    return table, table.c.value, table.c.place - literal_column("1")
