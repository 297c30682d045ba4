"""Functions made as source text: the lines, the values their names refer to, and compiling them.

The codec, the comparison of models and the mapping to columns each write the text of one function
per model and compile it when it is first called. As text, because one closure per field takes three
times as long.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any

from a3s_store.wire.kinds import Kind


def block(head: str, *lines: str) -> list[str]:
    """Return the lines of a compound statement: its head, then its body one level further in."""
    return [head, *("    " + line for line in lines)]


def holds(test: str, name: str) -> str:
    """Return a condition on `v`, as kinds declare them, as a condition on another variable."""
    return re.sub(r"\bv\b", name, test)


def unless(test: str, name: str, lines: list[str]) -> list[str]:
    """Return the lines, run only when a variable fails a test under which it stays as it is."""
    return lines if test == Kind.NEVER else block(f"if not ({holds(test, name)}):", *lines)


def at_first_use(names: dict[Any, Any], name: Any, make: Callable[[], Callable[..., Any]]) -> None:
    """Bind a name to a function that is made at its first call and called directly afterwards."""

    def first(value: Any) -> Any:
        names[name] = make()
        return names[name](value)

    names[name] = first


def compiled(name: str, text: str, names: dict[str, Any], title: str) -> Any:
    """Return the function of this name that the text defines.

    Tracebacks show the lines of the text, as those of a file that is named after the title.
    """
    file = f"<{title}>"
    exec(compile(text, file, "exec"), names)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return names[name]
