"""A whole `SessionStore` made of upstream's five required methods.

Upstream's trait `SessionStore` requires `save`, `load`, `delete`, `list` and `exists`; every other
method has a default. `MinimalStore` has these defaults: saving an empty collection succeeds and
loading it returns None; other collections, and conditions on a digest, are refused with upstream's
text. One default differs: upstream accepts a checkpoint and drops it, and this store refuses to
save one, because a run could not be resumed from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from a3s_store.core.base.store import BaseStore
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.protocol import Capabilities, Health, Inventory
from a3s_store.core.redaction.redactor import BUILT_IN, Redact
from a3s_store.errors import CorruptionError, UnsupportedError, during
from a3s_store.wire import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from a3s_store.core.collections import CheckpointKind, Collection
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.models import SessionData

# The id that a health check asks for, to find out whether the backend can be read.
_PROBE: Final = "a3s_store.health"


class MinimalBackend(Protocol):
    """The five methods. `MinimalStore` checks ids and values before it calls them.

    A backend may also have `backend_name`, `capabilities()`, and the coroutines `health_check()`,
    which raises if the backend cannot be used, and `close()`.
    """

    async def save(self, session: SessionData) -> None:
        """Store the session under its id, in place of the one before."""

    async def load(self, session_id: str) -> SessionData | None:
        """Return the session as it was saved, or None."""

    async def delete(self, session_id: str) -> None:
        """Remove the session; success when there is none."""

    async def list(self) -> Iterable[str]:
        """Return the ids of all sessions, in any order."""

    async def exists(self, session_id: str) -> bool:
        """Return whether the session is stored."""


class MinimalStore(BaseStore):
    """A `SessionStore` over five methods, with upstream's defaults for everything else.

    Its name is that of the backend, or `unknown`; its capabilities are those of the backend's
    `capabilities()`, or none. Saving an empty collection succeeds; loading it returns None.
    `redact`, `credentials` and `limits` as in `SqliteSessionStore.open`.

    Raises:
        UnsupportedError: from saving a collection that is not empty, a checkpoint, or on the
            condition of a digest; nothing was written.
    """

    def __init__(
        self,
        backend: MinimalBackend,
        *,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(redact=redact, credentials=credentials, limits=limits)
        self._backend = backend
        self.backend_name = getattr(backend, "backend_name", "unknown")

    def __repr__(self) -> str:
        return f"<MinimalStore over {type(self._backend).__name__}>"

    def capabilities(self) -> Capabilities:
        """Return the capabilities of the backend; without such a method, none."""
        promised: Callable[[], Capabilities] | None = getattr(self._backend, "capabilities", None)
        return Capabilities() if promised is None else promised()

    async def _commit(self, batch: Batch) -> bool:
        where = f"session {batch.session_id!r}"
        with during(batch.op, where):
            self._refuse_unwritable(batch)
            for collection, values in batch.collections.items():
                if values:
                    raise self._unsupported(collection.name.replace("_", " "), "collections")
            if batch.retained_artifact_uris:
                raise self._unsupported("retained artifact URIs", "collections")
            if batch.expected_digest is not None:
                raise self._unsupported("aggregate snapshot CAS", "aggregate_cas")
            if batch.session is not None:
                await self._backend.save(batch.session)
        return True

    def _unsupported(self, what: str, capability: str) -> UnsupportedError:
        """Return the error with upstream's text."""
        return UnsupportedError(
            f"session store '{self.backend_name}' does not support {what}",
            capability=capability,
            hint="Use a store with this capability",
        )

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        found = None
        if session:
            with during(op, f"session {session_id!r}"):
                found = await self._backend.load(session_id)
                if found is not None and found.id != session_id:
                    raise CorruptionError("another session is stored here", session_id=session_id)
        return LoadResult(session=found, collections=dict.fromkeys(collections))

    async def _delete(self, session_id: str) -> None:
        with during("delete", f"session {session_id!r}"):
            await self._backend.delete(session_id)

    async def _ids(self) -> list[str]:
        with during("list", "sessions"):
            return sorted(await self._backend.list())

    async def _exists(self, session_id: str) -> bool:
        with during("exists", f"session {session_id!r}"):
            return await self._backend.exists(session_id)

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        with during(f"save_{kind.name}", f"{kind.key} {key!r}"):
            self._refuse_unwritable_checkpoint(value)
            raise self._unsupported(f"{kind.name.replace('_', ' ')}s", "checkpoints")

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        return None

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        """No checkpoint is stored, so none has to be removed."""

    async def _inventory(self) -> Inventory:
        return Inventory(sessions=tuple(await self._ids()))

    async def _health(self) -> Health:
        check: Callable[[], Awaitable[object]] | None = getattr(self._backend, "health_check", None)
        with during("health_check", ""):
            await (self._backend.exists(_PROBE) if check is None else check())
        return Health(backend=self.backend_name, location=None)

    async def _close(self) -> None:
        close: Callable[[], Awaitable[object]] | None = getattr(self._backend, "close", None)
        if close is not None:
            with during("close", ""):
                await close()
