"""Histories of the OpenAI Agents SDK: the SQLite database of `SQLiteSession`.

Its rows are items of the Responses API, which make messages as those of Codex do.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.connection.other_database import OtherDatabase, OtherDatabaseError
from a3s_store.importers.codex_items import add_item, begins_message, side_of
from a3s_store.importers.content_blocks import Content
from a3s_store.importers.history import (
    Conversation,
    DamagedSourceError,
    Format,
    History,
    NotThisFormatError,
    OpaqueRecord,
    Reader,
    TimedMessage,
)
from a3s_store.importers.json_lines import parse_line
from a3s_store.importers.source_files import FoundFile
from a3s_store.importers.values import millis_of, text_of
from a3s_store.models import SessionData
from a3s_store.wire import Limits

NAME: Final = "openai-agents"
_EXTRA: Final = "x.openai"
# Messages may have outlived the row of their session: foreign keys are not enforced by default.
_SESSIONS: Final = (
    "SELECT session_id, created_at, updated_at FROM agent_sessions UNION ALL "
    "SELECT DISTINCT session_id, NULL, NULL FROM agent_messages AS m WHERE NOT EXISTS "
    "(SELECT 1 FROM agent_sessions AS s WHERE s.session_id = m.session_id) ORDER BY 1"
)
_ITEMS: Final = (
    "SELECT id, message_data, created_at FROM agent_messages WHERE session_id = ? ORDER BY id"
)
_ITEM: Final = "SELECT message_data, created_at FROM agent_messages WHERE id = ?"


def recognizes(file: FoundFile) -> bool:
    """Return whether a file is a database with the tables of `SQLiteSession`."""
    return (
        file.sample.startswith(b"SQLite format 3\0")
        and b"agent_sessions" in file.sample
        and b"agent_messages" in file.sample
    )


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the sessions of a database.

    Raises:
        NotThisFormatError: it has none.
        DamagedSourceError: it cannot be read as a database, or not all of it.
    """
    try:
        database = OtherDatabase(file.full)
        try:
            if not database.has_tables("agent_sessions", "agent_messages"):
                raise NotThisFormatError("its tables are not those of the OpenAI Agents SDK")
            found = False
            for session_id, created, updated in list(database.rows(_SESSIONS)):
                if isinstance(session_id, str) and session_id:
                    history = _history(file.full, database, session_id, created, updated)
                    if history is not None:
                        found = True
                        yield history
        finally:
            database.close()
    except OtherDatabaseError as error:
        raise DamagedSourceError(f"the database cannot be read: {error}") from error
    if not found:
        raise NotThisFormatError("no conversation is in it")


def _item_of(text: Any) -> dict[str, Any]:
    """Return the item of a row; what is none is kept as text under a type of its own."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    value, _ = parse_line(raw) if isinstance(raw, bytes) else (None, None)
    if value is None:
        return {"type": "unreadable", "text": str(text)}
    return {"type": "message", **value} if "role" in value and "type" not in value else value


def _history(
    path: Path, database: OtherDatabase, session_id: str, created: Any, updated: Any
) -> History | None:
    digest = hashlib.sha256()
    keys: list[tuple[int, ...]] = []
    kinds: list[str] = []
    others: list[int] = []
    counted: Counter[str] = Counter()
    for row_id, text, _ in database.rows(_ITEMS, session_id):
        digest.update(repr((row_id, text)).encode("utf-8", "replace"))
        item = _item_of(text)
        side = side_of(item)
        if side is None:
            others.append(row_id)
            counted[f"item {text_of(item.get('type')) or 'without a type'}"] += 1
        elif side == "model" and not begins_message(item, kinds):
            keys[-1] = (*keys[-1], row_id)
            kinds.append(item["type"])
        else:
            keys.append((row_id,))
            kinds = [item["type"]] if side == "model" else []
    if not keys:
        return None
    first_ms = millis_of(created) or 0
    session = SessionData(
        id=session_id,
        created_at=first_ms // 1000,
        updated_at=(millis_of(updated) or first_ms) // 1000,
    )
    return History(
        session=session,
        conversations=(Conversation(0, tuple(keys)),),
        open=partial(_Reader, path, others),
        fingerprint=digest.hexdigest(),
        counted=counted,
    )


class _Reader(Reader):
    """Makes the messages and records of rows."""

    def __init__(self, path: Path, others: list[int]) -> None:
        super().__init__()
        try:
            self._database = OtherDatabase(path)
        except OtherDatabaseError as error:
            raise OSError(0, str(error)) from error
        self._others = others

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def messages(self, keys: Sequence[Sequence[int]]) -> Iterator[TimedMessage]:
        for ids in keys:
            content = Content("openai", self.counted)
            rests, at_ms, role, size = [], None, "assistant", 0
            for row_id in ids:
                text, created = self._row(row_id)
                item = _item_of(text)
                side = side_of(item) or "user"
                role = {"model": "assistant", "result": "user"}.get(side, side)
                rests.append(add_item(content, item))
                at_ms = at_ms or millis_of(created)
                size += len(text or "")
            yield TimedMessage(content.message(role, {_EXTRA: rests}), at_ms, size)

    def _row(self, row_id: int) -> tuple[Any, Any]:
        try:
            found = list(self._database.rows(_ITEM, row_id))
        except OtherDatabaseError as error:
            raise OSError(0, str(error)) from error
        return (found[0][0], found[0][1]) if found else (None, None)

    def records(self) -> Iterator[OpaqueRecord]:
        for row_id in self._others:
            item = _item_of(self._row(row_id)[0])
            kind = text_of(item.get("type")) or "item"
            yield OpaqueRecord(str(row_id), kind, item, len(str(item)))


FORMAT: Final = Format(
    name=NAME,
    title="OpenAI Agents SDK",
    source="the database of `SQLiteSession`",
    keeps="calls with results, reasoning, times in seconds",
    recognizes=recognizes,
    read=read,
)
