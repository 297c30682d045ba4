"""Queries: what a message must have to be a hit, in one of two syntaxes.

Words, `"phrases"` in quotes, and beginnings of words with a `*` behind them: everything else in
such a query is data, and no text of a user fails. Or, for callers that ask for it, expressions of
SQLite's FTS5. Their strings and words become the words that indexes have, so that case, accents and
scripts count as little as in other queries; their operators stay. What an expression matches is
decided by FTS5 alone, here over the words of one message in memory.
"""

from __future__ import annotations

import re
import sqlite3
import weakref
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, TypeAlias

import attrs

from a3s_store.core.arguments import is_text, refused
from a3s_store.core.search.phrases import Phrase, phrase_of
from a3s_store.core.search.texts import SearchedText
from a3s_store.errors import SearchUnavailableError
from a3s_store.printable import one_line, short_repr

# The most phrases of a query, and the most characters.
MOST_PHRASES: Final = 64
MOST_CHARACTERS: Final = 1000

_ATOM: Final = re.compile(r'"(?P<quoted>[^"]*)"?(?P<star>\*?)|(?P<bare>\S+)')
_OPERATORS: Final = frozenset({"AND", "OR", "NOT", "NEAR"})
# A string, a set of columns, a column, the distance of NEAR, or a word; a star may follow.
_TOKEN: Final = re.compile(
    r'"(?P<quoted>(?:[^"]|"")*)"(?:\s*(?P<star>\*))?'
    r"|(?P<columns>\{[^}]*\}|\w+(?=\s*:)|,\s*\d+)"
    r"|(?P<bare>\w+)(?:\s*(?P<bare_star>\*))?"
)


@attrs.frozen
class Words:
    """A query of words: phrases that must all occur."""

    phrases: tuple[Phrase, ...]

    @property
    def expression(self) -> str:
        """The query in the syntax of FTS5."""
        return " AND ".join(one.expression for one in self.phrases)

    def matches(self, text: SearchedText) -> bool:
        """Return whether all phrases occur in the texts of a message."""
        return text.has(self.phrases)


@attrs.frozen(slots=False)
class Expression:
    """An expression of FTS5 over the words of indexes; `phrases` are what hits highlight."""

    expression: str
    phrases: tuple[Phrase, ...]

    def matches(self, text: SearchedText) -> bool:
        """Return whether the expression holds for the texts of a message."""
        self._table.execute("DELETE FROM one")
        self._table.execute("INSERT INTO one VALUES (?, ?)", (text.words, text.parts))
        found = self._table.execute("SELECT 1 FROM one WHERE one MATCH ?", (self.expression,))
        return found.fetchone() is not None

    @cached_property
    def _table(self) -> sqlite3.Connection:
        # One thread at a time uses it: that of the caller, then that of a reader.
        conn = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, conn.close)
        try:
            conn.execute("CREATE VIRTUAL TABLE one USING fts5(text, parts, tokenize='ascii')")
        except sqlite3.Error:
            raise SearchUnavailableError(
                f"this Python's SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
                hint="Use a Python whose SQLite was built with FTS5, or the syntax of words",
            ) from None
        return conn


Query: TypeAlias = Words | Expression


def parsed(text: Any, syntax: str = "words") -> Query:
    """Return the query that a text is in a syntax, `words` or `fts5`.

    Raises:
        InvalidArgumentError: there is no word in it, there are too many, it is no text; or FTS5
            refuses it.
        SearchUnavailableError: this Python's SQLite has no FTS5, for which it is.
    """
    if not is_text(text):
        raise refused("search", "query", f"is a text, not {short_repr(text)}")
    if len(text) > MOST_CHARACTERS:
        raise refused("search", "query", f"has more than {MOST_CHARACTERS} characters")
    query = _expression(text) if syntax == "fts5" else Words(tuple(dict.fromkeys(_phrases(text))))
    if not query.phrases:
        raise refused("search", "query", "has no word")
    if len(query.phrases) > MOST_PHRASES:
        raise refused("search", "query", f"has more than {MOST_PHRASES} words and phrases")
    return query


def _phrases(text: str) -> Iterator[Phrase]:
    for atom in _ATOM.finditer(text):
        bare = atom["bare"]
        is_prefix = bool(atom["star"]) if bare is None else bare.endswith("*")
        phrase = phrase_of(atom["quoted"] if bare is None else bare, is_prefix=is_prefix)
        if phrase is not None:
            yield phrase


def _expression(text: str) -> Expression:
    phrases: list[Phrase] = []
    found = Expression("".join(_translated(text, phrases)), tuple(dict.fromkeys(phrases)))
    try:
        found.matches(SearchedText(()))
    except sqlite3.OperationalError as error:
        what = f"is no expression of FTS5: {one_line(str(error))}"
        raise refused("search", "query", what) from None
    return found


def _translated(text: str, phrases: list[Phrase]) -> Iterator[str]:
    end = 0
    for token in _TOKEN.finditer(text):
        yield text[end : token.start()]
        end = token.end()
        bare = token["bare"]
        if token["columns"] is not None or bare in _OPERATORS:
            yield token[0]
            continue
        own = token["quoted"].replace('""', '"') if bare is None else bare
        phrase = phrase_of(own, is_prefix=bool(token["star"] or token["bare_star"]))
        if phrase is None:
            yield '""'
        else:
            phrases.append(phrase)
            yield phrase.expression
    yield text[end:]
