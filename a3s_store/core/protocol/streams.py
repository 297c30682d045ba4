"""The protocol of stores that promise `streams`: opaque items in order, by id, and with labels."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page
    from a3s_store.core.streams.byte_artifacts import ByteArtifact, BytesReader
    from a3s_store.core.streams.handle import Stream
    from a3s_store.core.streams.values import Item, StreamInfo


@runtime_checkable
class StreamStore(SessionStore, Protocol):
    """A store that promises `streams`: logs and key-value data of hosts and adapters.

    A stream has items in the order in which they were added, each JSON or bytes, with an id (unique
    in the stream) or none, labels, and JSON metadata. Items are no part of a session, snapshot,
    digest, generation, fork or export; each commit that changes a stream has one entry in the
    commit log, of the kind `stream` with the stream's name. Expired items are gone at once for all
    methods. `redact=` is called with texts in JSON, metadata, labels and media types, not with
    bytes; a name or id that it would change is refused with InvalidIdError.
    """

    def stream(self, name: str, *, session: str | None = None, compress: bool = False) -> Stream:
        """Return a stream, without any I/O: it is stored with its first item or metadata.

        With `session` the first write ties it to that session, which must be stored: it is deleted
        and erased with the session. With `compress` large values are compressed.

        Raises:
            InvalidArgumentError: the name is no text of 1 to 1024 bytes without NUL.
        """

    async def streams(
        self, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> Page[StreamInfo]:
        """Return a page of the streams whose names begin with `prefix`, by name.

        `after` is `Page.next` of the page before.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            InvalidCursorError: `after` is damaged, or of another list or store.
        """

    async def delete_streams(self, prefix: str, *, dry_run: bool = False) -> int:
        """Remove the streams whose names begin with `prefix`; return how many.

        The empty text removes all. With `dry_run` they are only counted. A store may remove many
        streams in several commits: each stream is removed completely or not at all.
        """

    async def find_items(
        self,
        labels: Mapping[str, str],
        *,
        prefix: str = "",
        limit: int = 100,
        after: str | None = None,
    ) -> Page[tuple[str, Item]]:
        """Return a page of the items that have all these labels, each with its stream's name.

        Of streams whose names begin with `prefix`; in the order of names, then of `seq`.

        Raises:
            InvalidArgumentError: there is no label, or an argument has a wrong value.
            InvalidCursorError: `after` is damaged, or of another list or store.
        """

    async def put_bytes(
        self,
        session_id: str,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        media_type: str,
        expected_version: int | None = None,
    ) -> ByteArtifact:
        """Store bytes of a session under a name, as a new version; return its description.

        Versions count from 1; all are kept until they are deleted. Bytes are stored in chunks of
        256 KiB by their hash, so equal ones are stored once. A large value takes several
        transactions; it is seen as a whole, with the last one, and not at all if `data` raises or
        the process ends. With `expected_version` the newest version must be that one; 0: none.
        `media_type` is one line of 1 to 255 printable ASCII characters.

        Raises:
            StaleItemError: another version is the newest, or storing took longer than a day.
            SessionNotFoundError: the session is not stored.
            InvalidArgumentError: an argument has a wrong value.
        """

    def open_bytes(
        self, session_id: str, name: str, *, version: int | None = None
    ) -> AbstractAsyncContextManager[BytesReader | None]:
        """Return a context that gives a reader of a version, by default the newest.

        It gives None where there is none.
        """

    async def list_bytes(
        self, session_id: str, name: str | None = None
    ) -> tuple[ByteArtifact, ...]:
        """Return all versions of the byte artifacts of a session, by name, then by version."""

    async def delete_bytes(self, session_id: str, name: str, version: int | None = None) -> int:
        """Remove a version, by default all, in one commit; return how many there were."""


def streaming(store: SessionStore) -> StreamStore | None:
    """Return the store if it promises `streams`, else None."""
    if store.capabilities().streams and isinstance(store, StreamStore):
        return store
    return None
