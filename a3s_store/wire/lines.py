"""What the sources of `decode` and `encode` have in common: lines of text, and paths of errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from a3s_store.wire.kinds import Kind
from a3s_store.wire.values import NotJsonError


def indent(lines: Sequence[str], levels: int = 1) -> list[str]:
    """The lines, further in."""
    return ["    " * levels + line for line in lines]


def holds(test: str, v: str) -> str:
    """A condition on `v` as one on the variable of this name."""
    return re.sub(r"\bv\b", v, test)


def unless(test: str, v: str, lines: list[str]) -> list[str]:
    """The lines, run unless the variable passes a test under which it stays as it is."""
    if test == Kind.NEVER:
        return lines
    return [f"if not ({holds(test, v)}):", *indent(lines)]


def located(
    error: NotJsonError | KeyError, key: str | None, done: Sequence[Any] | None
) -> NotJsonError:
    """The error with the steps to where it was raised: the key, and the place in its array.

    A KeyError is that of a key which must be there.
    """
    if isinstance(error, KeyError):
        error = NotJsonError("is missing").at(error.args[0])
    if done is not None:
        error.at(f"[{len(done)}]")
    return error.at(key) if key else error
