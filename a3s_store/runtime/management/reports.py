"""Reports of a manager: which sessions were loaded, and the health of its stores."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from a3s_store.core.protocol import Health
from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import StoreError
from a3s_store.printable import Printable


@attrs.frozen(kw_only=True)
class LoadReport(Printable):
    """The result of `load_all_sessions`: ids that are live now, and errors of the others by id.

    `tool_pairs` has, by id, calls without results and results without calls in the conversations
    that have any, except those of a last round, which may be resumed.
    """

    loaded: tuple[str, ...]
    failed: Mapping[str, StoreError]
    tool_pairs: Mapping[str, tuple[PairProblem, ...]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class StoreHealth(Printable):
    """The health of one store: `health` when it works, else `error`."""

    name: str
    health: Health | None = None
    error: StoreError | None = None
