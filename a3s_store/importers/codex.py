"""Histories of Codex: a rollout of JSON lines for each thread.

Rollouts of every version are read: bare items, items in an envelope, threads that were forked,
compacted, rolled back or made by another thread. Events repeat much of what the items say; they
and all other records are kept opaquely.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.importers.codex_items import add_item, begins_message, side_of
from a3s_store.importers.content_blocks import Content
from a3s_store.importers.history import (
    Conversation,
    Format,
    History,
    NotThisFormatError,
    TimedMessage,
)
from a3s_store.importers.history_lines import LinesReader, Times, finished_task, kept_of
from a3s_store.importers.json_lines import parse_line, read_lines
from a3s_store.importers.source_files import FoundFile, digest_of
from a3s_store.importers.values import count_of, dict_of, list_of, millis_of, rfc3339, text_of
from a3s_store.models import (
    LlmCostRecord,
    SessionConfig,
    SessionData,
    SubagentTaskSnapshot,
    TokenUsage,
)
from a3s_store.wire import Limits

NAME: Final = "codex"
_EXTRA: Final = "x.codex"
_ENVELOPES: Final = frozenset(
    {"session_meta", "response_item", "event_msg", "turn_context", "compacted"}
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Texts that Codex puts into messages of the user; they are no prompts.
_NO_PROMPT: Final = ("<", "# AGENTS.md")


class Piece(NamedTuple):
    """An item: that of a record, or the one at `place` of a replacement; -2 is its summary."""

    offset: int
    length: int
    place: int = -1


_SUMMARY: Final = -2


def recognizes(file: FoundFile) -> bool:
    """Return whether a file begins with a record of Codex."""
    if not file.path.endswith(".jsonl"):
        return False
    first, _, _ = file.sample.lstrip().partition(b"\n")
    value, _ = parse_line(first)
    if value is not None:
        if isinstance(value.get("payload"), dict):
            return text_of(value.get("type")) in _ENVELOPES
        return {"id", "timestamp"} <= value.keys() and bool(
            {"instructions", "git"} & value.keys() or file.parts[-1].startswith("rollout-")
        )
    return b'"payload"' in first and b'"session_meta"' in first[:200]


@attrs.define(eq=False)
class _Index:
    """Everything that the first reading of a rollout finds."""

    path: list[tuple[Piece, ...]] = attrs.field(factory=list)
    done: list[Conversation] = attrs.field(factory=list)
    shared: int = 0
    # The kinds of the items of the message that may go on.
    kinds: list[str] = attrs.field(factory=list)
    prompts: list[int] = attrs.field(factory=list)
    others: list[Piece] = attrs.field(factory=list)
    meta: dict[str, Any] = attrs.field(factory=dict)
    model: str | None = None
    name: str | None = None
    total: dict[str, Any] = attrs.field(factory=dict)
    costs: list[LlmCostRecord] = attrs.field(factory=list)
    times: Times = attrs.field(factory=Times)
    counted: Counter[str] = attrs.field(factory=Counter)
    lost: Counter[str] = attrs.field(factory=Counter)

    def add(self, record: dict[str, Any], place: Piece) -> None:
        at_ms = self.times.note(record)
        kind, payload = opened(record)
        if kind == "response_item" and self._add_item(payload, place):
            return
        if kind == "compacted":
            self._compact(payload, place)
        if kind == "session_meta" and not self.meta:
            self.meta = payload
        elif kind == "turn_context":
            self.model = text_of(payload.get("model")) or self.model
        elif kind == "event_msg":
            self._event(payload, at_ms)
        self.others.append(place)
        inner = text_of(payload.get("type")) if payload is not record else None
        self.counted["/".join(one for one in (kind, inner) if one) or "record"] += 1

    def _add_item(self, item: dict[str, Any], piece: Piece) -> bool:
        side = side_of(item)
        if side is None:
            return False
        if side == "model":
            if begins_message(item, self.kinds):
                self.path.append((piece,))
                self.kinds = []
            else:
                self.path[-1] = (*self.path[-1], piece)
            self.kinds.append(item["type"])
            return True
        if side == "user" and _is_prompt(item):
            self.prompts.append(len(self.path))
        self.kinds = []
        self.path.append((piece,))
        return True

    def _compact(self, payload: dict[str, Any], place: Piece) -> None:
        replacement = payload.get("replacement_history")
        summary = text_of(payload.get("message"))
        if not isinstance(replacement, list) and summary is None:
            return
        self._leave(0)
        if not isinstance(replacement, list):
            self.path.append((place._replace(place=_SUMMARY),))
            return
        for index, item in enumerate(replacement):
            if not isinstance(item, dict) or not self._add_item(item, place._replace(place=index)):
                self.counted["item of a replaced history"] += 1

    def _leave(self, length: int) -> None:
        """End the present conversation; the next one begins with its first messages."""
        if len(self.path) > self.shared or not self.done:
            self.done.append(Conversation(self.shared, tuple(self.path[self.shared :])))
        del self.path[length:]
        self.prompts = [at for at in self.prompts if at < length]
        self.kinds = []
        self.shared = length

    def _event(self, event: dict[str, Any], at_ms: int | None) -> None:
        kind = text_of(event.get("type"))
        if kind == "thread_rolled_back" and count_of(event.get("num_turns")) > 0:
            gone = min(count_of(event["num_turns"]), len(self.prompts))
            if gone:
                self._leave(self.prompts[-gone])
        elif kind == "thread_name_updated":
            self.name = text_of(event.get("thread_name")) or self.name
        elif kind == "token_count":
            info = dict_of(event.get("info"))
            total, last = dict_of(info.get("total_token_usage")), info.get("last_token_usage")
            # The event is repeated whenever limits of the account change.
            if total and total != self.total:
                self.total = dict(total)
                self.costs.append(self._cost(dict_of(last), at_ms))

    def _cost(self, usage: Any, at_ms: int | None) -> LlmCostRecord:
        prompt, completion = map(count_of, (usage.get("input_tokens"), usage.get("output_tokens")))
        return LlmCostRecord(
            model=self.model or "",
            provider=text_of(self.meta.get("model_provider")) or "openai",
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=count_of(usage.get("total_tokens")) or prompt + completion,
            timestamp=rfc3339(at_ms or self.times.last_ms or 0),
        )

    def conversations(self) -> tuple[Conversation, ...]:
        """Return all conversations; the present one is the last."""
        return (*self.done, Conversation(self.shared, tuple(self.path[self.shared :])))


def opened(record: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return the kind of a record and what it carries; the oldest rollouts have no envelope."""
    kind = text_of(record.get("type"))
    payload = record.get("payload")
    if isinstance(payload, dict):
        return kind, payload
    if side_of(record) is not None:
        return "response_item", record
    return ("session_meta" if kind is None and text_of(record.get("id")) else kind), record


