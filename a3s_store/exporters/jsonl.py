"""Sessions as JSON lines: everything that a snapshot has, one value a line.

The first line has the session without its messages, then come messages and the values of
collections, each in upstream's JSON. `a3s-store import` reads it back: the snapshot is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a3s_store.core.collections import COLLECTIONS
from a3s_store.exporters.loading import Loaded
from a3s_store.importers.json_sessions import SCHEMA
from a3s_store.wire import encode, own_text


def jsonl(loaded: Loaded) -> Iterator[str]:
    """Yield the lines of a session."""
    snapshot = loaded.snapshot
    tree = encode(snapshot.session.evolve(messages=()))
    present = {one.name: values for one, values in snapshot.collections().items()}
    head: dict[str, Any] = {"type": "session", "schema": SCHEMA, "session": tree}
    head["messages"] = len(snapshot.session.messages)
    # An absent collection is not an empty one.
    head["collections"] = [name for name, values in present.items() if values is not None]
    if snapshot.retained_artifact_uris:
        head["retained_artifact_uris"] = list(snapshot.retained_artifact_uris)
    yield _line(head)
    for at, message in enumerate(snapshot.session.messages):
        line: dict[str, Any] = {"type": "message", "message": encode(message)}
        if at < len(loaded.times) and loaded.times[at] is not None:
            line["at_ms"] = loaded.times[at]
        yield _line(line)
    for one in COLLECTIONS:
        for value in present[one.name] or ():
            yield _line({"type": one.name, "value": encode(value)})


def _line(value: dict[str, Any]) -> str:
    return own_text(value) + "\n"
