"""Search every text of a store for API keys of common shapes; report the places, never the keys.

All rows are read, also those of earlier conversations; texts inside JSON are searched one by one,
names in objects included. Not searched are free pages, which may have deleted texts until `erase`,
and blobs of images.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.rows import blobs
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.redaction import secret_shapes
from a3s_store.core.redaction.secret_redactor import SecretRedactor

# By table with texts of callers: the expression for the session id of a row `t`. For messages it is
# the branch, from which their sessions are looked up.
_OWNER: Final = "(SELECT id FROM owner WHERE owner_key = t.owner_key)"
_OF_RUN: Final = (
    "(SELECT session_id FROM loop_checkpoint WHERE loop_checkpoint_key = t.loop_checkpoint_key)"
)
_OF_STREAM: Final = (
    "(SELECT id FROM owner JOIN stream USING (owner_key) WHERE stream_key = t.stream_key)"
)
_SESSIONS: Final[dict[str, str]] = {
    "owner": "t.id",
    "session": _OWNER,
    "session_config": _OWNER,
    "message": "t.branch_key",
    "cost_record": _OWNER,
    "task": _OWNER,
    "retained_artifact_uri": _OWNER,
    "queue_entry": _OWNER,
    "session_host": _OWNER,
    "session_label": _OWNER,
    "loop_checkpoint": "t.session_id",
    "draft": _OF_RUN,
    "workflow_checkpoint": "NULL",
    "workflow_step": "NULL",
    "agent_memory": "t.owner",
    "commit_log": "t.subject",
    "stream": _OWNER,
    "stream_item": _OF_STREAM,
    "stream_item_label": (
        "(SELECT id FROM owner JOIN stream USING (owner_key) JOIN stream_item USING (stream_key) "
        "WHERE item_key = t.item_key)"
    ),
}
# Columns that repeat the name of a session and its first prompt.
_REPEATED: Final = {"first_prompt", "search_text"}
_NAMES: Final = {"message": "messages", "task": "tasks", "cost_record": "cost_records"}
# How many levels of nested JSON are searched.
_LEVELS: Final = 200
# How many places are returned; more are counted.
MOST: Final = 10_000


@attrs.frozen(kw_only=True)
class SecretPlace:
    """The place of a key of the shape `kind`.

    `part` is the name of a collection or table, `position` the index in it (None if there is none),
    and `path` the place inside the value. `session_id` is None for a row of no session. Keys inside
    an id or a path are masked.
    """

    session_id: str | None
    part: str
    position: int | None
    path: str
    kind: str


@attrs.frozen(kw_only=True)
class SecretScan:
    """The places of keys, at most `MOST`; the numbers of all places and of unreadable texts."""

    places: tuple[SecretPlace, ...]
    found: int
    unreadable: int


def scan(conn: sqlite3.Connection) -> SecretScan:
    """Search all texts of a store, one read transaction for each table. Raises sqlite3.Error."""
    return _Scan(conn).run()


class _Scan:
    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._mask = SecretRedactor()
        self._places: list[SecretPlace] = []
        self._found = 0
        self._unreadable = 0

    def run(self) -> SecretScan:
        factory = self._conn.text_factory
        # A text that is not UTF-8 must not end the scan.
        self._conn.text_factory = lambda data: data.decode("utf-8", "replace")
        try:
            for table, (part, session) in _tables().items():
                with transaction.read(self._conn):
                    self._table(table, part, session)
        finally:
            self._conn.text_factory = factory
        return SecretScan(
            places=tuple(self._places), found=self._found, unreadable=self._unreadable
        )

    def _table(self, table: str, part: str, session: str) -> None:
        info = self._conn.execute(f"PRAGMA table_xinfo({table})").fetchall()
        columns = [row[1] for row in info]
        owners = self._owners() if table == "message" else {}
        seq = "t.seq" if "seq" in columns else "NULL"
        rows = self._conn.execute(f"SELECT {session}, {seq}, t.* FROM {table} AS t")
        names = [entry[0] for entry in rows.description[2:]]
        for whose, position, *values in rows:
            row = dict(zip(names, values, strict=True))
            for name, text in self._texts(row):
                for path, kind in self._keys(name, text):
                    for session_id in owners.get(whose, (None,)) if owners else (whose,):
                        self._note(session_id, part, position, path, kind)

    def _owners(self) -> dict[int, list[str]]:
        """Return by branch the sessions that have or had a head on it."""
        found: dict[int, list[str]] = {}
        for branch, session_id in self._conn.execute(
            "SELECT branch_key, id FROM branch_owner JOIN owner USING (owner_key) "
            "UNION SELECT head_branch, session_id FROM loop_checkpoint ORDER BY 1, 2"
        ):
            found.setdefault(branch, []).append(session_id)
        return found

    def _texts(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, value in row.items():
            if isinstance(value, str) and name not in _REPEATED:
                yield name, value
        raw = row.get("bytes")
        if row.get("blob_key") is not None:
            try:
                found = blobs.get_bytes(self._conn, row["blob_key"])
                if raw is None:
                    yield "content", found.decode()
                else:
                    raw = found
            except (ValueError, TypeError):
                self._unreadable += 1
        if isinstance(raw, bytes):  # of an item of a stream; others than texts have no keys
            yield "bytes", raw.decode(errors="replace")

    def _keys(self, name: str, text: str) -> Iterator[tuple[str, str]]:
        """Yield path and shape of each key in the text of a column, each once."""
        if next(secret_shapes.find(text), None) is None:
            return
        found = dict.fromkeys(_inside(name, _parsed(text), self._mask, _LEVELS))
        # A match across two texts of the JSON is reported for the column.
        yield from found or ((name, one.name) for one in secret_shapes.find(text))

    def _note(self, session_id: Any, part: str, position: int | None, path: str, kind: str) -> None:
        self._found += 1
        if len(self._places) < MOST:
            named = self._mask(session_id) if isinstance(session_id, str) else None
            self._places.append(
                SecretPlace(session_id=named, part=part, position=position, path=path, kind=kind)
            )


def _tables() -> dict[str, tuple[str, str]]:
    """Return each table to read with the name of its part and its expression in `_SESSIONS`."""
    found = {name: (_NAMES.get(name, name), session) for name, session in _SESSIONS.items()}
    for collection in COLLECTIONS:
        table = collection.rows.table
        found[table] = (collection.name, _OWNER)
        of_parent = (
            f"(SELECT owner.id FROM {table} JOIN owner USING (owner_key) "
            f"WHERE {table}.{table}_key = t.{table}_key)"
        )
        for name, rows in collection.rows.lists.items():
            found[rows.table] = (f"{collection.name}.{name}", of_parent)
    return found


def _parsed(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _inside(path: str, value: Any, mask: SecretRedactor, levels: int) -> Iterator[tuple[str, str]]:
    """Yield path and shape of each key in a JSON value."""
    if isinstance(value, str):
        for one in secret_shapes.find(value):
            yield path, one.name
    elif levels and isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{mask(key)}"
            for one in secret_shapes.find(key):
                yield inner, one.name
            yield from _inside(inner, item, mask, levels - 1)
    elif levels and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(f"{path}[{index}]", item, mask, levels - 1)
