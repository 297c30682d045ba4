"""SQL of each table.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.rows import (
        commit_log,
        deleted_streams,
        drafts,
        expiry,
        log_trim,
        memory_index,
        queue_entries,
        saved_as,
        search_index,
        session_header,
        stream_items,
        streams,
        unfinished,
        word_index,
    )

__all__ = [
    "commit_log",
    "deleted_streams",
    "drafts",
    "expiry",
    "log_trim",
    "memory_index",
    "queue_entries",
    "saved_as",
    "search_index",
    "session_header",
    "stream_items",
    "streams",
    "unfinished",
    "word_index",
]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
