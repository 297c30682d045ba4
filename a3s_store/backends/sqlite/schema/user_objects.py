"""Accept plain tables and indexes of the user in a store, and refuse those that run code.

A foreign key to a table of ours keeps sessions from being deleted. SQLite's check of the whole file
runs expressions in a CHECK, a generated column or an index; one that needs a function or a
collation of another program makes VACUUM fail, so that nothing can be erased. (Neither runs a
DEFAULT.) Only the text is read; nothing is run.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

# Names with this prefix are the user's: no release uses one for its own objects.
PREFIX: Final = "app_"

_TOKEN: Final = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|\s+"
    r"|(?P<quoted>\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\])"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<word>[^\W\d][\w$]*)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_COLLATIONS: Final = frozenset({"binary", "nocase", "rtrim"})


class _Token(NamedTuple):
    """A token of SQL in lower case: a keyword or name, a quoted name, a text, or another sign."""

    kind: str
    text: str

    @property
    def is_name(self) -> bool:
        return self.kind in {"word", "quoted"}


def in_table(sql: str, ours: Collection[str]) -> str | None:
    """Return the part of a user's table that runs code or refers to ours; None for a plain table.

    `ours` are the names of our tables, in lower case.
    """
    tokens = list(_tokens(sql))
    for token, following in zip(tokens, [*tokens[1:], _Token("", "")], strict=True):
        if token == ("word", "check"):
            return "a CHECK"
        if token == ("word", "as") and following.text == "(":
            return "a generated column"
        if token == ("word", "references") and following.text in ours:
            return "a foreign key to a table of the store"
    return _collation(tokens)


def in_index(sql: str) -> str | None:
    """Return the part of an index on a user's table that runs code; None for a plain index."""
    tokens = list(_tokens(sql))
    if ("word", "where") in tokens:
        return "a condition"
    start = next((at for at, token in enumerate(tokens) if token.text == "("), len(tokens))
    columns: list[list[_Token]] = [[]]
    for token in tokens[start + 1 : -1]:
        if token.text == ",":
            columns.append([])
        else:
            columns[-1].append(token)
    if not all(map(_is_column, columns)):
        return "an expression"
    return _collation(tokens)


def _is_column(tokens: Sequence[_Token]) -> bool:
    """Return whether this is a name, perhaps with a collation and an order."""
    rest = list(tokens)
    if not rest or not rest.pop(0).is_name:
        return False
    if len(rest) >= 2 and rest[0] == ("word", "collate"):
        del rest[:2]
    return rest in ([], [("word", "asc")], [("word", "desc")])


def _collation(tokens: Sequence[_Token]) -> str | None:
    for token, following in itertools.pairwise(tokens):
        if token == ("word", "collate") and following.text not in _COLLATIONS:
            return "a collation that only its own program has"
    return None


def _tokens(sql: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(sql):
        if (kind := found.lastgroup) is None:
            continue
        text = found.group().lower()
        if kind == "quoted":
            text = text[1:-1].replace('""', '"')
        yield _Token(kind, text)
