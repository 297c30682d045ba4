"""The stores of a manager, by the kind of storage that a session asks for."""

from __future__ import annotations

import logging
from os import PathLike
from typing import Self

from a3s_store.core.protocol import SessionStore
from a3s_store.models import StorageBackend
from a3s_store.runtime.management.reports import StoreHealth, health_of

_log = logging.getLogger("a3s_store.session")


class SessionStores:
    """The stores of `SessionRegistry`; those it opened itself are closed with it."""

    def __init__(self) -> None:
        self._stores: dict[StorageBackend, SessionStore] = {}
        self._mine: list[SessionStore] = []

    async def with_persistence(self, directory: str | PathLike[str]) -> Self:
        """Keep sessions of storage type `file` in upstream's layout in this folder.

        Raises as `FileSessionStore.open`; the store is closed by `shutdown`.
        """
        from a3s_store.backends import jsonfiles  # the method's name is upstream's, and means it

        store = await jsonfiles.FileSessionStore.open(directory)
        self._mine.append(store)
        return self.with_store(store, StorageBackend.FILE)

    def with_store(
        self, store: SessionStore, backend: StorageBackend = StorageBackend.FILE
    ) -> Self:
        """Keep sessions of this storage type in this store, which stays yours to close.

        `memory` means that a session is not kept at all, whatever is registered.
        """
        self._stores[backend] = store
        return self

    def _store_of(self, session_id: str, backend: StorageBackend) -> SessionStore | None:
        if backend is StorageBackend.MEMORY:
            return None
        unknown = backend not in [*StorageBackend]  # then any store is better than none
        store = next(iter(self._stores.values()), None) if unknown else self._stores.get(backend)
        if store is None and self._stores:
            _log.warning("no store for sessions of type %s: %s is not kept", backend, session_id)
        return store

    async def store_health(self) -> tuple[StoreHealth, ...]:
        """How each store is."""
        return await health_of(self._stores)
