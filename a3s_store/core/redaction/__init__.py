"""Removing secrets before a value is written.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.core.redaction import (
        blanking,
    )

__all__ = [
    "blanking",
]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
