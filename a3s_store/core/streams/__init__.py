"""Streams: opaque items in order, by id, and with labels; requests, their effects, and values.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.core.streams import (
        byte_artifacts,
        checks,
        handle,
        paging,
        planning,
        reads,
        recording,
        requests,
        values,
    )

__all__ = [
    "byte_artifacts",
    "checks",
    "handle",
    "paging",
    "planning",
    "reads",
    "recording",
    "requests",
    "values",
]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
