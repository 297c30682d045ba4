"""A conversation as people read it: messages in order, each call with its result.

Calls and results are paired within their round (`core.tool_pairs`), never by id alone, since ids
repeat in long sessions. Formats for people (`markdown`, `html`) are written from these values.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import attrs

from a3s_store.core.tool_pairs import rounds
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    SessionData,
    SubagentTaskSnapshot,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    thaw,
)

# Control characters, and those that reorder or hide text; joiners and selectors of emoji stay.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Images that every browser shows and none runs, unlike SVG.
_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_MOST_MS: Final = 253_402_300_799_000


@attrs.frozen
class Image:
    """An image of a message; `data` is None where no browser should be given it."""

    media_type: str
    size_bytes: int
    data: str | None


@attrs.frozen
class Text:
    """Text of a message or of a result."""

    text: str


@attrs.frozen
class Other:
    """A block of another type, as JSON."""

    type: str
    json: str


@attrs.frozen
class Result:
    """The result of a call; `call_id` where it stands alone, because its call is elsewhere."""

    parts: tuple[Text | Image | Other, ...]
    failed: bool
    call_id: str = ""
    name: str = ""


@attrs.define
class Call:
    """A tool call; `result` None where the conversation has none."""

    name: str
    call_id: str
    arguments: str
    result: Result | None = None


Part: TypeAlias = Text | Image | Other | Result | Call


@attrs.frozen
class Entry:
    """One message: its position from 0, role, time in Unix milliseconds or None, and its parts."""

    position: int
    role: str
    at_ms: int | None
    reasoning: str | None
    parts: tuple[Part, ...]


@attrs.frozen(kw_only=True)
class BranchView:
    """One conversation of a session: its messages behind the first `parts_at`.

    `generation` names it, `parent` is the older branch that it shares these with, None: none.
    """

    generation: int
    parent: int | None
    parts_at: int
    entries: tuple[Entry, ...]


@attrs.frozen(kw_only=True)
class Transcript:
    """A session as a document: its whole conversation, its branches (the present one last)."""

    session: SessionData
    entries: tuple[Entry, ...]
    branches: tuple[BranchView, ...] = ()
    tasks: tuple[SubagentTaskSnapshot, ...] = ()


_END: Final = 1 << 60


def lenders(branch: BranchView, branches: Sequence[BranchView]) -> dict[int, int]:
    """Return the branches that have messages of a branch, each with the position where it ends.

    The branch itself is among them, with a position behind every message.
    """
    by_number = {one.generation: one for one in branches}
    found = {branch.generation: _END}
    one, upto = branch, _END
    while one.parent in by_number:
        upto = min(upto, one.parts_at)
        one = by_number[one.parent]
        found[one.generation] = upto
    return found


def left(transcript: Transcript) -> list[tuple[str, tuple[Entry, ...]]]:
    """Return for each branch but the present one, the newest first: its title and own messages.

    Messages of the present conversation, and of an older branch, are left out.
    """
    if not transcript.branches:
        return []
    present = lenders(transcript.branches[-1], transcript.branches)
    made = []
    for branch in reversed(transcript.branches[:-1]):
        mine = lenders(branch, transcript.branches)
        shared = max((min(mine[one], present[one]) for one in mine if one in present), default=0)
        title = f"Branch of generation {branch.generation}"
        if shared >= branch.parts_at and shared:
            title += f", after message {shared} of the present conversation"
        elif branch.parent is not None and branch.parts_at:
            title += f", after message {branch.parts_at} of generation {branch.parent}"
        entries = tuple(one for one in branch.entries if one.position >= shared)
        made.append((title, entries))
    return made


def entries_of(
    messages: Sequence[Message], times: Sequence[int | None] = (), start: int = 0
) -> tuple[Entry, ...]:
    """Return the messages from `start` on; a result stands with its call if both are among them.

    A message with nothing but such results is left out.
    """
    made: list[Entry] = []
    for one in rounds(messages):
        waiting: dict[str, list[tuple[int, Call]]] = {}
        for at in range(one.start, one.stop):
            message = messages[at]
            parts: list[Part] = []
            new: list[tuple[str, Call]] = []
            moved = False
            for block in message.content:
                if isinstance(block, ToolUseBlock):
                    call = Call(shown(block.name), shown(block.id), as_json(block.input))
                    new.append((block.id, call))
                    parts.append(call)
                elif isinstance(block, ToolResultBlock):
                    found = waiting.get(block.tool_use_id)
                    where, called = found.pop() if found else (-1, None)
                    if called is not None and where >= start:
                        called.result = _result(block)
                        moved = True
                    else:
                        name = "" if called is None else called.name
                        parts.append(_result(block, shown(block.tool_use_id), name))
                else:
                    parts.append(_part(block))
            for call_id, call in new:
                waiting.setdefault(call_id, []).append((at, call))
            if at >= start and (parts or message.reasoning_content or not moved):
                made.append(_entry(message, at, times, tuple(parts)))
    return tuple(made)


def _entry(
    message: Message, at: int, times: Sequence[int | None], parts: tuple[Part, ...]
) -> Entry:
    reasoning = message.reasoning_content
    results = bool(parts) and all(isinstance(part, Result) for part in parts)
    return Entry(
        position=at,
        role="tools" if results and message.role == "user" else shown(message.role),
        at_ms=times[at] if at < len(times) else None,
        reasoning=None if reasoning is None else shown(reasoning),
        parts=parts,
    )


def _result(block: ToolResultBlock, call_id: str = "", name: str = "") -> Result:
    content = block.content
    if isinstance(content, str):
        parts: tuple[Any, ...] = (Text(shown(content)),) if content else ()
    else:
        parts = tuple(map(_part, content))
    return Result(parts, bool(block.is_error), call_id, name)


def _part(block: Any) -> Any:
    if isinstance(block, TextBlock | ToolResultText):
        return Text(shown(block.text))
    if isinstance(block, ImageBlock | ToolResultImage):
        return _image(block.source)
    return Other(shown(block.type), as_json(block.body))


def _image(source: ImageSource) -> Image:
    try:
        size = len(base64.b64decode(source.data, validate=True))
    except (binascii.Error, ValueError):
        return Image(shown(source.media_type), len(source.data), None)
    safe = source.source_type == "base64" and source.media_type in _IMAGES
    return Image(shown(source.media_type), size, source.data if safe else None)


def shown(text: str) -> str:
    """Return a text with control characters, and those that hide or reorder text, as escapes."""
    plain = text.replace("\r\n", "\n")
    return _HIDDEN.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", plain)


def as_json(value: Any) -> str:
    """Return any JSON as readable text."""
    return shown(json.dumps(thaw(value), ensure_ascii=False, indent=2))


def moment(at_ms: int | None) -> str:
    """Return a time in Unix milliseconds as text in UTC; empty for None."""
    if at_ms is None or not 0 <= at_ms <= _MOST_MS:
        return ""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size_of(nbytes: int) -> str:
    """Return a number of bytes as text."""
    return f"{nbytes} B" if nbytes < 1024 else f"{nbytes / 1024:.1f} KiB"


def facts(transcript: Transcript) -> list[tuple[str, str]]:
    """Return the facts at the top of a document: names and values, without empty ones."""
    session = transcript.session
    usage = session.total_usage
    found = [
        ("Session", shown(session.id)),
        ("Workspace", shown(session.config.workspace)),
        ("Model", shown(session.model_name or "")),
        ("Parent session", shown(session.parent_id or "")),
        ("Created", moment(session.created_at * 1000)),
        ("Updated", moment(session.updated_at * 1000)),
        ("Messages", str(len(session.messages))),
        ("Tokens", _tokens(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)),
        ("Cost", f"${session.total_cost:.4f}" if session.total_cost else ""),
    ]
    return [(name, value) for name, value in found if value]


def _tokens(prompt: int, completion: int, total: int) -> str:
    if not total and not prompt and not completion:
        return ""
    return f"{prompt:,} in, {completion:,} out, {total:,} in all"


def costs_by_model(session: SessionData) -> list[tuple[str, int, int, int, float | None]]:
    """Return for each model: name, calls, prompt and completion tokens, and dollars if known."""
    sums: dict[str, list[Any]] = {}
    for record in session.cost_records:
        row = sums.setdefault(f"{record.provider}/{record.model}", [0, 0, 0, None])
        row[0] += 1
        row[1] += record.prompt_tokens
        row[2] += record.completion_tokens
        if record.cost_usd is not None:
            row[3] = (row[3] or 0.0) + record.cost_usd
    return [(shown(name), *row) for name, row in sorted(sums.items())]


def tasks_of(transcript: Transcript) -> list[tuple[str, str, str, str]]:
    """Return for each subagent: its name, description, status and session."""
    return [
        (shown(one.agent), shown(one.description), shown(one.status), shown(one.child_session_id))
        for one in transcript.tasks
    ]


def title_of(session: SessionData) -> str:
    """Return the name of a session, or its id."""
    return shown(session.config.name or session.id)
