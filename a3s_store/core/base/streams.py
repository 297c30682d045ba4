"""The methods of `StreamStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from a3s_store import _forks
from a3s_store.core.arguments import check_cursor, check_limit, refused
from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import check_id

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page
    from a3s_store.core.streams.byte_artifacts import (
        ByteArtifact,
        ByteArtifacts,
        BytesReader,
    )
    from a3s_store.core.streams.handle import Stream
    from a3s_store.core.streams.requests import Read, Write
    from a3s_store.core.streams.values import Item, StreamInfo


def _parts() -> Any:
    """Return the package of streams, which most programs never import."""
    return _forks.load("a3s_store.core.streams")


class StreamMethods(BaseStore):
    """Implements `StreamStore` over the port below: it checks arguments."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _write_stream(self, op: str, name: str, request: Write) -> Any:
        """Execute a request in one transaction; return what its class says."""

    @abstractmethod
    async def _read_stream(self, op: str, name: str, query: Read) -> Any:
        """Return what a query asks for, read at one moment."""

    # -- The methods --------------------------------------------------------------------------

    def stream(self, name: str, *, session: str | None = None, compress: bool = False) -> Stream:
        """See `StreamStore.stream`."""
        parts = _parts()
        made: Stream = parts.handle.Stream(
            self,
            parts.checks.Encoder(self._redactor, self._limits),
            parts.checks.name("stream", "name", name),
            session_id=None if session is None else check_id(session),
            compress=compress,
        )
        return made

    async def streams(
        self, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> Page[StreamInfo]:
        """See `StreamStore.streams`."""
        op = "streams"
        self._check_open(op)
        parts = _parts()
        checked = parts.checks.prefix(op, "prefix", prefix)
        check_limit(op, limit)
        check_cursor(op, after)
        query = parts.requests.StreamQuery(prefix=checked, limit=limit, after=after)
        found: Page[StreamInfo] = await self._read_stream(op, prefix, query)
        return found

    async def delete_streams(self, prefix: str, *, dry_run: bool = False) -> int:
        """See `StreamStore.delete_streams`."""
        op = "delete_streams"
        self._check_open(op)
        parts = _parts()
        checked = parts.checks.prefix(op, "prefix", prefix)
        request = parts.requests.DeleteStreams(prefix=checked, dry_run=dry_run)
        return int(await self._write_stream(op, prefix, request))

    async def find_items(
        self,
        labels: Mapping[str, str],
        *,
        prefix: str = "",
        limit: int = 100,
        after: str | None = None,
    ) -> Page[tuple[str, Item]]:
        """See `StreamStore.find_items`."""
        op = "find_items"
        self._check_open(op)
        parts = _parts()
        checked = parts.checks.labels(op, labels)
        if not checked:
            raise refused(op, "labels", "has at least one label")
        check_limit(op, limit)
        check_cursor(op, after)
        query = parts.requests.LabelQuery(
            prefix=parts.checks.prefix(op, "prefix", prefix),
            labels=checked,
            limit=limit,
            after=after,
        )
        found: Page[tuple[str, Item]] = await self._read_stream(op, prefix, query)
        return found

    # -- Byte artifacts -----------------------------------------------------------------------

    def _bytes_of(self, op: str, session_id: str) -> ByteArtifacts:
        self._check_open(op)
        parts = _parts()
        encoder = parts.checks.Encoder(self._redactor, self._limits)
        made: ByteArtifacts = parts.byte_artifacts.ByteArtifacts(
            self, encoder, check_id(session_id)
        )
        return made

    async def put_bytes(
        self,
        session_id: str,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        media_type: str,
        expected_version: int | None = None,
    ) -> ByteArtifact:
        """See `StreamStore.put_bytes`."""
        found = self._bytes_of("put_bytes", session_id)
        return await found.put(name, data, media_type, expected_version)

    def open_bytes(
        self, session_id: str, name: str, *, version: int | None = None
    ) -> AbstractAsyncContextManager[BytesReader | None]:
        """See `StreamStore.open_bytes`."""
        return self._bytes_of("open_bytes", session_id).open(name, version)

    async def list_bytes(
        self, session_id: str, name: str | None = None
    ) -> tuple[ByteArtifact, ...]:
        """See `StreamStore.list_bytes`."""
        return await self._bytes_of("list_bytes", session_id).list(name)

    async def delete_bytes(self, session_id: str, name: str, version: int | None = None) -> int:
        """See `StreamStore.delete_bytes`."""
        return await self._bytes_of("delete_bytes", session_id).delete(name, version)
