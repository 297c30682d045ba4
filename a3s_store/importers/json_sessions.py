"""Sessions as JSON lines, as `a3s-store export --format jsonl` writes them: one session a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import DecodeError
from a3s_store.importers.history import Format, History, Reader
from a3s_store.importers.json_lines import TOO_LONG
from a3s_store.importers.source_files import FoundFile, open_source
from a3s_store.importers.values import dict_of, list_of, text_of
from a3s_store.models import Message, SessionData
from a3s_store.wire import Limits, decode, parse

SCHEMA: Final = "a3s_store.session.v1"


def recognizes(file: FoundFile) -> bool:
    """Return whether a file begins with a session of this format."""
    first, _, _ = file.sample.partition(b"\n")
    return file.path.endswith(".jsonl") and f'"{SCHEMA}"'.encode() in first[:200]


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the session of a file.

    Raises:
        CodecError: a line is damaged or missing; a part of a session is no session.
        OSError: it cannot be read.
    """
    head: dict[str, Any] = {}
    messages: list[Message] = []
    values: dict[str, list[Any]] = {}
    kinds = {one.name: one.model for one in COLLECTIONS}
    with open_source(file.full) as lines:
        for number, raw in enumerate(iter(lambda: lines.readline(limits.value_size + 1), b"")):
            if len(raw) > limits.value_size:
                raise DecodeError(TOO_LONG, model="JSON lines", path=f"line {number + 1}")
            line = parse(raw, model=f"line {number + 1}")
            kind = text_of(dict_of(line).get("type"))
            if number == 0:
                head = line
            elif kind == "message":
                messages.append(decode(Message, line.get("message")))
            elif kind in kinds:
                values.setdefault(kind, []).append(decode(kinds[kind], line.get("value")))
            else:
                raise DecodeError("a line of an unknown type", model=f"line {number + 1}")
    yield _history(head, messages, values)


def _history(
    head: dict[str, Any], messages: list[Message], values: dict[str, list[Any]]
) -> History:
    if len(messages) != head.get("messages"):
        said = f"its first line says {head.get('messages')!r:.40}"
        raise DecodeError(f"the file has {len(messages)} messages, {said}", model="JSON lines")
    session = decode(SessionData, head.get("session")).evolve(messages=tuple(messages))
    present = list_of(head.get("collections"))
    snapshot = SessionSnapshot.of(
        session,
        {one: tuple(values.get(one.name, ())) for one in COLLECTIONS if one.name in present},
        tuple(list_of(head.get("retained_artifact_uris"))),
    )
    return History(
        session=session,
        conversations=(),
        open=Reader,
        fingerprint="",
        counted=Counter(),
        snapshot=snapshot,
    )


FORMAT: Final = Format(
    name="jsonl",
    title="JSON lines of a3s-store",
    source="files of `a3s-store export --format jsonl`",
    keeps="the whole snapshot",
    recognizes=recognizes,
    read=read,
)
