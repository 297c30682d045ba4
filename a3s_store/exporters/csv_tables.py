"""A session as CSV: one file for each view of the SQLite store, with the columns of the view.

Values are those of the database, so a text may begin with `=`: a program that evaluates cells must
be told to read them as text. Nested values are JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from a3s_store.exporters.loading import Loaded
from a3s_store.wire import encode, own_text

# The columns of each view; `generation` of `sessions` is no part of a snapshot.
COLUMNS: Final = {
    "sessions": (
        *("id", "name", "state", "workspace", "model_name", "messages", "total_tokens"),
        *("total_cost", "created_at", "updated_at"),
    ),
    "conversation": ("session_id", "seq", "role", "content", "reasoning_content"),
    "run_events": (
        *("session_id", "run_id", "seq", "sequence", "timestamp_ms", "type", "payload"),
    ),
    "costs": ("session_id", "timestamp", "provider", "model", "total_tokens", "cost_usd"),
}


def csv_tables(loaded: Loaded) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the name and the lines of each table."""
    rows = {
        "sessions": _sessions,
        "conversation": _conversation,
        "run_events": _run_events,
        "costs": _costs,
    }
    for name, columns in COLUMNS.items():
        yield name, _lines(columns, rows[name](loaded))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row in (columns, *rows):
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def _sessions(loaded: Loaded) -> Iterator[Sequence[Any]]:
    one = loaded.snapshot.session
    yield (
        *(one.id, one.config.name, one.state, one.config.workspace, one.model_name),
        *(len(one.messages), one.total_usage.total_tokens, one.total_cost),
        *(one.created_at, one.updated_at),
    )


def _conversation(loaded: Loaded) -> Iterator[Sequence[Any]]:
    session = loaded.snapshot.session
    for seq, message in enumerate(session.messages):
        content = own_text([encode(block) for block in message.content])
        yield session.id, seq, message.role, content, message.reasoning_content


def _run_events(loaded: Loaded) -> Iterator[Sequence[Any]]:
    for run in loaded.snapshot.run_records or ():
        for seq, record in enumerate(run.events):
            event = encode(record.event)
            about = (loaded.snapshot.session.id, run.snapshot.id, seq, record.sequence)
            yield *about, record.timestamp_ms, event.pop("type"), own_text(event)


def _costs(loaded: Loaded) -> Iterator[Sequence[Any]]:
    session = loaded.snapshot.session
    for one in session.cost_records:
        yield (
            *(session.id, one.timestamp, one.provider, one.model, one.total_tokens),
            one.cost_usd,
        )
