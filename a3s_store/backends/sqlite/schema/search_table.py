"""The full-text indexes as objects of the schema: virtual tables that not every file has.

No step makes them: a file must open with a SQLite that lacks FTS5, and a small one needs no index.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MODULE: Final = "fts5"


class IndexTable(NamedTuple):
    """A virtual table, and the plain table that says how complete it is.

    Its columns are the words of a text, the parts of identifiers in it, and words for what it
    belongs to; no text is kept.
    """

    name: str
    state: str

    @property
    def sql(self) -> str:
        """The statement that makes it, letter by letter."""
        return (
            f"CREATE VIRTUAL TABLE {self.name} USING fts5"
            "(text, parts, scope, content='', tokenize='ascii')"
        )

    @property
    def shadows(self) -> frozenset[str]:
        """The tables that FTS5 keeps the index in. Their layout is its own."""
        return frozenset(f"{self.name}_{part}" for part in ("data", "idx", "docsize", "config"))


# A schema has an index if it has its second table.
MESSAGES: Final = IndexTable("search_index", "search_state")
MEMORIES: Final = IndexTable("memory_index", "memory_search_state")
ALL: Final = (MESSAGES, MEMORIES)
