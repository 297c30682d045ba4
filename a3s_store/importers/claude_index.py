"""The messages of a Claude Code file as a tree: which records make one, and what follows it.

Records name their parent, but not every fork is a branch of the conversation. One message of the
model is written as a record for each block, and results of parallel calls name the record of their
call, so both look like forks. Here such records become one message, followed by its results.

The parent of a record stands before it in the file; one that does not is treated as missing, so
that ids which form a cycle make no cycle here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.importers.history import Conversation, paths
from a3s_store.importers.values import dict_of, list_of, text_of


class Place(NamedTuple):
    """The place of a record in its file."""

    offset: int
    length: int


@attrs.define(eq=False)
class Group:
    """A message of the model and the results of its calls, of which `tail` is the last."""

    first: Node
    message_id: str | None
    calls: set[str]
    tail: Node


@attrs.define(eq=False)
class Node:
    """A message of the tree: the places of its records, and the message before it."""

    parent: Node | None
    places: list[Place]
    order: int
    group: Group | None = None
    has_children: bool = False


_ABSENT: Final = object()


@attrs.define(eq=False)
class Tree:
    """The messages of one conversation with all its branches, in the order of the file."""

    nodes: list[Node] = attrs.field(factory=list)
    _last: Node | None = None
    _by_uuid: dict[str, Node | None] = attrs.field(factory=dict)
    parentless: int = 0

    def has(self, record: dict[str, Any]) -> bool:
        """Return whether a record with this uuid was added."""
        return record.get("uuid") in self._by_uuid if text_of(record.get("uuid")) else False

    def pass_by(self, record: dict[str, Any]) -> None:
        """Note a record that is no message, since messages may name it as their parent."""
        uuid = text_of(record.get("uuid"))
        if uuid is not None:
            self._by_uuid.setdefault(uuid, self._parent(record))

    def add(self, record: dict[str, Any], place: Place) -> bool:
        """Add a record that is a message or a part of one; return False if its uuid was added."""
        if self.has(record):
            return False
        message = dict_of(record.get("message"))
        node = self._placed(record["type"] == "assistant", message, self._parent(record), place)
        node.order = max(node.order, len(self._by_uuid))
        self._last = node
        uuid = text_of(record.get("uuid"))
        # One without a uuid takes up a number, too, so that orders differ.
        self._by_uuid[uuid or f"\0{place.offset}"] = node
        return True

    def _parent(self, record: dict[str, Any]) -> Node | None:
        named = text_of(record.get("parentUuid"))
        if named is None and "parentUuid" in record:
            return None
        found = self._by_uuid.get(named or "", _ABSENT)
        if found is _ABSENT:
            self.parentless += self._last is not None
            return self._last
        return found  # type: ignore[return-value] # no _ABSENT

    def _placed(self, by_model: bool, message: Any, parent: Node | None, place: Place) -> Node:
        group = parent.group if parent is not None else None
        if by_model:
            message_id = text_of(message.get("id"))
            calls = _ids(message, "tool_use", "id")
            if group is not None and message_id is not None and group.message_id == message_id:
                group.first.places.append(place)
                group.calls |= calls
                return group.first
            node = self._under(_after(group, parent), place)
            node.group = Group(node, message_id, calls, node)
            return node
        results = _ids(message, "tool_result", "tool_use_id")
        if group is not None and results & group.calls:
            node = self._under(group.tail, place)
            node.group = group
            group.calls -= results
            group.tail = node
            return node
        return self._under(_after(group, parent), place)

    def _under(self, parent: Node | None, place: Place) -> Node:
        node = Node(parent, [place], 0)
        if parent is not None:
            parent.has_children = True
        self.nodes.append(node)
        return node

    def conversations(self) -> Iterator[Conversation]:
        """Yield the conversations of the tree, that with the newest message last."""
        tips = sorted(
            (node for node in self.nodes if not node.has_children), key=lambda node: node.order
        )
        for shared, rest in paths(tips, lambda node: node.parent):
            yield Conversation(shared, tuple(tuple(one.places) for one in rest))


def _after(group: Group | None, parent: Node | None) -> Node | None:
    """Return the message after which one goes on that follows `parent`: behind all results."""
    return parent if group is None or parent is group.first else group.tail


def _ids(message: Any, kind: str, key: str) -> set[str]:
    return {
        block[key]
        for block in list_of(message.get("content"))
        if isinstance(block, dict) and block.get("type") == kind and text_of(block.get(key))
    }
