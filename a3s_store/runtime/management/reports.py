"""What loading all sessions came to, and how the stores of a manager are."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from a3s_store.core.protocol import Health, SessionStore
from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import StoreError
from a3s_store.models import StorageBackend
from a3s_store.printable import Printable


@attrs.frozen(kw_only=True)
class LoadReport(Printable):
    """What `load_all_sessions` came to: ids that are live now, and why others are not, by id.

    `tool_pairs` has, by id, the calls without results and results without calls of conversations
    that have some; those of a last round that may be resumed are not among them.
    """

    loaded: tuple[str, ...]
    failed: Mapping[str, StoreError]
    tool_pairs: Mapping[str, tuple[PairProblem, ...]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class StoreHealth(Printable):
    """How one store is: `health` when it works, else `error`."""

    name: str
    health: Health | None = None
    error: StoreError | None = None


async def health_of(stores: Mapping[StorageBackend, SessionStore]) -> tuple[StoreHealth, ...]:
    """How each store is."""
    found = []
    for backend, store in stores.items():
        name = f"{backend}: {store.backend_name}"
        try:
            found.append(StoreHealth(name=name, health=await store.health_check()))
        except StoreError as error:
            found.append(StoreHealth(name=name, error=error))
    return tuple(found)
