"""The filter of a search, and a hit: values, no I/O."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import attrs

from a3s_store.core.listing.values import SessionFilter

SearchOrder: TypeAlias = Literal["relevance", "newest"]
ORDERS: Final[tuple[SearchOrder, ...]] = get_args(SearchOrder)
SearchSyntax: TypeAlias = Literal["words", "fts5"]
SYNTAXES: Final[tuple[SearchSyntax, ...]] = get_args(SearchSyntax)
SearchBranches: TypeAlias = Literal["current", "all"]
BRANCHES: Final[tuple[SearchBranches, ...]] = get_args(SearchBranches)


@attrs.frozen(kw_only=True)
class SearchFilter(SessionFilter):
    """Which messages a search looks at: those of sessions that the inherited conditions hold for.

    `role` is one role or several. `since` and `until` are about the time when a message was added:
    Unix seconds or datetimes with a time zone; `since` includes the moment, `until` does not. With
    one of them, messages without a stored time are left out. `tools` False leaves out calls and
    results of tools. `branches` "all" also looks at the conversations of older generations, so at
    messages that were taken back, edited or compacted.
    """

    role: str | Collection[str] | None = None
    since: int | datetime | None = None
    until: int | datetime | None = None
    tools: bool = True
    branches: SearchBranches = "current"


class SearchHit(NamedTuple):
    """A message that has all words of a query, in the conversation of one session.

    `seq` is its position, for `messages(session_id, start=seq - 10, stop=seq + 10)`. `at_ms` is
    when it was added, in Unix milliseconds; None where no time is stored. `snippet` is a piece of
    its text without markup, `highlights` the ranges of the snippet that match. `score` is higher
    for better hits; 0.0 where hits were not ranked. `generation` is None where the current
    conversation has the message; else the newest one that has it, and `seq` is the position there.
    """

    session_id: str
    session_name: str
    seq: int
    role: str
    at_ms: int | None
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    score: float
    generation: int | None = None
