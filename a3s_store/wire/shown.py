"""The `repr` of models and items of streams: at most 200 characters on one line."""

from __future__ import annotations

import reprlib
from typing import Any, Final

import attrs

from a3s_store.printable import one_line

# Characters of a whole value, of a model inside one, and of a text.
_WHOLE: Final = 200
_PART: Final = 80
_TEXT: Final = 40


class _Beginning(reprlib.Repr):
    """Makes text of no more than the beginning of a list or object, which may be large."""

    def repr_bytes(self, value: bytes, _: int) -> str:
        return f"<{len(value)} bytes>"


_JSON: Final = _Beginning()
_JSON.maxstring = _JSON.maxother = _JSON.maxlong = _PART


def shown(model: Any, most: int = _WHOLE) -> str:
    """Return a model in the form of a call with the fields that are not at their defaults.

    Several values are their number, long texts and JSON are cut. What does not fit is `…`.
    """
    name = type(model).__name__
    parts: list[str] = []
    left = most - len(f"{name}(, …)")
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        if not field.repr or (type(value) is type(field.default) and value == field.default):
            continue
        part = f"{field.name}={_value(value)}"
        left -= len(part) + 2
        if left < 0:
            parts.append("…")
            break
        parts.append(part)
    return f"{name}({', '.join(parts)})"


def _value(value: Any) -> str:
    if attrs.has(type(value)):
        return shown(value, _PART)
    if isinstance(value, tuple):
        if len(value) == 1:
            return f"({_value(value[0])},)"
        return f"<{len(value)} values>" if value else "()"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{memoryview(value).nbytes} bytes>"
    if type(value) in (dict, list):
        text = _JSON.repr(value)
    else:
        text = repr(value[:_TEXT] + "…" if isinstance(value, str) and len(value) > _TEXT else value)
    return text if len(text) <= _PART else one_line(text[:_TEXT]) + "…"
