"""Byte artifacts: large values of bytes of a session, under a name, in versions.

A value is cut into chunks, which are items of one stream of the session, stored by their hash.
Chunks expire after a day, until the value is complete: then one item names them, in the commit that
makes the version. So a value that is not completed, because its writer failed or crashed, is
removed like any expired item, and no reader ever sees it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from a3s_store.core.arguments import refused
from a3s_store.core.streams import checks
from a3s_store.core.streams.checks import Encoder
from a3s_store.core.streams.reads import StreamPort
from a3s_store.core.streams.requests import (
    BYTES,
    Append,
    Body,
    DeletePlaces,
    EncodedItem,
    Finish,
    ItemQuery,
    version_id,
    version_of,
)
from a3s_store.core.streams.values import Item, StreamAppended
from a3s_store.errors import StaleItemError, StoreClosedError
from a3s_store.printable import short_repr

CHUNK: Final = 256 * 1024
# How many chunks one transaction writes, and one read reads.
_TOGETHER: Final = 4
_DAY_MS: Final = 86_400_000
# Bytes of a chunk that are tried to see whether it can be compressed, and the least saving.
_SAMPLE: Final = 4096
_TENTH: Final = 10
_LONGEST_TYPE: Final = 255


@attrs.frozen(kw_only=True)
class ByteArtifact:
    """The description of a stored version of a byte artifact.

    `size` is in bytes, `digest` is `sha256:` and the hash of all bytes in hex, `created_at_ms` in
    Unix milliseconds.
    """

    name: str
    version: int
    media_type: str
    size: int
    digest: str
    created_at_ms: int


class BytesReader:
    """Reads one version of a byte artifact, chunk by chunk; `open_bytes` makes it.

    `artifact` is its description. Each chunk is verified by its hash. What was deleted meanwhile
    raises StaleItemError, and a read after the block of `open_bytes` StoreClosedError.
    """

    artifact: ByteArtifact

    def __init__(
        self, store: StreamPort, stream: str, artifact: ByteArtifact, seqs: list[int]
    ) -> None:
        """Use `open_bytes` instead."""
        self.artifact = artifact
        self._store = store
        self._stream = stream
        self._seqs = seqs
        self._at = 0
        self._chunk: tuple[int, bytes] = (-1, b"")
        self._is_closed = False

    def __repr__(self) -> str:
        """Return the artifact and the position, without bytes."""
        one = self.artifact
        state = "closed" if self._is_closed else f"at {self._at} of {one.size} bytes"
        return f"<BytesReader {short_repr(one.name)} version {one.version}, {state}>"

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.artifact.size

    @property
    def digest(self) -> str:
        """The hash of all bytes: `sha256:` and hex digits."""
        return self.artifact.digest

    def seek(self, position: int) -> None:
        """Go to a byte, counted from 0; behind the end nothing is read.

        Raises:
            InvalidArgumentError: it is no integer of 0 or more.
        """
        self._at = checks.number("seek", "position", position)

    async def read(self, size: int = -1) -> bytes:
        """Return the next bytes, up to `size`; all that are left with -1; empty at the end."""
        checks.number("read", "size", size, -1)
        if self._is_closed:
            raise StoreClosedError(
                "the reader is closed: the block of open_bytes has ended",
                op="read",
                where=f"byte artifact {short_repr(self.artifact.name)}",
                hint="Read inside the block, or open the artifact again",
            )
        end = self.size if size < 0 else min(self.size, self._at + size)
        found: list[bytes] = []
        while self._at < end:
            index, begin = divmod(self._at, CHUNK)
            for chunk in await self._read_chunks(index, -(-end // CHUNK)):
                part = chunk[begin : begin + end - self._at]
                if not part:
                    raise _deleted()
                found.append(part)
                self._at += len(part)
                begin = 0
        return b"".join(found)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes that are left, up to 256 KiB at a time."""
        while part := await self.read(CHUNK - self._at % CHUNK):
            yield part

    def _close(self) -> None:
        self._is_closed = True
        self._chunk = (-1, b"")

    async def _read_chunks(self, index: int, end: int) -> list[bytes]:
        """Return some chunks from one on, up to before another: those that follow each other."""
        if self._chunk[0] == index:
            return [self._chunk[1]]
        first = self._seqs[index]
        seqs = self._seqs[index : min(end, index + _TOGETHER)]
        count = next((n for n, seq in enumerate(seqs) if seq != first + n), len(seqs))
        query = ItemQuery(name=self._stream, after=first - 1, before=first + count)
        found: tuple[Item, ...] = await self._store._read_stream("read", self.artifact.name, query)
        if len(found) != count:
            raise _deleted()
        self._chunk = index + count - 1, found[-1].value
        return [one.value for one in found]


