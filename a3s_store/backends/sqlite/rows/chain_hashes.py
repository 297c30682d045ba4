"""The chain hashes of a conversation that is about to be stored."""

from __future__ import annotations

import sqlite3
from typing import Any

from a3s_store.backends.sqlite.rows.message_log import Segment, chain_hash_if_stored
from a3s_store.core.digests import EMPTY_CHAIN, chain, message_digest
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.wire import encode

Tree = dict[str, Any]


class ChainHashes:
    """The chain hashes of a conversation, computed only as far as they are asked for.

    The first `start` messages are known to lie along `parts`, with `chain_hash` at their end; only
    messages after them are encoded, unless a chain hash among them is not stored.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        messages: tuple[Message, ...],
        parts: list[Segment],
        start: int,
        chain_hash: bytes,
    ) -> None:
        self._conn = conn
        self.messages = messages
        self._parts = parts
        self._known = {0: EMPTY_CHAIN, start: chain_hash}
        self._trees: dict[int, Tree] = {}
        self._digests: dict[int, bytes] = {}
        self.start = start

    def __len__(self) -> int:
        return len(self.messages)

    def at(self, length: int) -> bytes:
        """The chain hash of the first `length` messages. Raises EncodeError."""
        known = self._known.get(length)
        if known is not None:
            return known
        if length < self.start:
            stored = chain_hash_if_stored(self._conn, self._parts, length)
            if stored is not None:
                self._known[length] = stored
                return stored
        # Not by recursion: a conversation may be long.
        first = length
        while first not in self._known:
            first -= 1
        for index in range(first, length):
            (self._known[index + 1],) = chain([self.digest(index)], self._known[index])
        return self._known[length]

    def tree(self, index: int) -> Tree:
        """The JSON object of a message. Raises EncodeError."""
        if index not in self._trees:
            self._trees[index] = _encode_message(index, self.messages[index])
        return self._trees[index]

    def digest(self, index: int) -> bytes:
        """The digest of a message. Raises EncodeError."""
        if index not in self._digests:
            self._digests[index] = message_digest(self.tree(index))
        return self._digests[index]


def _encode_message(index: int, message: Message) -> Tree:
    if type(message) is not Message:
        what = f"expected a Message, found {type(message).__name__}"
        raise EncodeError(what, model="SessionData", path=f"messages[{index}]")
    try:
        return encode(message)
    except EncodeError as error:
        raise error.inside("SessionData", f"messages[{index}]") from None
