"""Transcripts in Markdown: text as text, tool calls folded, nothing of a message is markup.

Texts of messages are in fences that are longer than any run of the fence's character in them, so
that no message imitates a heading, a link or another message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from a3s_store.exporters.transcript import (
    Call,
    Entry,
    Image,
    Part,
    Result,
    Text,
    Transcript,
    costs_by_model,
    facts,
    left,
    moment,
    size_of,
    tasks_of,
    title_of,
)

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:$^=\"'])")
_TICKS: Final = re.compile("`+")


def markdown(transcript: Transcript) -> Iterator[str]:
    """Yield the parts of a document, each with its newline."""
    yield f"# {_inline(title_of(transcript.session))}\n\n"
    for name, value in facts(transcript):
        yield f"- {name}: {_inline(value)}\n"
    yield from _costs(transcript)
    yield from _entries(transcript.entries)
    for title, entries in left(transcript):
        yield f"\n## {title}\n"
        yield from _entries(entries)


def _costs(transcript: Transcript) -> Iterator[str]:
    rows = costs_by_model(transcript.session)
    if rows:
        yield "\n| Model | Calls | Tokens in | Tokens out | Cost |\n|---|--:|--:|--:|--:|\n"
    for model, calls, prompt, completion, dollars in rows:
        cost = "" if dollars is None else f"${dollars:.4f}"
        yield f"| {_inline(model)} | {calls} | {prompt} | {completion} | {cost} |\n"
    if transcript.tasks:
        yield "\n| Subagent | Description | Status | Session |\n|---|---|---|---|\n"
    for cells in tasks_of(transcript):
        yield "| " + " | ".join(map(_inline, cells)) + " |\n"


def _entries(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    at = moment(entry.at_ms)
    yield f"\n### {entry.position + 1}. {_inline(entry.role)}{f' ({at})' if at else ''}\n"
    if entry.reasoning:
        yield _folded("Reasoning", _fenced(entry.reasoning))
    for part in entry.parts:
        yield "\n" + _part(part)


def _part(part: Part) -> str:
    if isinstance(part, Text):
        return _fenced(part.text)
    if isinstance(part, Image):
        return f"*Image: {_inline(part.media_type)}, {size_of(part.size_bytes)}*\n"
    if isinstance(part, Call):
        inner = _fenced(part.arguments, "json")
        if part.result is None:
            return _folded(f"Call of {part.name}, without a result", inner)
        state = "failed" if part.result.failed else "done"
        return _folded(f"Call of {part.name}: {state}", inner + "\n" + _parts(part.result))
    if isinstance(part, Result):
        state = "Failed result" if part.failed else "Result"
        return _folded(f"{state} of {part.name or 'call'} {part.call_id}", _parts(part))
    return _folded(f"Block of type {part.type}", _fenced(part.json, "json"))


def _parts(result: Result) -> str:
    return "\n".join(map(_part, result.parts))


def _folded(summary: str, inner: str) -> str:
    return f"<details>\n<summary>{_inline(summary)}</summary>\n\n{inner}\n</details>\n"


def _fenced(text: str, language: str = "text") -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _inline(text: str) -> str:
    """Return a text on one line without markup; backslashes are understood by every reader."""
    one_line = " ".join(text.split())
    entities = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(_escaped, entities)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0] in "&-.:+=$^'\"()!" else "\\" + found[0]