class ByteArtifacts:
    """The byte artifacts of one session."""

    def __init__(self, store: StreamPort, encoder: Encoder, session_id: str) -> None:
        self._store = store
        self._encoder = encoder
        self._session_id = session_id
        self._stream = BYTES + session_id

    async def put(
        self,
        name: str,
        data: bytes | AsyncIterable[bytes],
        media_type: str,
        expected_version: int | None,
    ) -> ByteArtifact:
        """See `StreamStore.put_bytes`."""
        op = "put_bytes"
        prefix = self._encoder.check_name(op, "name", name) + "\0"
        media_type = self._encoder.line(op, "media_type", media_type, _LONGEST_TYPE)
        if expected_version is not None:
            checks.number(op, "expected_version", expected_version)
        given: Any = data
        if not isinstance(given, bytes | bytearray | memoryview | AsyncIterable):
            what = f"is bytes or an async iterable of bytes, not {short_repr(given)}"
            raise refused(op, "data", what)
        hashed, size = hashlib.sha256(), 0
        written: list[int] = []
        waiting: list[bytes] = []
        async for chunk in _chunks(op, data):
            if len(waiting) == _TOGETHER:
                written += await self._write(op, name, waiting)
                waiting = []
            waiting.append(chunk)
            hashed.update(chunk)
            size += len(chunk)
        digest = f"sha256:{hashed.hexdigest()}"
        request = Finish(
            append=self._append(waiting, ttl_ms=None),
            id_prefix=prefix,
            written=tuple(written),
            manifest={"media_type": media_type, "size": size, "digest": digest},
            expected_version=expected_version,
        )
        version = int(await self._store._write_stream(op, name, request))
        found = await self._manifest(op, name, version)
        if found is None:
            raise _deleted()
        return found[0]

    async def _write(self, op: str, name: str, chunks: list[bytes]) -> range:
        request = self._append(chunks, ttl_ms=_DAY_MS)
        done: StreamAppended = await self._store._write_stream(op, name, request)
        return range(done.first, done.next)

    def _append(self, chunks: list[bytes], ttl_ms: int | None) -> Append:
        return Append(
            name=self._stream,
            items=tuple(
                EncodedItem(id=None, body=Body(one, False), labels=(), metadata=None, ttl_ms=ttl_ms)
                for one in chunks
            ),
            session_id=self._session_id,
            compress=any(map(_is_compressible, chunks)),
            is_logged=False,
        )

    @asynccontextmanager
    async def open(self, name: str, version: int | None) -> AsyncIterator[BytesReader | None]:
        """See `StreamStore.open_bytes`."""
        found = await self._manifest("open_bytes", name, version)
        if found is None:
            yield None
            return
        reader = BytesReader(self._store, self._stream, *found)
        try:
            yield reader
        finally:
            reader._close()

    async def _manifest(
        self, op: str, name: str, version: int | None
    ) -> tuple[ByteArtifact, list[int]] | None:
        prefix = checks.name(op, "name", name) + "\0"
        if version is None:
            query = ItemQuery(name=self._stream, id_prefix=prefix, order="id", last=1)
        else:
            checks.number(op, "version", version, 1)
            query = ItemQuery(name=self._stream, id=version_id(prefix, version))
        found: tuple[Item, ...] = await self._store._read_stream(op, name, query)
        return _described(found[0]) if found else None

    async def list(self, name: str | None) -> tuple[ByteArtifact, ...]:
        """See `StreamStore.list_bytes`."""
        op = "list_bytes"
        prefix = "" if name is None else checks.name(op, "name", name) + "\0"
        query = ItemQuery(name=self._stream, id_prefix=prefix, order="id")
        found: tuple[Item, ...] = await self._store._read_stream(op, name or "", query)
        return tuple(_described(item)[0] for item in found)

    async def delete(self, name: str, version: int | None) -> int:
        """See `StreamStore.delete_bytes`."""
        op = "delete_bytes"
        prefix = checks.name(op, "name", name) + "\0"
        if version is None:
            query = ItemQuery(name=self._stream, id_prefix=prefix, order="id")
        else:
            checks.number(op, "version", version, 1)
            query = ItemQuery(name=self._stream, id=version_id(prefix, version))
        found: tuple[Item, ...] = await self._store._read_stream(op, name, query)
        if not found:
            return 0
        seqs = [seq for item in found for seq in (item.seq, *item.value["chunks"])]
        request = DeletePlaces(name=self._stream, seqs=tuple(seqs))
        return len(found) if await self._store._write_stream(op, name, request) else 0


def _described(item: Item) -> tuple[ByteArtifact, list[int]]:
    assert item.id is not None, "it was found by its id"
    value = item.value
    artifact = ByteArtifact(
        name=item.id[: item.id.index("\0")],
        version=version_of(item.id),
        media_type=value["media_type"],
        size=value["size"],
        digest=value["digest"],
        created_at_ms=item.at_ms,
    )
    return artifact, value["chunks"]


async def _chunks(op: str, data: Any) -> AsyncIterator[bytes]:
    """Yield the bytes in chunks, all of the same size but the last. Raises InvalidArgumentError."""
    left = bytearray()
    async for part in _parts(data):
        if not isinstance(part, bytes | bytearray | memoryview):
            raise refused(op, "data", f"yields bytes, and yielded {short_repr(part)}")
        left += part
        for at in range(0, len(left) - CHUNK + 1, CHUNK):
            yield bytes(left[at : at + CHUNK])
        del left[: len(left) - len(left) % CHUNK]
    if left:
        yield bytes(left)


async def _parts(data: Any) -> AsyncIterator[Any]:
    if isinstance(data, AsyncIterable):
        async for part in data:
            yield part
        return
    for part in _cut(memoryview(data).cast("B")):
        yield part


def _cut(data: memoryview) -> Iterator[memoryview]:
    for at in range(0, len(data), CHUNK):
        yield data[at : at + CHUNK]


def _is_compressible(chunk: bytes) -> bool:
    sample = chunk[:_SAMPLE]
    return len(zlib.compress(sample, 1)) <= len(sample) - len(sample) // _TENTH


def _deleted() -> StaleItemError:
    return StaleItemError(
        "the byte artifact was deleted meanwhile",
        expected=None,
        current=0,
        hint="`list_bytes` returns those that are stored",
    )
