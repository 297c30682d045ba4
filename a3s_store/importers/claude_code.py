"""Histories of Claude Code: one file of JSON lines for each session and each subagent.

A file is read twice: once for the tree of its messages (`claude_index`), its costs and times, and
once to make the messages. The results of tools in Claude Code's own form and all records that are
no messages are kept opaquely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.importers.claude_index import Place, Tree
from a3s_store.importers.content_blocks import Content
from a3s_store.importers.history import (
    Format,
    History,
    NotThisFormatError,
    TimedMessage,
)
from a3s_store.importers.history_lines import LinesReader, Times, finished_task, kept_of
from a3s_store.importers.json_lines import parse_line, read_lines
from a3s_store.importers.source_files import FoundFile, digest_of, open_source
from a3s_store.importers.values import (
    count_of,
    dict_of,
    dollars_of,
    millis_of,
    rfc3339,
    text_of,
)
from a3s_store.models import (
    LlmCostRecord,
    SessionConfig,
    SessionData,
    SubagentTaskSnapshot,
    TokenUsage,
)
from a3s_store.wire import Limits

NAME: Final = "claude-code"
_EXTRA: Final = "x.claude"
_MESSAGES: Final = frozenset({"user", "assistant"})
# Records that give a session its name, with the key that has it; a person's name comes last.
_TITLES: Final = {"summary": "summary", "ai-title": "aiTitle", "custom-title": "customTitle"}
# A file begins with one of these.
_TYPES: Final = frozenset(
    {*_MESSAGES, *_TITLES, "system", "attachment", "progress", "file-history-snapshot"}
    | {"queue-operation", "permission-mode", "mode", "last-prompt", "agent-setting", "agent-name"}
)
_RESULT: Final = "toolUseResult"
_META_BYTES: Final = 1 << 16


def recognizes(file: FoundFile) -> bool:
    """Return whether a file begins with a record of Claude Code."""
    if not file.path.endswith(".jsonl"):
        return False
    for raw in file.sample.splitlines(keepends=True)[:20]:
        value, _ = parse_line(raw)
        if value is not None and text_of(value.get("type")) in _TYPES:
            named = {"sessionId", "uuid", "leafUuid", "messageId"} & value.keys()
            if named and "payload" not in value:
                return True
    # The first line may be longer than the sample.
    start = file.sample.lstrip()[:400]
    return b'"payload"' not in start and b'"sessionId"' in file.sample and b'"parentUuid"' in start


@attrs.define(eq=False)
class _Part:
    """What one session of a file is made of: the main one, or a sidechain."""

    tree: Tree = attrs.field(factory=Tree)
    others: list[Place] = attrs.field(factory=list)
    usage: dict[str, tuple[Any, ...]] = attrs.field(factory=dict)
    times: Times = attrs.field(factory=Times)
    model: str | None = None
    workspace: str | None = None
    about: dict[str, Any] = attrs.field(factory=dict)

    def note(self, record: dict[str, Any], offset: int) -> None:
        """Note the time, costs and surroundings of a record."""
        at_ms = self.times.note(record)
        self.workspace = self.workspace or text_of(record.get("cwd"))
        for key in ("version", "gitBranch"):
            if text_of(record.get(key)):
                self.about[key] = record[key]
        message = dict_of(record.get("message"))
        usage = dict_of(message.get("usage"))
        model = text_of(message.get("model"))
        if record.get("type") != "assistant" or not usage or model == "<synthetic>":
            return
        self.model = model or self.model
        # A message has a record for each block, each with the usage so far.
        key = text_of(message.get("id")) or f"\0{offset}"
        self.usage[key] = (
            model or "",
            count_of(usage.get("input_tokens")),
            count_of(usage.get("output_tokens")),
            count_of(usage.get("cache_read_input_tokens")),
            count_of(usage.get("cache_creation_input_tokens")),
            dollars_of(record.get("costUSD")),
            at_ms,
        )


@attrs.define(eq=False)
class _Index:
    """Everything that the first reading of a file finds."""

    main: _Part = attrs.field(factory=_Part)
    sidechains: list[_Part] = attrs.field(factory=list)
    # The sidechain of each record in one.
    _sides: dict[str, _Part] = attrs.field(factory=dict)
    session_ids: Counter[str] = attrs.field(factory=Counter)
    agent_id: str | None = None
    titles: dict[str, str] = attrs.field(factory=dict)
    counted: Counter[str] = attrs.field(factory=Counter)
    # Records whose uuid another one has: they are kept whole.
    repeated: set[int] = attrs.field(factory=set)
    lost: Counter[str] = attrs.field(factory=Counter)

    def add(self, record: dict[str, Any], place: Place) -> None:
        kind = text_of(record.get("type"))
        if text_of(record.get("sessionId")):
            self.session_ids[record["sessionId"]] += 1
        part = self._part(record)
        part.note(record, place.offset)
        if kind in _TITLES and text_of(record.get(_TITLES[kind])):
            self.titles[kind] = record[_TITLES[kind]]
        if kind in _MESSAGES and isinstance(record.get("message"), dict):
            if not part.tree.add(record, place):
                self.counted["repeated record"] += 1
                self.repeated.add(place.offset)
                part.others.append(place)
            elif _RESULT in record:
                self.counted[_RESULT] += 1
                part.others.append(place)
            return
        part.tree.pass_by(record)
        part.others.append(place)
        self.counted[f"{kind} record" if kind else "record without a type"] += 1

    def _part(self, record: dict[str, Any]) -> _Part:
        if record.get("isSidechain") is not True:
            return self.main
        self.agent_id = text_of(record.get("agentId")) or self.agent_id
        uuid, parent = text_of(record.get("uuid")), text_of(record.get("parentUuid"))
        part = self._sides.get(uuid or "") or self._sides.get(parent or "")
        if part is None:
            if not self.sidechains or record.get("parentUuid") is None:
                self.sidechains.append(_Part())
            part = self.sidechains[-1]
        if uuid is not None:
            self._sides[uuid] = part
        return part


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the session of a file and those of its sidechains.

    Raises:
        NotThisFormatError: no message is in it.
        OSError: it cannot be read.
    """
    fingerprint = digest_of(file.full)
    index = _Index()
    for line in read_lines(file.full, limits.value_size):
        if line.value is not None:
            index.add(line.value, Place(line.offset, line.length))
        kept = kept_of(line, index.lost)
        if kept is not None:
            index.main.others.append(Place(*kept))
    if not index.main.tree.nodes and not any(one.tree.nodes for one in index.sidechains):
        raise NotThisFormatError("no conversation is in it")
    stem = file.parts[-1].removesuffix(".jsonl")
    ids = index.session_ids
    session_id = stem if stem in ids or not ids else next(iter(ids))
    if not index.main.tree.nodes and len(index.sidechains) == 1:
        yield _of_agent(file, index, session_id, fingerprint)
        return
    tasks = []
    for part in index.sidechains:
        if not part.tree.nodes:
            index.main.others += part.others
            continue
        root = part.tree.nodes[0].places[0].offset
        child_id = f"{session_id}.sidechain-{root}"
        child = _history(file, index, part, child_id, fingerprint, parent_id=session_id)
        tasks.append(_task(part, session_id, child_id, f"sidechain-{root}", {}))
        yield attrs.evolve(child, counted=Counter(), lost=Counter())
    if index.main.tree.nodes:
        made = _history(file, index, index.main, session_id, fingerprint)
        yield attrs.evolve(made, tasks=tuple(tasks))


