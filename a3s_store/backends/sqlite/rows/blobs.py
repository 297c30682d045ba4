"""Large texts and images, kept once by the hash of their bytes (design decision D7).

A text above `THRESHOLD` bytes goes to the table `blob`, compressed when that saves an eighth of
it; values of streams do from fewer bytes on, and are compressed when the stream asks for that.
In a message the data of an image is replaced by `{"$blob": "<hash>"}`, which no upstream file can
hold there, since the data of an image is a string. Blobs are reclaimed by asking who still refers
to them, never by a counter: a counter that is wrong once stays wrong.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from a3s_store.errors import EncodeError

THRESHOLD: Final = 16_384
# The most bytes a text may have. A blob with more was not written by this store.
MOST_BYTES: Final = 512 * 1024 * 1024
# A larger blob is unpacked twice: first a piece at a time, each discarded, to verify its hash.
# Bytes from another source must not fill the memory.
_TRUSTED_BYTES: Final = 4 * 1024 * 1024
_PIECE: Final = 16 * 1024  # packed; it unpacks to a thousand times as much at most
_REFERENCE: Final = "$blob"
# The text of that key in a row; text of a message has a backslash before each quote.
REFERENCE: Final = b'"$blob"'


def is_large(text: str) -> bool:
    """Whether a text has `THRESHOLD` bytes of UTF-8 or more."""
    return len(text) >= THRESHOLD or (
        4 * len(text) >= THRESHOLD and len(text.encode("utf-8")) >= THRESHOLD
    )


def put(conn: sqlite3.Connection, text: str) -> int:
    """Return the key of the blob with this text, which is written unless it is stored.

    Raises EncodeError when it is larger than `MOST_BYTES`.
    """
    return put_bytes(conn, text.encode("utf-8"), compress=True)


def put_bytes(conn: sqlite3.Connection, raw: bytes, *, compress: bool) -> int:
    """Return the key of the blob with these bytes, as `put` does; `compress` if that saves enough.

    Raises EncodeError when they are more than `MOST_BYTES`.
    """
    if len(raw) > MOST_BYTES:
        raise EncodeError(
            f"a value of {len(raw)} bytes is too large",
            hint="Keep such a large value outside the store",
        )
    digest = hashlib.sha256(raw).digest()
    # Is it stored already?
    row = conn.execute("SELECT blob_key FROM blob WHERE hash = ?", (digest,)).fetchone()
    if row is not None:
        return int(row[0])
    packed = zlib.compress(raw, 1) if compress else raw
    smaller = len(packed) <= len(raw) - len(raw) // 8
    encoding, data = ("zlib", packed) if smaller else ("raw", raw)
    cursor = conn.execute(
        "INSERT INTO blob (hash, size_bytes, encoding, data) VALUES (?, ?, ?, ?)",
        (digest, len(raw), encoding, data),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def get(conn: sqlite3.Connection, blob_key: int) -> str:
    """Return the text of a blob. Raises ValueError when its bytes do not have its hash."""
    return get_bytes(conn, blob_key).decode("utf-8")


def get_bytes(conn: sqlite3.Connection, blob_key: int) -> bytes:
    """Return the bytes of a blob. Raises ValueError when they do not have its hash."""
    row = conn.execute(
        "SELECT hash, size_bytes, encoding, data FROM blob WHERE blob_key = ?", (blob_key,)
    ).fetchone()
    if row is None:
        raise ValueError(f"blob {blob_key} is missing")
    return unpacked(blob_key, *row)


def unpacked(blob_key: int, digest: bytes, size: int, encoding: str, data: bytes) -> bytes:
    """Return the bytes of a row. Raises ValueError when they do not have its hash."""
    raw = _unpack(data, size, digest) if encoding == "zlib" else data
    if len(raw) != size or hashlib.sha256(raw).digest() != digest:
        raise ValueError(f"blob {blob_key} does not have its hash")
    return raw


def _unpack(data: bytes, size: int, digest: bytes) -> bytes:
    # Never more than the stored size: a few damaged bytes must not unpack to gigabytes.
    if not 0 <= size <= MOST_BYTES:
        raise ValueError(f"a blob cannot have {size} bytes")
    try:
        if size > _TRUSTED_BYTES:
            _check_unpacked(data, size, digest)
        return zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"a blob cannot be unpacked: {error}") from None


def _check_unpacked(data: bytes, size: int, digest: bytes) -> None:
    """Raise ValueError unless this unpacks to so many bytes with that hash; none is kept."""
    unpacker = zlib.decompressobj()
    found = hashlib.sha256()
    unpacked = 0
    for start in range(0, len(data), _PIECE):
        piece = unpacker.decompress(data[start : start + _PIECE])
        found.update(piece)
        unpacked += len(piece)
        if unpacked > size:
            break
    if unpacked != size or found.digest() != digest:
        raise ValueError("a blob does not have its hash")


def detach(conn: sqlite3.Connection, message: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """Return a message's JSON object without its large images, and the keys of their blobs."""
    keys: list[int] = []

    def put_away(source: dict[str, Any]) -> dict[str, Any]:
        data = source["data"]
        if not is_large(data):
            return source
        keys.append(put(conn, data))
        return {**source, "data": {_REFERENCE: hashlib.sha256(data.encode("utf-8")).hexdigest()}}

    content = _map_images(message["content"], put_away)
    return ({**message, "content": content}, keys) if keys else (message, keys)


