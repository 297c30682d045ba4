"""The methods of streams, which a directory of files does not have: each refuses."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from a3s_store.backends.jsonfiles.refusals import unsupported
from a3s_store.core.base.store import BaseStore
from a3s_store.errors import UnsupportedError

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page
    from a3s_store.core.streams.byte_artifacts import ByteArtifact, BytesReader
    from a3s_store.core.streams.handle import Stream
    from a3s_store.core.streams.values import Item, StreamInfo


class NoStreams(BaseStore):
    """Refuses `StreamStore`, which `capabilities()` does not promise."""

    def stream(self, name: str, *, session: str | None = None, compress: bool = False) -> Stream:
        """Raise UnsupportedError."""
        raise self._has_no_streams("stream")

    async def streams(
        self, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> Page[StreamInfo]:
        """Raise UnsupportedError."""
        raise self._has_no_streams("streams")

    async def delete_streams(self, prefix: str, *, dry_run: bool = False) -> int:
        """Raise UnsupportedError."""
        raise self._has_no_streams("delete_streams")

    async def find_items(
        self,
        labels: Mapping[str, str],
        *,
        prefix: str = "",
        limit: int = 100,
        after: str | None = None,
    ) -> Page[tuple[str, Item]]:
        """Raise UnsupportedError."""
        raise self._has_no_streams("find_items")

    async def put_bytes(
        self,
        session_id: str,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        media_type: str,
        expected_version: int | None = None,
    ) -> ByteArtifact:
        """Raise UnsupportedError."""
        raise self._has_no_streams("put_bytes")

    def open_bytes(
        self, session_id: str, name: str, *, version: int | None = None
    ) -> AbstractAsyncContextManager[BytesReader | None]:
        """Raise UnsupportedError."""
        raise self._has_no_streams("open_bytes")

    async def list_bytes(
        self, session_id: str, name: str | None = None
    ) -> tuple[ByteArtifact, ...]:
        """Raise UnsupportedError."""
        raise self._has_no_streams("list_bytes")

    async def delete_bytes(self, session_id: str, name: str, version: int | None = None) -> int:
        """Raise UnsupportedError."""
        raise self._has_no_streams("delete_bytes")

    def _has_no_streams(self, op: str) -> UnsupportedError:
        what = f"a store of the kind {self.backend_name!r} has no streams"
        return unsupported(op, "streams", what)