def _of_agent(file: FoundFile, index: _Index, parent_id: str, fingerprint: str) -> History:
    """Return the session of a subagent's own file, with its task in the session that gave it."""
    stem = file.parts[-1].removesuffix(".jsonl")
    agent = index.agent_id or stem.removeprefix("agent-")
    folder = file.full.parent
    if folder.name == "subagents":
        parent_id = folder.parent.name
    (part,) = index.sidechains
    part.others += index.main.others
    child_id = f"{parent_id}.agent-{agent}"
    task = _task(part, parent_id, child_id, agent, _meta(file.full))
    made = _history(file, index, part, child_id, fingerprint, parent_id=parent_id)
    return attrs.evolve(made, tasks=(task,))


def _meta(path: Path) -> dict[str, Any]:
    """Return the description that lies beside a subagent's file; empty without one."""
    try:
        with open_source(path.with_suffix(".meta.json")) as file:
            return parse_line(file.read(_META_BYTES))[0] or {}
    except OSError:
        return {}


def _task(
    part: _Part, parent_id: str, child_id: str, task_id: str, meta: dict[str, Any]
) -> SubagentTaskSnapshot:
    return finished_task(
        task_id,
        parent_id,
        child_id,
        part.times,
        agent=text_of(meta.get("agentType")) or "",
        description=text_of(meta.get("description")) or "",
    )


