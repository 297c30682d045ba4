"""Lists of sessions: filters, orders, pages with cursors, and what a row of a list has.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.core.listing import conditions, paging, texts, values

__all__ = ["conditions", "paging", "texts", "values"]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