def _is_prompt(item: dict[str, Any]) -> bool:
    content = item.get("content")
    blocks = [{"text": content}] if isinstance(content, str) else list_of(content)
    texts = [dict_of(block).get("text") for block in blocks]
    return not any(isinstance(text, str) and text.startswith(_NO_PROMPT) for text in texts)


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the session of a rollout.

    Raises:
        NotThisFormatError: no message is in it.
        OSError: it cannot be read.
    """
    fingerprint = digest_of(file.full)
    index = _Index()
    for line in read_lines(file.full, limits.value_size):
        if line.value is not None:
            index.add(line.value, Piece(line.offset, line.length))
        kept = kept_of(line, index.lost)
        if kept is not None:
            index.others.append(Piece(*kept))
    conversations = index.conversations()
    if not any(one.keys for one in conversations):
        raise NotThisFormatError("no conversation is in it")
    yield _history(file, index, conversations, fingerprint)


def _history(
    file: FoundFile, index: _Index, conversations: tuple[Conversation, ...], fingerprint: str
) -> History:
    found = _UUID.findall(file.parts[-1])
    session_id = text_of(index.meta.get("id")) or (found[-1] if found else file.parts[-1])
    spawned = dict_of(
        dict_of(dict_of(index.meta.get("source")).get("subagent")).get("thread_spawn")
    )
    parent_id = (
        text_of(spawned.get("parent_thread_id"))
        or text_of(index.meta.get("parent_thread_id"))
        or text_of(index.meta.get("forked_from_id"))
    )
    first_ms = millis_of(index.meta.get("timestamp")) or index.times.first_ms or 0
    cached = index.total.get("cached_input_tokens")
    about = {
        key: index.meta[key]
        for key in ("cli_version", "originator", "source", "git", "forked_from_id")
        if index.meta.get(key)
    }
    session = SessionData(
        id=session_id,
        config=SessionConfig(
            name=index.name or "",
            workspace=text_of(index.meta.get("cwd")) or "",
            parent_id=parent_id,
        ),
        parent_id=parent_id,
        model_name=index.model,
        total_usage=TokenUsage(
            prompt_tokens=count_of(index.total.get("input_tokens")),
            completion_tokens=count_of(index.total.get("output_tokens")),
            total_tokens=count_of(index.total.get("total_tokens")),
            cache_read_tokens=None if cached is None else count_of(cached),
        ),
        cost_records=tuple(index.costs),
        created_at=first_ms // 1000,
        updated_at=(index.times.last_ms or first_ms) // 1000,
        extra={_EXTRA: about} if about else {},
    )
    return History(
        session=session,
        conversations=conversations,
        open=partial(_Reader, file.full, index.others),
        fingerprint=fingerprint,
        tasks=(_task(session, spawned, index),) if spawned and parent_id else (),
        counted=index.counted,
        lost=index.lost,
    )


def _task(session: SessionData, spawned: Any, index: _Index) -> SubagentTaskSnapshot:
    return finished_task(
        session.id,
        session.parent_id or "",
        session.id,
        index.times,
        agent=text_of(spawned.get("agent_role")) or text_of(spawned.get("agent_nickname")) or "",
        description=text_of(spawned.get("agent_path")) or "",
    )


class _Reader(LinesReader):
    """Makes the messages and records at places of a rollout."""

    def messages(self, keys: Sequence[Sequence[Piece]]) -> Iterator[TimedMessage]:
        for pieces in keys:
            yield self._message(pieces)

    def _message(self, pieces: Sequence[Piece]) -> TimedMessage:
        content = Content("codex", self.counted)
        rests, at_ms, role, size = [], None, "assistant", 0
        for piece in pieces:
            record = self.lines.value(piece.offset, piece.length)
            at_ms = at_ms or millis_of(record.get("timestamp"))
            item = self._item(opened(record)[1], piece.place)
            side = side_of(item)
            role = {"model": "assistant", "result": "user", None: "user"}.get(side, side or "user")
            rests.append(add_item(content, item))
            size += piece.length if piece.place == -1 else len(str(item))
        return TimedMessage(content.message(role, {_EXTRA: rests}), at_ms, size)

    def _item(self, payload: dict[str, Any], index: int) -> dict[str, Any]:
        if index == -1:
            return payload
        if index == _SUMMARY:
            return {"type": "message", "role": "user", "content": payload.get("message")}
        found = list_of(payload.get("replacement_history"))[index : index + 1]
        return dict(dict_of(found[0])) if found else {}

    def opaque(self, record: dict[str, Any], offset: int) -> tuple[str, Any]:
        return opened(record)[0] or "record", record


FORMAT: Final = Format(
    name=NAME,
    title="Codex",
    source="`~/.codex/sessions`, a folder in it, or one rollout",
    keeps="compactions, roll-backs, forks, subagents, reasoning, token usage, times",
    recognizes=recognizes,
    read=read,
)
