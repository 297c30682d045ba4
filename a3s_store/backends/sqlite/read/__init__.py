"""Read sessions, messages and lists of sessions.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.read import (
        branches,
        catalog,
        decode,
        fetch,
        list_ranges,
        memory_search,
        message_pages,
        notes,
        search,
        session_lists,
        streams,
        usage,
    )

__all__ = [
    "branches",
    "catalog",
    "decode",
    "fetch",
    "list_ranges",
    "memory_search",
    "message_pages",
    "notes",
    "search",
    "session_lists",
    "streams",
    "usage",
]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
