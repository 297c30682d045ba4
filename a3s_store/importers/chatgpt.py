"""Histories of ChatGPT: `conversations.json` of an export of data, with all conversations.

Each conversation is a tree of messages. The path to its current node is the present conversation,
all other ends are earlier ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from a3s_store.importers.content_blocks import Content
from a3s_store.importers.history import (
    Conversation,
    DamagedSourceError,
    Format,
    History,
    NotThisFormatError,
    Reader,
    TimedMessage,
    paths,
)
from a3s_store.importers.json_arrays import elements
from a3s_store.importers.source_files import FoundFile
from a3s_store.importers.values import dict_of, list_of, millis_of, text_of
from a3s_store.models import SessionConfig, SessionData, TextBlock
from a3s_store.wire import Limits

NAME: Final = "chatgpt"
_EXTRA: Final = "x.chatgpt"
_NOT_KEPT: Final = frozenset(
    {"mapping", "title", "create_time", "update_time", "conversation_id", "id", "current_node"}
)


def recognizes(file: FoundFile) -> bool:
    """Return whether a file begins with a conversation of ChatGPT."""
    start = file.sample.lstrip()[:1]
    return (
        file.path.endswith(".json")
        and start in (b"[", b"{")
        and b'"mapping"' in file.sample
        and b'"title"' in file.sample
    )


def read(file: FoundFile, limits: Limits) -> Iterable[History]:
    """Yield the conversations of a file.

    Raises:
        NotThisFormatError: none is in it.
        DamagedSourceError: the last of it cannot be read, or is no conversation.
        OSError: it cannot be read.
    """
    found = False
    lost: Counter[str] = Counter()
    for element in elements(file.full, limits.value_size):
        if element.problem is not None:
            lost[f"conversation: {element.problem}"] += 1
            continue
        one = dict_of(element.value)
        if text_of(one.get("conversation_id")) or text_of(one.get("id")):
            history = _history(one, element.digest, lost)
            if history is not None:
                found = True
                lost = Counter()
                yield history
                continue
        lost["conversation without id or messages"] += 1
    if lost:
        # No history follows that could report it.
        raise DamagedSourceError(f"not all of it was read: {', '.join(sorted(lost))}")
    if not found:
        raise NotThisFormatError("no conversation is in it")


def _history(one: Mapping[str, Any], digest: str, lost: Counter[str]) -> History | None:
    nodes = {
        key: dict_of(node.get("message"))
        for key, node in dict_of(one.get("mapping")).items()
        if isinstance(node, dict)
    }
    parents = {
        key: dict_of(node).get("parent")
        for key, node in dict_of(one.get("mapping")).items()
        if key in nodes
    }
    said = {key for key, message in nodes.items() if _is_said(message)}
    if not said:
        return None
    conversations = _conversations(nodes, parents, said, text_of(one.get("current_node")))
    created = millis_of(one.get("create_time")) or 0
    updated = millis_of(one.get("update_time")) or created
    models = (dict_of(message.get("metadata")).get("model_slug") for message in nodes.values())
    rest = {key: value for key, value in one.items() if key not in _NOT_KEPT}
    session = SessionData(
        id=text_of(one.get("conversation_id")) or str(one.get("id")),
        config=SessionConfig(name=text_of(one.get("title")) or ""),
        model_name=next(filter(text_of, reversed(list(models))), None),
        created_at=created // 1000,
        updated_at=updated // 1000,
        extra={_EXTRA: rest} if rest else {},
    )
    return History(
        session=session,
        conversations=conversations,
        open=partial(_Reader, nodes),
        fingerprint=digest,
        lost=Counter(lost),
    )


def _is_said(message: Mapping[str, Any]) -> bool:
    """Return whether a message has something in it; the first ones of a tree are empty."""
    content = dict_of(message.get("content"))
    parts = [one for one in list_of(content.get("parts")) if one != ""]
    return bool(parts or any(content.get(key) for key in ("text", "thoughts", "content", "result")))


def _conversations(
    nodes: Mapping[str, Mapping[str, Any]],
    parents: Mapping[str, Any],
    said: set[str],
    current: str | None,
) -> tuple[Conversation, ...]:
    """Return the paths to all ends of a tree, the oldest end first, and the current one last."""
    above = {key: _nearest(parents, said, parents[key]) for key in nodes}
    now = current if current in said else _nearest(parents, said, current)
    ends = said - {above[key] for key in said}
    # Messages after the current one are a conversation that was left.
    order = sorted(ends - {now}, key=lambda key: millis_of(nodes[key].get("create_time")) or 0)
    covered: set[str] = set()
    circles = [key for key in nodes if key in said]
    for key in [*order, *([now] if now is not None else []), *circles]:
        # Messages whose parents form a circle have no end: the first one of them is taken.
        if key not in covered and key not in ends and key != now:
            order.insert(0, key)
        one: str | None = key
        while one is not None and one not in covered:
            covered.add(one)
            one = above[one]
    every = [*order, *([now] if now is not None else [])]
    return tuple(Conversation(shared, tuple(rest)) for shared, rest in paths(every, above.get))


def _nearest(parents: Mapping[str, Any], said: set[str], key: Any) -> str | None:
    """Return the nearest message with content from a node upwards; ids may form a cycle."""
    seen: set[str] = set()
    while isinstance(key, str) and key in parents and key not in seen:
        if key in said:
            return key
        seen.add(key)
        key = parents[key]
    return None


class _Reader(Reader):
    """Makes the messages of one conversation."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self._nodes = nodes

    def messages(self, keys: Sequence[str]) -> Iterator[TimedMessage]:
        for key in keys:
            message = self._nodes[key]
            content = Content("chatgpt", self.counted)
            rest = {name: value for name, value in message.items() if name != "content"}
            about = self._add(content, dict_of(message.get("content")))
            role = text_of(dict_of(message.get("author")).get("role")) or "user"
            made = content.message(role, {_EXTRA: {"node": key, **rest, "content": about}})
            size = sum(len(getattr(block, "text", "")) for block in content.blocks)
            yield TimedMessage(made, millis_of(message.get("create_time")), size + 1_000)

    def _add(self, content: Content, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add what a message says; return the keys of its content without a place."""
        rest = {key: one for key, one in given.items() if key not in {"parts", "text"}}
        if text_of(given.get("text")):
            content.blocks.append(TextBlock(text=given["text"]))
        for part in list_of(given.get("parts")):
            if isinstance(part, str):
                if part:
                    content.blocks.append(TextBlock(text=part))
            else:
                whole = dict_of(part) or {"value": part}
                kind = text_of(whole.get("content_type")) or "part"
                content.blocks.append(content.opaque_block({"type": f"chatgpt.{kind}", **whole}))
        for thought in list_of(given.get("thoughts")):
            texts = (dict_of(thought).get(key) for key in ("summary", "content"))
            content.reasoning += [text for text in map(text_of, texts) if text is not None]
        return rest


FORMAT: Final = Format(
    name=NAME,
    title="ChatGPT",
    source="`conversations.json` of an export of data",
    keeps="branches, thoughts, times; images as references",
    recognizes=recognizes,
    read=read,
)