def _history(
    file: FoundFile,
    index: _Index,
    part: _Part,
    session_id: str,
    fingerprint: str,
    *,
    parent_id: str | None = None,
) -> History:
    counted = index.counted + Counter({"parent that is missing": part.tree.parentless})
    titles = [index.titles[one] for one in reversed(_TITLES) if one in index.titles]
    usage = list(part.usage.values())
    costs = [one[5] for one in usage if one[5] is not None]
    session = SessionData(
        id=session_id,
        config=SessionConfig(
            name=titles[0] if titles and parent_id is None else "",
            workspace=part.workspace or "",
            parent_id=parent_id,
        ),
        parent_id=parent_id,
        model_name=part.model,
        total_usage=TokenUsage(
            prompt_tokens=sum(one[1] for one in usage),
            completion_tokens=sum(one[2] for one in usage),
            total_tokens=sum(one[1] + one[2] for one in usage),
            cache_read_tokens=sum(one[3] for one in usage) if usage else None,
            cache_write_tokens=sum(one[4] for one in usage) if usage else None,
        ),
        total_cost=sum(costs),
        cost_records=tuple(_cost(one, part.times.first_ms) for one in usage),
        created_at=(part.times.first_ms or 0) // 1000,
        updated_at=(part.times.last_ms or 0) // 1000,
        extra={_EXTRA: part.about} if part.about else {},
    )
    return History(
        session=session,
        conversations=tuple(part.tree.conversations()),
        open=partial(_Reader, file.full, part.others, index.repeated),
        fingerprint=fingerprint,
        counted=counted,
        lost=index.lost,
    )


def _cost(usage: tuple[Any, ...], otherwise_ms: int | None) -> LlmCostRecord:
    model, prompt, completion, _, _, dollars, at_ms = usage
    return LlmCostRecord(
        model=model,
        provider="anthropic",
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cost_usd=dollars,
        timestamp=rfc3339(at_ms or otherwise_ms or 0),
    )


class _Reader(LinesReader):
    """Makes the messages and records at places of a file."""

    def __init__(self, path: Path, others: list[Place], whole: set[int]) -> None:
        super().__init__(path, others)
        self._whole = whole

    def messages(self, keys: Sequence[Sequence[Place]]) -> Iterator[TimedMessage]:
        for places in keys:
            records = [self.lines.value(*place) for place in places]
            yield self._message(records, sum(place.length for place in places))

    def _message(self, records: Sequence[dict[str, Any]], size: int) -> TimedMessage:
        content = Content("claude", self.counted)
        envelopes = []
        for record in records:
            message = dict_of(record.get("message"))
            before = len(content.thinking)
            content.add([] if message.get("content") is None else message["content"])
            rest = {k: v for k, v in record.items() if k not in {"message", "type", _RESULT}}
            rest |= {"message": {k: v for k, v in message.items() if k not in {"content", "role"}}}
            if content.thinking[before:]:
                rest["thinking"] = content.thinking[before:]
            envelopes.append(rest)
        first = dict_of(records[0].get("message"))
        role = text_of(first.get("role")) or text_of(records[0].get("type")) or "user"
        made = content.message(role, {_EXTRA: envelopes})
        return TimedMessage(made, millis_of(records[0].get("timestamp")), size)

    def opaque(self, record: dict[str, Any], offset: int) -> tuple[str, Any]:
        if offset in self._whole:
            return "repeated", record
        kind = text_of(record.get("type"))
        if kind in _MESSAGES and _RESULT in record:
            return _RESULT, {"uuid": record.get("uuid"), _RESULT: record[_RESULT]}
        return kind or "record", record


FORMAT: Final = Format(
    name=NAME,
    title="Claude Code",
    source="`~/.claude/projects`, a project in it, or one `.jsonl`",
    keeps="branches, compactions, subagents, thinking, token usage, times",
    recognizes=recognizes,
    read=read,
    accompanies=lambda file: file.path.endswith(".meta.json"),
)
