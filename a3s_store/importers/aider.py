"""Histories of aider: `.aider.chat.history.md`, a session for each start of a chat.

Prompts begin with `#### `, what aider itself says with `> `; everything else is by the model. The
file has no ids and no time zones: a session is named by its start and its place in the file, and
the start is taken as UTC.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from a3s_store.importers.history import (
    Conversation,
    Format,
    History,
    NotThisFormatError,
    Reader,
    TimedMessage,
)
from a3s_store.importers.json_lines import INCOMPLETE
from a3s_store.importers.source_files import FoundFile, open_source
from a3s_store.importers.values import millis_of
from a3s_store.models import Message, SessionConfig, SessionData, TextBlock
from a3s_store.wire import Limits

NAME: Final = "aider"
_START: Final = re.compile(rb"^# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*$")
_PROMPT: Final = b"#### "
_TOOL: Final = b"> "


def recognizes(file: FoundFile) -> bool:
    """Return whether a file is Markdown in which a chat of aider starts."""
    return file.path.endswith(".md") and any(map(_START.match, file.sample.splitlines()))


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the sessions of a file; text before the first start is none.

    Raises:
        NotThisFormatError: no one said anything in it.
        OSError: it cannot be read.
    """
    found = False
    starts: dict[str, int] = {}
    lost: Counter[str] = Counter()
    for started, lines in _sessions(file, limits.value_size, lost):
        starts[started] = starts.get(started, 0) + 1
        history = _history(started, starts[started], lines, lost)
        if history is not None:
            found = True
            yield history
    if not found:
        raise NotThisFormatError("no conversation is in it")


def _sessions(file: FoundFile, most: int, lost: Counter[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the start of each session with its lines; lines beyond the limit are cut."""
    started: str | None = None
    lines: list[bytes] = []
    with open_source(file.full) as source:
        while raw := source.readline(most):
            begun = _START.match(raw)
            if not raw.endswith(b"\n") and len(raw) < most:
                lost[INCOMPLETE] += 1  # it is still being written
                continue
            if begun is None:
                lines.append(raw.rstrip(b"\r\n"))
                continue
            if started is not None:
                yield started, lines
            started, lines = begun[1].decode(), []
    if started is not None:
        yield started, lines


def _history(
    started: str, number: int, lines: Sequence[bytes], lost: Counter[str]
) -> History | None:
    messages = list(_messages(lines))
    if not any(role != "tool" for role, _ in messages):
        return None
    at_ms = millis_of(started) or 0
    again = f"-{number}" if number > 1 else ""
    session = SessionData(
        id=f"aider-{started.replace(' ', 'T').replace(':', '')}{again}",
        config=SessionConfig(name=f"aider {started}"),
        created_at=at_ms // 1000,
        updated_at=at_ms // 1000,
    )
    return History(
        session=session,
        conversations=(Conversation(0, tuple(messages)),),
        open=_Reader,
        fingerprint=hashlib.sha256(b"\n".join(lines)).hexdigest(),
        lost=Counter(lost),
    )


def _messages(lines: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """Yield role and text of each message: neighbouring lines of one role, without their marks."""
    role: str | None = None
    texts: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace")
        mine = "user" if raw.startswith(_PROMPT) else "tool" if raw.startswith(_TOOL) else None
        if mine is not None:
            line = line[5:] if mine == "user" else line[2:]
        elif line.strip() or role == "assistant":
            mine = "assistant"
        else:
            continue  # blank lines between two roles
        if mine != role:
            yield from _message(role, texts)
            role, texts = mine, []
        # Two blanks at the end of a line are Markdown's line break.
        texts.append(line.rstrip() if mine != "assistant" else line)
    yield from _message(role, texts)


def _message(role: str | None, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    text = "\n".join(texts).strip("\n")
    if role is not None and text:
        yield role, text


class _Reader(Reader):
    """Makes messages of roles and texts."""

    def messages(self, keys: Sequence[tuple[str, str]]) -> Iterator[TimedMessage]:
        for role, text in keys:
            made = Message(role=role, content=(TextBlock(text=text),))
            yield TimedMessage(made, None, len(text))


FORMAT: Final = Format(
    name=NAME,
    title="aider",
    source="`.aider.chat.history.md`",
    keeps="prompts, replies, output; the start of each session",
    recognizes=recognizes,
    read=read,
)
