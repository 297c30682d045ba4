"""Values of columns that are no scalars of SQLite; the generated functions of `_rows` use these."""

from __future__ import annotations

import math
from typing import Any

import orjson

from a3s_store.wire import own_text, parse_own

__all__ = ["object_of", "own_text", "parse_own", "payload_text", "real_column"]


def payload_text(value: dict[str, Any]) -> str | None:
    """Return the JSON text of a member of a union without its type; None when nothing is left."""
    rest = {key: item for key, item in value.items() if key != "type"}
    return own_text(rest) if rest else None


def real_column(
    value: Any, key: str, over: dict[str, Any] | None
) -> tuple[Any, dict[str, Any] | None]:
    """Return the number for a column of floats, and what the columns of its object cannot hold."""
    # A fragment does not show its text, so it is written and parsed; few columns are floats.
    number = orjson.loads(orjson.dumps(value)) if type(value) is orjson.Fragment else value
    if number != 0.0 or math.copysign(1.0, number) > 0:
        return number, over
    return None, {**(over or {}), key: value}


def object_of(text: str) -> dict[str, Any]:
    """Return the JSON object in a column.

    Raises:
        ValueError: the text is no JSON object.
    """
    found = parse_own(text)
    if type(found) is not dict:
        raise ValueError("a column that holds a JSON object holds something else")
    return found
