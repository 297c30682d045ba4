"""Where a conversation is stored, and which part of a new one is stored already: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from a3s_store.core.digests import EMPTY_CHAIN, chain, message_digest
from a3s_store.core.list_diff import Run, common, shared_runs
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.wire import encode


@attrs.frozen
class Head:
    """The first `length` messages of a branch."""

    branch: int
    length: int


@attrs.frozen
class CachedConversation:
    """Messages that were read or written at a head; `chain_hash` is their chain hash.

    They may have been removed since: before use, compare `chain_hash` with the one stored there.
    """

    messages: tuple[Message, ...]
    head: Head
    chain_hash: bytes


def best_of(
    conversations: Iterable[CachedConversation], messages: tuple[Message, ...]
) -> tuple[CachedConversation | None, int]:
    """Return the conversation that shares most with these messages, and how many it shares.

    Where none shares its first messages, the longest: it may have later ones.
    """
    best: CachedConversation | None = None
    shared = 0
    for one in conversations:
        length = common(one.messages, messages)
        if best is None or (length, one.head.length) > (shared, best.head.length):
            best, shared = one, length
    return best, shared


class ChainHashes:
    """The chain hashes of a conversation that is to be stored, computed where they are asked for.

    The first `start` messages are stored, with `chain_hash` at their end; only messages after them
    are encoded, unless a chain hash among them is asked for and `stored` returns None for it.
    """

    def __init__(
        self,
        messages: tuple[Message, ...],
        start: int,
        chain_hash: bytes,
        stored: Callable[[int], bytes | None] = lambda _: None,
    ) -> None:
        self.messages = messages
        self.start = start
        self._stored = stored
        self._known = {0: EMPTY_CHAIN, start: chain_hash}
        self._trees: dict[int, dict[str, Any]] = {}
        self._digests: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.messages)

    def at(self, length: int) -> bytes:
        """Return the chain hash of the first `length` messages. Raises EncodeError."""
        known = self._known.get(length)
        if known is None and length < self.start:
            known = self._stored(length)
        if known is None:
            # Not by recursion: a conversation may be long.
            first = length
            while first not in self._known:
                first -= 1
            for index in range(first, length):
                (self._known[index + 1],) = chain([self.digest(index)], self._known[index])
            return self._known[length]
        self._known[length] = known
        return known

    def tree(self, index: int) -> dict[str, Any]:
        """Return the JSON object of a message. Raises EncodeError."""
        if index not in self._trees:
            self._trees[index] = _encode_message(index, self.messages[index])
        return self._trees[index]

    def digest(self, index: int) -> bytes:
        """Return the digest of a message. Raises EncodeError."""
        if index not in self._digests:
            self._digests[index] = message_digest(self.tree(index))
        return self._digests[index]

    def runs_in(self, old: CachedConversation, shared: int) -> list[Run]:
        """Return which messages after the first `shared` are in another conversation, too.

        Messages are compared by identity; where that finds fewer than half of them, by digest.
        """
        runs = shared_runs([*map(id, old.messages)], [*map(id, self.messages)], shared)
        if 2 * sum(run.count for run in runs) >= len(self) - shared:
            return runs
        digests = [message_digest(encode(message)) for message in old.messages]
        return shared_runs(digests, [self.digest(index) for index in range(len(self))], shared)


def _encode_message(index: int, message: Message) -> dict[str, Any]:
    if type(message) is not Message:
        what = f"expected a Message, found {type(message).__name__}"
        raise EncodeError(what, model="SessionData", path=f"messages[{index}]")
    try:
        return encode(message)
    except EncodeError as error:
        raise error.inside("SessionData", f"messages[{index}]") from None