def texts_of(conn: sqlite3.Connection, message_key: int) -> dict[str, str]:
    """Return the texts of a message's blobs, by hash. Raises ValueError when one is damaged."""
    # Which blobs does this message refer to?
    found = conn.execute(
        "SELECT b.blob_key, b.hash FROM message_blob JOIN blob AS b USING (blob_key) "
        "WHERE message_key = ?",
        (message_key,),
    ).fetchall()
    return {digest.hex(): get(conn, key) for key, digest in found}


def attach(message: dict[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the message with its images put back. Raises ValueError when one is missing."""

    def put_back(source: dict[str, Any]) -> dict[str, Any]:
        data = source.get("data")
        if type(data) is not dict:
            return source
        text = texts.get(data.get(_REFERENCE, ""))
        if text is None:
            raise ValueError("the blob of an image is missing")
        return {**source, "data": text}

    return {**message, "content": _map_images(message["content"], put_back)}


def _map_images(content: Any, change: Any, *, inside_result: bool = False) -> Any:
    """Return the content blocks with `change` applied to the source of every image.

    Images are among the blocks and among the parts of a tool's result, nowhere deeper: a result
    inside a result is an unknown part, and is stored as it is.
    """
    if type(content) is not list:
        return content
    changed = []
    for block in content:
        kind = block.get("type") if type(block) is dict else None
        if kind == "image" and type(block.get("source")) is dict:
            changed.append({**block, "source": change(block["source"])})
        elif kind == "tool_result" and not inside_result:
            inner = _map_images(block.get("content"), change, inside_result=True)
            changed.append({**block, "content": inner})
        else:
            changed.append(block)
    return changed


def reclaim(conn: sqlite3.Connection, blob_keys: Iterable[int]) -> list[int]:
    """Remove the blobs among these to which nothing refers; return the bytes each had."""
    removed: list[int] = []
    for key in sorted(set(blob_keys)):
        rows = conn.execute(
            "DELETE FROM blob WHERE blob_key = :key "
            "AND NOT EXISTS (SELECT 1 FROM artifact WHERE blob_key = :key) "
            "AND NOT EXISTS (SELECT 1 FROM message_blob WHERE blob_key = :key) "
            "AND NOT EXISTS (SELECT 1 FROM stream_item WHERE blob_key = :key) "
            "RETURNING length(data)",
            {"key": key},
        ).fetchall()
        removed += [row[0] for row in rows]
    return removed
