"""Rows of messages that follow each other: verify them, and make messages of them.

Column by column: a loop over rows in Python takes longer than parsing them.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.rows import blobs
from a3s_store.core.cache_weight import VALUE_BYTES
from a3s_store.core.checksums import message_checksums
from a3s_store.core.collections import MESSAGE_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.errors import DecodeError
from a3s_store.models import Message
from a3s_store.wire import decode, decode_many, parse_each, parse_own

if TYPE_CHECKING:
    from a3s_store.core.stored_content import StoredContent

COLUMNS: Final = "checksum, chain_hash, role, reasoning_content, extra, content, message_key"
# No row has so high a key.
_NO_KEY: Final = 2**63
# The texts of the blobs of a message, by hash.
Images = dict[str, str]


class MessageRows(NamedTuple):
    """The columns of rows of one branch with consecutive positions; texts are bytes."""

    checksums: tuple[int, ...]
    chain_hashes: tuple[bytes, ...]
    roles: tuple[bytes, ...]
    reasonings: tuple[bytes | None, ...]
    extras: tuple[bytes | None, ...]
    contents: tuple[bytes, ...]
    keys: tuple[int, ...]

    @classmethod
    def of(cls, rows: list[tuple[Any, ...]]) -> Self:
        """Return the columns of at least one row of `COLUMNS`."""
        return cls(*zip(*rows, strict=True))

    def check(self, start: int, seq: int, branch: int, salt: RowSalt | None) -> None:
        """Verify the checksums of rows from `seq` on of a branch, with messages from `start` on.

        Raises CorruptRowError, with the position, where one is wrong.
        """
        wrong = self.first_wrong(seq, branch, salt)
        if wrong is not None:
            raise CorruptRowError(NOT_WRITTEN, "messages", start + wrong)

    def first_wrong(self, seq: int, branch: int, salt: RowSalt | None) -> int | None:
        """Return the index of the first row with a wrong checksum; None when all match.

        A row that was copied from another file or branch does not match: the salt is part of the
        checksum.
        """
        stored, keys = [*self.checksums], self.keys
        expected = functools.partial(
            message_checksums,
            seq,
            self.chain_hashes,
            self.roles,
            self.reasonings,
            self.extras,
            self.contents,
        )
        # Rows of schema 1 to 5 have no salt in their checksums; their keys may have been reused.
        first_key = _NO_KEY if salt is None else salt.first_key
        plain = expected(0) if min(keys) < first_key else []
        if plain == stored and max(keys) < first_key:
            return None
        salted = [] if salt is None else expected(salt.seed(branch))
        if salted == stored:
            return None
        for index, (key, found) in enumerate(zip(keys, stored, strict=True)):
            is_old = key < first_key and found == plain[index]
            if not is_old and (salt is None or found != salted[index]):
                return index
        return None

    def images(self, conn: sqlite3.Connection) -> dict[int, Images]:
        """Return the texts of blobs of each row that refers to any, by its index."""
        # One byte first: CPython searches for it far faster than for several.
        found = [index for index, content in enumerate(self.contents) if b"$" in content]
        return {
            index: blobs.texts_of(conn, self.keys[index])
            for index in found
            if blobs.REFERENCE in self.contents[index]
        }

    def size(self, images: dict[int, Images]) -> int:
        """Return what the messages weigh in the session cache."""
        size = sum(map(len, self.contents)) + VALUE_BYTES * len(self.keys)
        size += sum(map(len, filter(None, self.reasonings)))
        return size + sum(len(text) for texts in images.values() for text in texts.values())

    def messages(
        self, images: dict[int, Images], start: int, content: StoredContent | None
    ) -> list[Message]:
        """Return the messages, the first of them at position `start`.

        With `content` that of a message is decoded when it is first read, unless it is more than
        the text in the row.

        Raises DecodeError and ValueError: a row is damaged.
        """
        if content is None:
            return self._decoded(images, start)
        roles = map(_role, self.roles)
        found = content.messages(start, roles, _texts(self.reasonings), self.contents)
        for index in self._to_decode(images):
            own = {0: images[index]} if index in images else {}
            found[index : index + 1] = self._only(index)._decoded(own, start + index)
        return found

    def _to_decode(self, images: dict[int, Images]) -> Iterator[int]:
        if images or self.extras.count(None) < len(self.extras):
            for index, extra in enumerate(self.extras):
                if extra is not None or index in images:
                    yield index

    def _only(self, index: int) -> MessageRows:
        row: list[Any] = [column[index] for column in self]
        return MessageRows.of([tuple(row)])

    def _decoded(self, images: dict[int, Images], start: int) -> list[Message]:
        trees = self._trees(images)
        try:
            return [*decode_many(Message, trees)]
        except DecodeError:
            for position, tree in enumerate(trees, start):
                try:
                    decode(Message, tree)
                except DecodeError as error:
                    raise error.inside("SessionData", f"messages[{position}]") from None
            raise

    def _trees(self, images: dict[int, Images]) -> list[dict[str, Any]]:
        """Return the JSON objects of the rows, as `Shape.tree` would make them."""
        parsed = zip(map(_role, self.roles), parse_each(self.contents), strict=True)
        trees: list[Any] = [{"role": role, "content": content} for role, content in parsed]
        for tree, reasoning in zip(trees, _texts(self.reasonings), strict=True):
            if reasoning is not None:
                tree["reasoning_content"] = reasoning
        for tree, extra in zip(trees, self.extras, strict=True):
            if extra is not None:
                tree |= parse_own(extra)
        for index, texts in images.items():
            if texts:  # otherwise decoding names the reference
                trees[index] = blobs.attach(trees[index], texts)
        return trees


def _texts(texts: tuple[bytes | None, ...]) -> tuple[str | None, ...]:
    if texts.count(None) == len(texts):
        return (None,) * len(texts)
    return tuple([None if text is None else text.decode() for text in texts])


@functools.lru_cache(64)
def _role(role: bytes) -> str:
    return role.decode()


assert shape(MESSAGE_ROWS).names == ("role", "content", "reasoning_content", "extra")
