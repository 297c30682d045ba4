"""The stores of a manager, by the storage type that a session asks for."""

from __future__ import annotations

import importlib
import logging
from os import PathLike
from typing import Any, Final, Self

import attrs

from a3s_store.core.protocol import Health, SessionStore
from a3s_store.errors import StoreError
from a3s_store.models import StorageBackend
from a3s_store.printable import Printable

_log = logging.getLogger("a3s_store.session")
# A layer above this one, which names no backend: so it is imported when it is called.
_FILE_STORAGE: Final = "a3s_store.file_storage"


@attrs.frozen(kw_only=True)
class StoreHealth(Printable):
    """The health of one store: `health` when it works, else `error`."""

    name: str
    health: Health | None = None
    error: StoreError | None = None


class SessionStores:
    """The stores of `SessionRegistry`, which closes those that it opened."""

    def __init__(self) -> None:
        self._stores: dict[StorageBackend, SessionStore] = {}
        self._mine: list[SessionStore] = []

    async def with_persistence(self, directory: str | PathLike[str]) -> Self:
        """Store sessions of storage type `file` in upstream's layout in this directory.

        The store is closed by `shutdown`. Raises as `FileSessionStore.open`.
        """
        above: Any = importlib.import_module(_FILE_STORAGE)
        store: SessionStore = await above.open_directory(directory)
        self._mine.append(store)
        return self.with_store(store, StorageBackend.FILE)

    def with_store(
        self, store: SessionStore, backend: StorageBackend = StorageBackend.FILE
    ) -> Self:
        """Store sessions of this storage type in this store, which the caller closes.

        Sessions of type `memory` are never stored, whatever is registered.
        """
        self._stores[backend] = store
        return self

    def _store_of(self, session_id: str, backend: StorageBackend) -> SessionStore | None:
        if backend is StorageBackend.MEMORY:
            return None
        unknown = backend not in [*StorageBackend]  # a type of a newer release: take any store
        store = next(iter(self._stores.values()), None) if unknown else self._stores.get(backend)
        if store is None and self._stores:
            _log.warning("no store for sessions of type %s: %s is not saved", backend, session_id)
        return store

    async def store_health(self) -> tuple[StoreHealth, ...]:
        """Return the health of each store, in the order of their registration."""
        found = []
        for backend, store in self._stores.items():
            name = f"{backend}: {store.backend_name}"
            try:
                found.append(StoreHealth(name=name, health=await store.health_check()))
            except StoreError as error:
                found.append(StoreHealth(name=name, error=error))
        return tuple(found)
