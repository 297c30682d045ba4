"""Writing a batch in one transaction.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.write import (
        appends,
        conditional,
        host_changes,
        list_appends,
        run_checkpoints,
        session_changes,
        session_writer,
        streams,
        units,
    )

__all__ = [
    "appends",
    "conditional",
    "host_changes",
    "list_appends",
    "run_checkpoints",
    "session_changes",
    "session_writer",
    "streams",
    "units",
]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
