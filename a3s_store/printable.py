"""Escaping of stored text for terminals, errors and reports.

Stored text comes from outside: a text written by a model, or read by one from the web, can have
escape sequences that rename windows, write to the clipboard or hide text. So control characters are
written as escapes; so are invisible characters, with which two ids look alike, and long runs of
combining marks. Errors, reports and headings stay on one line: a text in one must not imitate
another line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

# Unicode's Default_Ignorable_Code_Point, line and paragraph separator, interlinear annotation.
_INVISIBLE: Final = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# C0 without tab and newline, DEL, C1.
_CONTROLS: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_BEYOND_JSON: Final = re.compile(f"[\x7f-\x9f{_INVISIBLE}]")
# No script needs as many marks on one letter.
_MOST_MARKS: Final = 8
# Characters of an id that errors and reports show.
_SHORT: Final = 80
# Marks are neither word characters nor blanks; `re` has no closer class.
_MAYBE_MARKS: Final = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")


def clean(text: str) -> str:
    """Return the text with invisible characters as escapes of Python: ESC becomes \\x1b."""
    shown = _CONTROLS.sub(lambda found: _in_python(found[0]), text.replace("\r\n", "\n"))
    return _without_floods(shown, _in_python)


def one_line(text: str) -> str:
    """Return the text like `clean`, with newlines and tabs as escapes too."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def short_repr(name: object) -> str:
    """Return the `repr` of an id, for errors and reports; a long one is cut to 80 characters.

    For a value that is no text, number, bool or None it is the name of the type, since its `repr`
    could be anything.
    """
    if isinstance(name, str):
        return repr(name if len(name) <= _SHORT else name[: _SHORT - 1] + "…")
    if name is None or type(name) in (bool, float):
        return repr(name)
    if type(name) is int and abs(name) < 10**_SHORT:
        return repr(name)
    return f"a value of type {type(name).__name__}"


def json_safe(text: str) -> str:
    """Return an equivalent JSON text with invisible characters as JSON's escapes."""
    return _without_floods(_BEYOND_JSON.sub(lambda found: _in_json(found[0]), text), _in_json)


class Printable:
    """A report of attrs fields; its `str()` has a line for each, even if ids have line feeds."""

    __slots__ = ()

    def __str__(self) -> str:
        # Without attrs, which is not imported for an error.
        names = [field.name for field in type(self).__attrs_attrs__]  # type: ignore[attr-defined]
        if not any(name == "ok" for name in names) and hasattr(self, "ok"):
            names.insert(0, "ok")
        lines = [f"{type(self).__name__}:"]
        for name in names:
            lines += _lines_of(name, getattr(self, name))
        return "\n".join(lines)


def _lines_of(name: str, value: Any) -> Iterator[str]:
    """Yield the line of a field; for several values, one more line each, indented under it."""
    if isinstance(value, Printable):
        yield from (f"  {line}" for line in f"{name}: {value}".split("\n"))
    elif isinstance(value, tuple | list | Mapping):
        yield f"  {name}: {len(value)}"
        each = value.items() if isinstance(value, Mapping) else (("", item) for item in value)
        for key, item in each:
            yield one_line(f"    {key}: {item}" if key else f"    {item}")
    else:
        yield one_line(f"  {name}: {'none' if value is None else value}")


def _without_floods(text: str, written: Callable[[str], str]) -> str:
    """Return the text with all but the first eight combining marks of a run escaped."""

    def shortened(found: re.Match[str]) -> str:
        parts, run = [], 0
        for character in found[0]:
            run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
            parts.append(written(character) if run > _MOST_MARKS else character)
        return "".join(parts)

    return text if text.isascii() else _MAYBE_MARKS.sub(shortened, text)


def _in_python(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
