"""The full-text index as an object of the schema: a virtual table that not every file has.

No step makes it: a file must open with a SQLite that lacks FTS5, and a small one needs no index.
"""

from __future__ import annotations

from typing import Final

NAME: Final = "search_index"
# The table of a schema with search, and of which version and how complete an index is.
STATE: Final = "search_state"
MODULE: Final = "fts5"
# A message's words, parts of identifiers in it, and words for its branch and role; no text is kept.
SQL: Final = (
    f"CREATE VIRTUAL TABLE {NAME} USING {MODULE}(text, parts, scope, content='', tokenize='ascii')"
)
# The tables that FTS5 keeps the index in. Their layout is its own.
SHADOWS: Final = frozenset(f"{NAME}_{part}" for part in ("data", "idx", "docsize", "config"))
